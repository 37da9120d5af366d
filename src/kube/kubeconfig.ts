import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import type { Cluster, Context, KubeConfig, User } from "@kubernetes/client-node";
import { parse } from "yaml";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import { bearerTokenFile, impersonationHeaders } from "./kubeconfig-user.ts";

/**
 * Finds the cluster and user to work with, as kubectl does. Reading and interpreting kubeconfigs is the work of
 * `KubeConfig`; this file adds what kubectl has and it lacks: the first of several files wins, missing files in the list
 * are passed over, `tokenFile`, groups of an impersonation, plain `http://`, and errors that name the remedy.
 *
 * Order: what the caller names, `KUBECONFIG`, the pod's service account, `~/.kube/config`.
 */

/** Where to look for a cluster; the usual places when empty. */
export interface CredentialSource {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string;
  /** A kubeconfig itself, as YAML or JSON text, or parsed. */
  readonly content?: string | object;
  /** Context to use instead of the current one. */
  readonly context?: string;
  /** Default: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Put before the service account's folder; for tests. Default empty. */
  readonly serviceAccountPrefix?: string;
}

/** One user at one cluster: what is needed to build and to renew credentials. */
export interface Access {
  /** Where it was found, for logs and errors. */
  readonly origin: string;
  readonly server: string;
  readonly namespace: string;
  readonly proxyUrl: string | undefined;
  /** A bearer token is read from this file, ahead of any other. */
  readonly tokenFile: string | undefined;
  /** Files that TLS material comes from. */
  readonly tlsFiles: readonly string[];
  /** True where a program or an auth provider gives out credentials that expire. */
  readonly renews: boolean;
  readonly extraHeaders: Readonly<Record<string, string | readonly string[]>>;
  /** A `KubeConfig` of just this user at this cluster, with nothing cached. */
  create(): KubeConfig;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

type KubeConfigClass = new () => KubeConfig;

/** One kubeconfig, as `KubeConfig` reads it and as it stands in the file. */
interface Loaded {
  readonly config: KubeConfig;
  readonly raw: unknown;
  /** Folder against which relative paths count. */
  readonly folder: string;
}

/** Throws `invalid-configuration` when nothing is found, or what is found cannot be used. */
export async function findAccess(source: CredentialSource): Promise<Access> {
  // Half a second of import: paid only by a process that really goes to a cluster by kubeconfig.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const environment = source.environment ?? process.env;
  if (source.content !== undefined) {
    return chooseAccess([loadContent(KubeConfig, source.content)], source.context, "the given kubeconfig", KubeConfig);
  }
  if (source.kubeconfig !== undefined) return fromFiles(KubeConfig, [source.kubeconfig], source.context);

  const listed = (environment.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) {
    const present = listed.filter((path) => existsSync(path));
    if (present.length > 0) return fromFiles(KubeConfig, present, source.context);
    throw refused(`KUBECONFIG names ${listed.join(", ")}, which does not exist; correct or unset it`);
  }
  const tokenFile = `${source.serviceAccountPrefix ?? ""}${SERVICE_ACCOUNT}/token`;
  if (source.context === undefined && environment.KUBERNETES_SERVICE_HOST && existsSync(tokenFile)) {
    return inCluster(KubeConfig, source.serviceAccountPrefix ?? "", tokenFile);
  }
  const home = join(environment.HOME ?? homedir(), ".kube", "config");
  if (existsSync(home)) return fromFiles(KubeConfig, [home], source.context);
  throw refused(
    `no cluster is configured: KUBECONFIG is not set, this is not a pod with a service account, and ${home} does not exist; ` +
      "give --kubeconfig, or set KUBECONFIG",
  );
}

function fromFiles(KubeConfig: KubeConfigClass, paths: readonly string[], context: string | undefined): Access {
  const loaded = paths.map((path) => {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      throw refused(`kubeconfig ${path} cannot be read: ${messageOf(error)}`);
    }
    return load(KubeConfig, parseYaml(text, `kubeconfig ${path}`), dirname(resolve(path)), `kubeconfig ${path}`);
  });
  return chooseAccess(loaded, context, `kubeconfig ${paths.join(delimiter)}`, KubeConfig);
}

function loadContent(KubeConfig: KubeConfigClass, content: string | object): Loaded {
  const what = "the given kubeconfig";
  return load(KubeConfig, typeof content === "string" ? parseYaml(content, what) : content, process.cwd(), what);
}

/** Parsed here and handed on as JSON, because a YAML error of `KubeConfig` would quote the lines around it, tokens included. */
function parseYaml(text: string, what: string): unknown {
  try {
    return parse(text, { prettyErrors: false, logLevel: "error" });
  } catch (error) {
    const offset =
      error instanceof Error && "pos" in error && Array.isArray(error.pos) ? Number(error.pos[0]) : Number.NaN;
    const line = Number.isNaN(offset) ? "" : ` in line ${text.slice(0, offset).split("\n").length}`;
    throw refused(`${what} is not valid YAML${line}`);
  }
}

function load(KubeConfig: KubeConfigClass, raw: unknown, folder: string, what: string): Loaded {
  if (typeof raw !== "object" || raw === null)
    throw refused(`${what} holds no configuration; write one, or name another file`);
  const config = new KubeConfig();
  try {
    // Entries that nobody asked for may be broken; the one that is used is checked when it is chosen.
    config.loadFromString(JSON.stringify(raw), { onInvalidEntry: "filter" });
  } catch (error) {
    throw refused(`${what} is not a kubeconfig: ${messageOf(error).slice(0, 200)}`);
  }
  config.makePathsAbsolute(folder);
  return { config, raw, folder };
}

/** The first file that has a name wins, as with kubectl. */
function firstNamed<T extends { readonly name: string }>(
  loaded: readonly Loaded[],
  list: (config: KubeConfig) => readonly T[],
  name: string,
): { readonly entry: T; readonly from: Loaded } | undefined {
  for (const from of loaded) {
    const entry = list(from.config).find((candidate) => candidate.name === name);
    if (entry !== undefined) return { entry, from };
  }
  return undefined;
}

function chooseAccess(
  loaded: readonly Loaded[],
  wanted: string | undefined,
  origin: string,
  KubeConfig: KubeConfigClass,
): Access {
  const current = loaded
    .map(({ config }) => config.getCurrentContext())
    .find((name) => name !== undefined && name !== "");
  const name = wanted ?? current;
  const known = [...new Set(loaded.flatMap(({ config }) => config.getContexts().map((context) => context.name)))];
  const choice = known.length === 0 ? "it has none" : `it has ${known.slice(0, 10).join(", ")}`;
  if (name === undefined) throw refused(`${origin} has no current-context; set one, or give --context (${choice})`);
  const context = firstNamed(loaded, (config) => config.getContexts(), name)?.entry;
  if (context === undefined) throw refused(`${origin} has no context ${JSON.stringify(name)}; ${choice}`);
  const cluster = firstNamed(loaded, (config) => config.getClusters(), context.cluster)?.entry;
  if (cluster === undefined) {
    throw refused(
      `context ${name} of ${origin} names cluster ${JSON.stringify(context.cluster)}, which it lacks or which has no server`,
    );
  }
  const user =
    context.user === undefined || context.user === ""
      ? undefined
      : firstNamed(loaded, (config) => config.getUsers(), context.user);
  if (user === undefined && context.user) {
    throw refused(`context ${name} of ${origin} names user ${JSON.stringify(context.user)}, which it lacks`);
  }
  const rawUser = user === undefined ? undefined : rawUserOf(user.from.raw, user.entry.name);
  return accessOf(KubeConfig, {
    origin: `context ${name} of ${origin}`,
    context,
    cluster,
    user: user === undefined ? { name: "anonymous" } : withExecPath(user.entry, user.from.folder),
    tokenFile: bearerTokenFile(rawUser, user?.from.folder ?? ""),
    extraHeaders: impersonationHeaders(rawUser),
  });
}

function inCluster(KubeConfig: KubeConfigClass, prefix: string, tokenFile: string): Access {
  const config = new KubeConfig();
  config.loadFromCluster(prefix);
  const cluster = config.getCurrentCluster();
  const context = config.getContexts()[0];
  if (cluster === null || context === undefined) throw refused("the pod's service account could not be read");
  return accessOf(KubeConfig, {
    origin: "the pod's service account",
    context: { ...context, ...(context.namespace === undefined ? {} : { namespace: context.namespace.trim() }) },
    cluster,
    user: { name: "service-account" },
    tokenFile,
    extraHeaders: {},
  });
}

interface Parts {
  readonly origin: string;
  readonly context: Context;
  readonly cluster: Cluster;
  readonly user: User;
  readonly tokenFile: string | undefined;
  readonly extraHeaders: Access["extraHeaders"];
}

function accessOf(KubeConfig: KubeConfigClass, parts: Parts): Access {
  const { origin, context, cluster } = parts;
  // A token file, which we read ourselves, comes before what any provider would give.
  const user: User = parts.tokenFile === undefined ? parts.user : { ...parts.user, authProvider: null };
  const url = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw refused(`${origin}: server ${JSON.stringify(cluster.server)} is not an http:// or https:// URL`);
  }
  const proxy = cluster.proxyUrl === undefined || cluster.proxyUrl === "" ? undefined : cluster.proxyUrl;
  if (proxy !== undefined && !/^https?:\/\//.test(proxy)) {
    throw refused(`${origin}: proxy-url must begin with http:// or https://; SOCKS proxies are not supported`);
  }
  // KubeConfig refuses plain http:// without this, and would build an agent for the proxy that nobody uses.
  const { proxyUrl: _, ...withoutProxy } = cluster;
  const plain = { ...withoutProxy, skipTLSVerify: cluster.skipTLSVerify || url.protocol === "http:" };
  return {
    origin,
    server: url.origin + url.pathname.replace(/\/+$/, ""),
    namespace: context.namespace || "default",
    proxyUrl: proxy,
    tokenFile: parts.tokenFile,
    tlsFiles: [cluster.caFile, user.certFile, user.keyFile].flatMap((file) => (file ? [file] : [])),
    renews: Boolean(user.exec ?? user.authProvider),
    extraHeaders: parts.extraHeaders,
    create() {
      const config = new KubeConfig();
      config.loadFromOptions({
        clusters: [plain],
        users: [user],
        contexts: [{ ...context, user: user.name, cluster: cluster.name }],
        currentContext: context.name,
      });
      return config;
    },
  };
}

/** A plugin named by a relative path stands beside its kubeconfig; and it is told, as client-go does, how it is called. */
function withExecPath(user: User, folder: string): User {
  const exec: unknown = user.exec;
  if (typeof exec !== "object" || exec === null || !("command" in exec) || typeof exec.command !== "string")
    return user;
  const command = exec.command.includes("/") && !isAbsolute(exec.command) ? join(folder, exec.command) : exec.command;
  const given: readonly unknown[] = "env" in exec && Array.isArray(exec.env) ? exec.env : [];
  const apiVersion =
    "apiVersion" in exec && typeof exec.apiVersion === "string" ? exec.apiVersion : "client.authentication.k8s.io/v1";
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec: { interactive: false } });
  return { ...user, exec: { ...exec, command, env: [...given, { name: "KUBERNETES_EXEC_INFO", value: info }] } };
}

function rawUserOf(raw: unknown, name: string): unknown {
  if (typeof raw !== "object" || raw === null || !("users" in raw) || !Array.isArray(raw.users)) return undefined;
  const found: unknown = raw.users.find((entry: unknown) => {
    return typeof entry === "object" && entry !== null && "name" in entry && entry.name === name;
  });
  return typeof found === "object" && found !== null && "user" in found ? found.user : undefined;
}

function refused(message: string): ElectorateError {
  return new ElectorateError("invalid-configuration", message);
}
