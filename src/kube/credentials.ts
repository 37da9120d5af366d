/**
 * Who we are to the API server, and how we know that it is the right one: a port, so that tests and the embedded server
 * bring their own. `kubeconfig.ts` finds the real ones, `refreshing-credentials.ts` keeps them fresh.
 */

/** TLS options as `node:tls` takes them. Only what is set is set; an empty object means the system's trust store. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly pfx?: string | Buffer;
  readonly passphrase?: string;
  /** Name that the server's certificate must carry, where it is not the host of the URL. */
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Header values; an array is sent as several headers of one name (`Impersonate-Group`). */
export type CredentialHeaders = Readonly<Record<string, string | readonly string[]>>;

/** What a transport needs to know of one user at one cluster. */
export interface Credentials {
  /** URL of the API server with its path prefix and without a slash at the end. */
  readonly server: string;
  /** As of the last `headers()`; another object when, and only when, something in it has changed. */
  readonly tls: TlsMaterial;
  /** Namespace of the context, or the pod's own; `default` where neither says. */
  readonly namespace: string;
  /** `http://` or `https://` URL of a proxy between us and the server. */
  readonly proxyUrl?: string | undefined;
  /** Headers that authenticate one request. May read files or run a program; throws when there is nothing to send. */
  headers(): Promise<CredentialHeaders>;
  /** The server answered 401: whatever is cached is read again before the next request. */
  invalidate(): void;
  /** One line for logs, without any secret. */
  describe(): string;
}

/** What {@link staticCredentials} takes: only the server is needed. */
export interface StaticCredentials {
  readonly server: string;
  readonly token?: string;
  readonly tls?: TlsMaterial;
  readonly namespace?: string;
  readonly headers?: CredentialHeaders;
}

/** Credentials that never change. */
export function staticCredentials(given: StaticCredentials): Credentials {
  const server = given.server.replace(/\/+$/, "");
  const headers: CredentialHeaders = {
    ...given.headers,
    ...(given.token === undefined ? {} : { authorization: `Bearer ${given.token}` }),
  };
  return {
    server,
    tls: given.tls ?? {},
    namespace: given.namespace ?? "default",
    headers: async () => headers,
    invalidate() {},
    describe: () => server,
  };
}
