/** The children of a Website, as they should be: plain data, computed from its spec. */
import type { KubernetesObject } from "electorate";

/** Names the Website of an object that it does not own. */
export const WEBSITE_LABEL = "examples.electorate.dev/website";

export interface Website {
  readonly object: KubernetesObject;
  readonly name: string;
  readonly generation: number;
  readonly page: string;
  readonly replicas: number;
}

export function parseWebsite(object: KubernetesObject): Website {
  const { name, generation = 0 } = object.metadata;
  const spec = object.spec;
  if (typeof spec !== "object" || spec === null || !("page" in spec) || typeof spec.page !== "string")
    throw new Error(`the Website ${name} has no spec.page`);
  const replicas = "replicas" in spec && typeof spec.replicas === "number" ? spec.replicas : 1;
  return { object, name, generation, page: spec.page, replicas };
}

export function configMapOf(website: Website): KubernetesObject {
  return { ...childOf(website), data: { "index.html": website.page } };
}

/** `key` is whatever, by a change of it, replaces the pods. */
export function deploymentOf(website: Website, key: string): KubernetesObject {
  const labels = { [WEBSITE_LABEL]: website.name };
  const container = {
    name: "web",
    image: "nginx:1.29-alpine",
    volumeMounts: [{ name: "page", mountPath: "/usr/share/nginx/html" }],
  };
  return {
    ...childOf(website),
    spec: {
      replicas: website.replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { "examples.electorate.dev/key": key } },
        spec: { containers: [container], volumes: [{ name: "page", configMap: { name: website.name } }] },
      },
    },
  };
}

/** Children have their owner's name, and are the cluster's to delete with it. */
function childOf({ object, name }: Website): { readonly metadata: KubernetesObject["metadata"] } {
  const { namespace } = object.metadata;
  return { metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...controlledBy(object) } };
}

/** The one reference that makes a Website the controller of a child. */
function controlledBy({ metadata: { name, uid } }: KubernetesObject) {
  const kind = { apiVersion: "examples.electorate.dev/v1", kind: "Website" };
  return { ownerReferences: [{ ...kind, name, uid, controller: true, blockOwnerDeletion: true }] };
}
