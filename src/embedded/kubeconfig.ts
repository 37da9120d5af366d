/** A kubeconfig for a local server. */

export interface Kubeconfig {
  /** The file's contents; JSON is YAML. */
  readonly text: string;
  readonly object: KubeconfigObject;
}

/** The fields of a kubeconfig with one cluster, one user and one context. */
export interface KubeconfigObject {
  readonly apiVersion: "v1";
  readonly kind: "Config";
  readonly "current-context": string;
  readonly clusters: readonly { readonly name: string; readonly cluster: { readonly server: string } }[];
  readonly users: readonly { readonly name: string; readonly user: { readonly token?: string } }[];
  readonly contexts: readonly {
    readonly name: string;
    readonly context: { readonly cluster: string; readonly user: string; readonly namespace: string };
  }[];
}

const NAME = "embedded";

export function kubeconfigFor(url: string, token: string | undefined): Kubeconfig {
  const object: KubeconfigObject = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": NAME,
    clusters: [{ name: NAME, cluster: { server: url } }],
    users: [{ name: NAME, user: token === undefined ? {} : { token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user: NAME, namespace: "default" } }],
  };
  return { object, text: `${JSON.stringify(object, undefined, 2)}\n` };
}
