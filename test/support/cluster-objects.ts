/** What tests do to objects of a real API server, over the administrator's access. */
import type { ControlPlaneAccess } from "./control-plane-access.ts";
import { type LeaseObject, leasesPath, parseLeaseList, parseLeaseObject } from "./lease-history.ts";

/** So many requests at once that two cores are not idle, and not so many that the API server queues them. */
const AT_ONCE = 8;

/** Runs `task` for each item, some at once. */
async function each<Item>(items: readonly Item[], task: (item: Item) => Promise<unknown>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(3, "0")}`);
}

/** Creates the namespace and `count` objects of a core kind in it; answers their keys. */
export async function createObjects(
  plane: ControlPlaneAccess,
  namespace: string,
  plural: "configmaps" | "secrets",
  count: number,
  annotations: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  await plane.namespace(namespace);
  const created = names(plural.slice(0, 2), count);
  await each(created, (name) =>
    plane.must("POST", `/api/v1/namespaces/${namespace}/${plural}`, { metadata: { name, annotations } }),
  );
  return created.map((name) => `${namespace}/${name}`);
}

/** Sets annotations on objects by their keys; `null` takes one off. */
export async function annotate(
  plane: ControlPlaneAccess,
  plural: "configmaps" | "secrets",
  keys: readonly string[],
  annotations: Readonly<Record<string, string | null>>,
): Promise<void> {
  await each(keys, (key) => {
    const [namespace, name] = key.split("/");
    return plane.must("PATCH", `/api/v1/namespaces/${namespace}/${plural}/${name}`, { metadata: { annotations } });
  });
}

export async function leaseOf(
  plane: ControlPlaneAccess,
  namespace: string,
  name: string,
): Promise<LeaseObject | undefined> {
  const answer = await plane.call("GET", leasesPath(namespace, name));
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw new Error(`Lease ${name} was answered ${answer.status}`);
  return parseLeaseObject(answer.text);
}

/** All of them when `labelSelector` is left out. */
export async function leasesOf(
  plane: ControlPlaneAccess,
  namespace: string,
  labelSelector = "",
): Promise<LeaseObject[]> {
  return parseLeaseList(
    await plane.must("GET", `${leasesPath(namespace)}?labelSelector=${encodeURIComponent(labelSelector)}`),
  );
}
