import { unversionedResource } from "../../config/fields.ts";
import { type KubeApi, resourceName } from "../../kube/api.ts";
import { ElectorateError, hasCode } from "../../runtime/errors.ts";
import { type ClusterSettings, withCluster } from "../cluster.ts";
import { reportFor } from "./leases.ts";
import type { Output } from "./table.ts";
import { membersText, placeText } from "./text.ts";
import { placeOfKey, resourcesOf } from "./where.ts";

export interface AskSettings extends ClusterSettings {
  readonly output: Output;
}

/** Prints the members of a coordinator. Throws what keeps them from being known. */
export async function showMembers(settings: AskSettings): Promise<void> {
  const text = await withCluster(settings, "status", async (cluster) => {
    const { coordinator, namespace, at, members } = await reportFor(cluster, () => true);
    return membersText({ coordinator, namespace, at, members }, settings.output);
  });
  process.stdout.write(text);
}

/** Prints the shard of a key, and whose it is. Throws what keeps it from being known. */
export async function showPlace(resource: string, key: string, settings: AskSettings): Promise<void> {
  const text = await withCluster(settings, "status", async (cluster) => {
    const name = await nameOfResource(cluster.client, resource, key);
    const report = await reportFor(cluster, (candidate) => resourcesOf(candidate).includes(name));
    return placeText(placeOfKey(report, name, key), settings.output);
  });
  process.stdout.write(text);
}

/** `plural.group`, whichever of its names it was given by, and a key that can be one of its objects'. */
async function nameOfResource(client: KubeApi, resource: string, key: string): Promise<string> {
  if (!/^[^/\s]+(\/[^/\s]+)?$/.test(key)) {
    throw unusable(`"${key}" names no object; write NAMESPACE/NAME, or NAME alone for a resource without namespaces`);
  }
  try {
    const found = await client.discover(resource);
    const name = resourceName(found);
    if (found.namespaced && !key.includes("/")) {
      throw unusable(`${name} live in namespaces: write NAMESPACE/NAME, such as default/${key}`);
    }
    if (!found.namespaced && key.includes("/")) {
      throw unusable(`${name} live in no namespace: write the name alone, ${key.slice(key.indexOf("/") + 1)}`);
    }
    return name;
  } catch (error) {
    // Whoever may list Leases and not ask what resources there are is taken at his word.
    if (hasCode(error, "forbidden")) return unversionedResource(resource);
    throw error;
  }
}

function unusable(message: string): ElectorateError {
  return new ElectorateError("invalid-configuration", message);
}
