/**
 * What a test does with a control plane that runs already: ask it, give it service accounts, read its counters.
 *
 * Promises: it needs nothing but the plain data of {@link ControlPlaneInfo}, so that one server can be shared by the
 * worker processes of a test run; a service account is usable when it is returned (the RBAC authorizer has seen it).
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Everything that reaches a running control plane; plain data. */
export interface ControlPlaneInfo {
  /** Folder of `kube-apiserver`, `etcd` and `kubectl`. */
  readonly assets: string;
  /** Private folder of this control plane; removed when it stops. */
  readonly folder: string;
  /** `https://127.0.0.1:<port>` of the API server. */
  readonly url: string;
  /** `http://127.0.0.1:<port>` of etcd. */
  readonly etcdUrl: string;
  /** PEM of the certificate authority of the API server. */
  readonly ca: string;
  /** PEM of a client certificate in `system:masters`, and its key. */
  readonly adminCertificate: string;
  readonly adminKey: string;
  /** Path and text of a kubeconfig that uses them; namespace `default`. */
  readonly kubeconfigPath: string;
  readonly kubeconfig: string;
}

export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface ServiceAccount {
  readonly token: string;
  readonly kubeconfigPath: string;
  /** Replaces the rules; the authorizer obeys within some milliseconds. */
  setRules(rules: readonly PolicyRule[]): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Where the rules of a service account hold: in its own namespace (Role) or everywhere (ClusterRole). */
export type RuleScope = "namespace" | "cluster";

const REQUEST_DEADLINE_MS = 30_000;
const RBAC_DEADLINE_MS = 20_000;
const TOKEN_LIFE_SECONDS = 24 * 3600;

/** A kubeconfig of one cluster, one user and one context, as JSON (which is YAML). */
export function kubeconfigText(cluster: { url: string; ca: string }, user: object, namespace = "default"): string {
  const certificate = Buffer.from(cluster.ca).toString("base64");
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: cluster.url, "certificate-authority-data": certificate } }],
      users: [{ name: "test", user }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
    },
    null,
    2,
  )}\n`;
}

/** The administrator's kubeconfig for another address of the same server, such as a proxy in front of it. */
export function adminKubeconfig(info: ControlPlaneInfo, url: string = info.url): string {
  return kubeconfigText(
    { url, ca: info.ca },
    {
      "client-certificate-data": Buffer.from(info.adminCertificate).toString("base64"),
      "client-key-data": Buffer.from(info.adminKey).toString("base64"),
    },
  );
}

/** Sum of all series of the counter `name` whose labels include every one of `labels`. */
export function sumOfCounter(metrics: string, name: string, labels: Readonly<Record<string, string>>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const line of metrics.split("\n")) {
    if (!line.startsWith(`${name}{`)) continue;
    if (wanted.every((pair) => line.includes(`{${pair}`) || line.includes(`,${pair}`))) {
      sum += Number(line.slice(line.lastIndexOf(" ") + 1));
    }
  }
  return sum;
}

export class ControlPlaneAccess {
  readonly info: ControlPlaneInfo;
  readonly #agent: Agent;

  constructor(info: ControlPlaneInfo) {
    this.info = info;
    this.#agent = new Agent({ ca: info.ca, cert: info.adminCertificate, key: info.adminKey, keepAlive: false });
  }

  get url(): string {
    return this.info.url;
  }

  get ca(): string {
    return this.info.ca;
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfigPath(): string {
    return this.info.kubeconfigPath;
  }

  /** Text of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.info.kubeconfig;
  }

  /** One request, by the administrator or with `token`; any status is an answer. A PATCH is a merge patch. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers: Record<string, string> = body === undefined ? {} : { "content-type": contentType };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const identity = token === undefined ? { agent: this.#agent } : { ca: this.info.ca, agent: false };
    return new Promise((resolve, reject) => {
      const options = { method, headers, signal: AbortSignal.timeout(REQUEST_DEADLINE_MS), ...identity };
      const sent = request(new URL(path, this.info.url), options, (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on("error", reject);
      });
      sent.on("error", reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Like `call`, for what must succeed; statuses in `alsoFine` count as success too. */
  async must(method: string, path: string, body?: unknown, alsoFine: readonly number[] = []): Promise<string> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300 && !alsoFine.includes(answer.status)) {
      throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text.slice(0, 500)}`);
    }
    return answer.text;
  }

  /** Creates a namespace unless it exists. */
  async namespace(name: string): Promise<void> {
    await this.must("POST", "/api/v1/namespaces", { metadata: { name } }, [409]);
  }

  /**
   * Creates a service account (and its namespace), binds a role of its name with `rules` to it and requests a token.
   * The kubeconfig's current namespace is the account's. May be called again for the same account.
   */
  async serviceAccount(
    namespace: string,
    name: string,
    rules: readonly PolicyRule[],
    scope: RuleScope = "namespace",
  ): Promise<ServiceAccount> {
    await this.namespace(namespace);
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await this.must("POST", accounts, { metadata: { name } }, [409]);
    const setRules = (next: readonly PolicyRule[]): Promise<void> => this.#bind(namespace, name, next, scope);
    await setRules(rules);
    const request = { spec: { expirationSeconds: TOKEN_LIFE_SECONDS } };
    const answer: unknown = JSON.parse(await this.must("POST", `${accounts}/${name}/token`, request));
    const token = tokenOf(answer);
    await this.#waitUntilAllowed(namespace, token, rules);
    const folder = join(this.info.folder, "accounts", namespace);
    await mkdir(folder, { recursive: true });
    const kubeconfigPath = join(folder, `${name}.kubeconfig`);
    await writeFile(kubeconfigPath, kubeconfigText(this.info, { token }, namespace), { mode: 0o600 });
    return { token, kubeconfigPath, setRules };
  }

  async #bind(namespace: string, name: string, rules: readonly PolicyRule[], scope: RuleScope): Promise<void> {
    const group = "/apis/rbac.authorization.k8s.io/v1";
    const base = scope === "cluster" ? `${group}/cluster` : `${group}/namespaces/${namespace}/`;
    const kind = scope === "cluster" ? "ClusterRole" : "Role";
    const objectName = scope === "cluster" ? `${namespace}-${name}` : name;
    const metadata = { name: objectName };
    await this.must("PUT", `${base}roles/${objectName}`, { metadata, rules });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name: objectName };
    const subjects = [{ kind: "ServiceAccount", namespace, name }];
    await this.must("PUT", `${base}rolebindings/${objectName}`, { metadata, roleRef, subjects });
  }

  /** The authorizer reads roles from a watch of its own; the binding is seen after the role, so one question is enough. */
  async #waitUntilAllowed(namespace: string, token: string, rules: readonly PolicyRule[]): Promise<void> {
    const rule = rules.find(({ resourceNames }) => resourceNames === undefined);
    if (rule === undefined) return;
    const [resource = "*", subresource = ""] = (rule.resources[0] ?? "*").split("/");
    const resourceAttributes = { namespace, verb: rule.verbs[0], group: rule.apiGroups[0], resource, subresource };
    const review = { spec: { resourceAttributes } };
    const deadline = performance.now() + RBAC_DEADLINE_MS;
    for (;;) {
      const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
      const answer = await this.call("POST", path, review, token);
      if (answer.status === 201 && answer.text.includes('"allowed":true')) return;
      if (performance.now() > deadline) {
        throw new Error(
          `the authorizer did not obey the new rules within ${RBAC_DEADLINE_MS} ms: ${answer.text.slice(0, 500)}`,
        );
      }
      await delay(20);
    }
  }

  /** Runs the control plane's own kubectl as administrator; `input` is given on its standard input. */
  kubectl(args: readonly string[], input?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, HOME: this.info.folder, KUBECONFIG: this.info.kubeconfigPath };
      const options = { env, maxBuffer: 64 * 1024 * 1024 };
      const child = execFile(join(this.info.assets, "kubectl"), [...args], options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`kubectl ${args.join(" ")} failed: ${stderr.trim()}`, { cause: error }));
      });
      child.stdin?.end(input ?? "");
    });
  }

  /** The API server's own metrics, in Prometheus' text format. */
  metrics(): Promise<string> {
    return this.must("GET", "/metrics");
  }

  /** Requests for Leases that the API server has answered so far, of all clients and verbs (a watch counts when it ends). */
  async leaseRequests(): Promise<number> {
    return sumOfCounter(await this.metrics(), "apiserver_request_total", { resource: "leases" });
  }

  /** Compacts etcd at its current revision; returns that revision. Older resourceVersions cannot be read from etcd any more. */
  async compact(): Promise<string> {
    const post = async (path: string, body: object): Promise<unknown> => {
      const answer = await fetch(new URL(path, this.info.etcdUrl), {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
      });
      if (!answer.ok) throw new Error(`etcd answered ${answer.status} to ${path}: ${await answer.text()}`);
      return answer.json();
    };
    const revision = revisionOf(await post("/v3/kv/range", { key: Buffer.from("compaction").toString("base64") }));
    await post("/v3/kv/compaction", { revision, physical: true });
    return revision;
  }
}

function tokenOf(answer: unknown): string {
  if (typeof answer === "object" && answer !== null && "status" in answer) {
    const status = answer.status;
    if (typeof status === "object" && status !== null && "token" in status && typeof status.token === "string") {
      return status.token;
    }
  }
  throw new Error("the TokenRequest was answered without a token");
}

function revisionOf(answer: unknown): string {
  if (typeof answer === "object" && answer !== null && "header" in answer) {
    const header = answer.header;
    if (typeof header === "object" && header !== null && "revision" in header && typeof header.revision === "string") {
      return header.revision;
    }
  }
  throw new Error("etcd answered without a revision");
}
