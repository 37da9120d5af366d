import type { ApiResource, KubernetesObject } from "../../src/kube/api.ts";
import type { Stage } from "./stage.ts";

export const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};
/** So many requests at once that two cores are not idle, and not so many that the API server queues them. */
const AT_ONCE = 16;

export function objectName(index: number): string {
  return `object-${String(index).padStart(6, "0")}`;
}

/** Creates ConfigMaps in the namespace of a cell; what the replicas' handlers do with them stands in `annotations`. */
export async function createObjects(
  { server, namespace }: Stage,
  count: number,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next; index < count; index = next) {
      next += 1;
      const name = objectName(index);
      const object: KubernetesObject = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, namespace, annotations },
      };
      await server.client.create(CONFIG_MAPS, object);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
