import { type ApiResource, type KubeApi, resourceName } from "../kube/api.ts";

/** Finds the resources that handlers name; shared by all guarded clients of a coordinator, so that each name is discovered once. */
export interface ResourceFinder {
  /** Throws what discovery throws; a failed discovery is tried again at the next call. */
  find(name: string, options: { readonly deadlineMs: number }): Promise<ApiResource>;
}

export function createResourceFinder(api: Pick<KubeApi, "discover">): ResourceFinder {
  const found = new Map<string, ApiResource>();
  return {
    async find(name, options) {
      const known = found.get(name);
      if (known !== undefined) return known;
      const resource = await api.discover(name, options);
      found.set(name, resource);
      return resource;
    },
  };
}

/** True when `name` is one of the ways to name `resource`, so that it need not be discovered. */
export function isNameOf(resource: ApiResource, name: string): boolean {
  const { group, version, plural } = resource;
  return (
    name === resourceName(resource) ||
    name === `${plural}.${version}.${group}` ||
    name === `${resourceName(resource)}/${version}`
  );
}
