import { resolve } from "node:path";

/** Fields of a kubeconfig's user that kubectl honours and `KubeConfig` passes over. */

function field(user: unknown, name: string): unknown {
  return typeof user === "object" && user !== null
    ? Object.entries(user).find(([key]) => key === name)?.[1]
    : undefined;
}

/** `tokenFile`, relative to the folder of the kubeconfig; also an auth provider's, which `KubeConfig` reads only once a minute. */
export function bearerTokenFile(user: unknown, folder: string): string | undefined {
  const provider = field(field(user, "auth-provider"), "config");
  const file = field(user, "tokenFile") ?? field(provider, "tokenFile");
  return typeof file === "string" && file !== "" ? resolve(folder, file) : undefined;
}

/** `as-uid`, `as-groups` and `as-user-extra`; the user's name itself (`as`) is sent by `KubeConfig`. */
export function impersonationHeaders(user: unknown): Readonly<Record<string, string | readonly string[]>> {
  const headers: Record<string, string | readonly string[]> = {};
  const uid = field(user, "as-uid");
  if (typeof uid === "string") headers["Impersonate-Uid"] = uid;
  const groups = texts(field(user, "as-groups"));
  if (groups.length > 0) headers["Impersonate-Group"] = groups;
  const extra = field(user, "as-user-extra");
  if (typeof extra === "object" && extra !== null) {
    for (const [key, values] of Object.entries(extra))
      headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = texts(values);
  }
  return headers;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
