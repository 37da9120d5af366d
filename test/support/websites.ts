/** The worked example of `examples/websites` on some API server: its definition, its configuration, and what tests do to its objects. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { KubernetesObject } from "../../src/kube/api.ts";
import type { PolicyRule } from "./control-plane-access.ts";
import { until } from "./waiting.ts";

/** Does a request on an API server and answers its body; throws for what is no success, unless its status is one of `alsoFine`. */
export type Ask = (method: string, path: string, body?: unknown, alsoFine?: readonly number[]) => Promise<string>;

const FOLDER = fileURLToPath(new URL("../../examples/websites/", import.meta.url));
const GROUP = "/apis/examples.electorate.dev/v1";
const BOUND_MS = 30_000;

/** What a service account needs, in the namespace of its websites: the rights that the README names, and what the handlers write. */
export const RIGHTS: readonly PolicyRule[] = [
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] },
  { apiGroups: ["examples.electorate.dev"], resources: ["websites"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["examples.electorate.dev"], resources: ["websites/status"], verbs: ["update"] },
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch", "create", "patch"] },
  { apiGroups: ["apps"], resources: ["deployments"], verbs: ["get", "list", "watch", "create", "patch"] },
  { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"] },
];

interface Entry {
  readonly handler: string;
  readonly watches: readonly { readonly map: string }[];
}

/** The example's `resources`, in one namespace only, with its modules found from anywhere. */
export function websiteResources(namespace: string): readonly object[] {
  const { resources } = parse(readFileSync(`${FOLDER}electorate.yaml`, "utf8")) as {
    readonly resources: readonly Entry[];
  };
  const absolute = (reference: string): string => reference.replace("./", FOLDER);
  return resources.map((entry) => ({
    ...entry,
    namespaces: [namespace],
    handler: absolute(entry.handler),
    watches: entry.watches.map((watched) => ({ ...watched, namespaces: [namespace], map: absolute(watched.map) })),
  }));
}

/** The websites of one namespace. */
export class Websites {
  readonly #ask: Ask;
  readonly #namespace: string;

  constructor(ask: Ask, namespace: string) {
    this.#ask = ask;
    this.#namespace = namespace;
  }

  /** Installs the definition and waits until it is served. */
  async define(): Promise<void> {
    const definition: unknown = parse(readFileSync(`${FOLDER}crd.yaml`, "utf8"));
    await this.#ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition, [409]);
    await until("websites to be served", BOUND_MS, async () => {
      // For a moment its storage is being made, which is answered 429.
      return !(await this.#ask("GET", this.#path("websites"), undefined, [404, 429])).includes('"Failure"');
    });
  }

  async create(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const spec = { page: `<h1>${name}</h1>`, replicas: 2 };
      await this.#ask("POST", this.#path("websites"), {
        apiVersion: "examples.electorate.dev/v1",
        kind: "Website",
        metadata: { name },
        spec,
      });
    }
  }

  async putSecret(website: string, value: string): Promise<void> {
    const metadata = { name: `${website}-key`, labels: { "examples.electorate.dev/website": website } };
    const path = this.#path("secrets", metadata.name);
    const patched = await this.#ask("PATCH", path, { stringData: { key: value } }, [404]);
    if (!patched.includes('"Failure"')) return;
    await this.#ask("POST", this.#path("secrets"), { metadata, stringData: { key: value } });
  }

  async patch(plural: string, name: string, patch: object): Promise<void> {
    await this.#ask("PATCH", this.#path(plural, name), patch);
  }

  async remove(plural: string, name: string): Promise<void> {
    await this.#ask("DELETE", this.#path(plural, name));
  }

  /** Plays the controller of Deployments, which says how many pods are ready. */
  async becomesReady(name: string, readyReplicas: number): Promise<void> {
    const status = { replicas: readyReplicas, readyReplicas };
    await this.#ask("PATCH", `${this.#path("deployments", name)}/status`, { status });
  }

  async get(plural: string, name: string): Promise<KubernetesObject | undefined> {
    const object = JSON.parse(await this.#ask("GET", this.#path(plural, name), undefined, [404])) as KubernetesObject;
    return object.kind === "Status" ? undefined : object;
  }

  /** Waits until an object is as `holds` says. */
  async until(
    what: string,
    plural: string,
    name: string,
    holds: (object: KubernetesObject) => boolean,
  ): Promise<KubernetesObject> {
    return until(`${what} of ${plural}/${name}`, BOUND_MS, async () => {
      const object = await this.get(plural, name);
      return object !== undefined && holds(object) ? object : undefined;
    });
  }

  /** Waits until each website has both children and a status of its newest generation. */
  async built(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.until("the page", "configmaps", name, () => true);
      await this.until("the pods", "deployments", name, () => true);
      await this.until("the status", "websites", name, ({ status, metadata }) => {
        return JSON.stringify(status ?? {}).includes(`"observedGeneration":${metadata.generation}`);
      });
    }
  }

  #path(plural: string, name = ""): string {
    const group = plural === "websites" ? GROUP : plural === "deployments" ? "/apis/apps/v1" : "/api/v1";
    return `${group}/namespaces/${this.#namespace}/${plural}${name === "" ? "" : `/${name}`}`;
  }
}
