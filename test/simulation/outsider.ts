import type { Cluster } from "./cluster.ts";

const OBJECTS_PER_KIND = { configmaps: 40, secrets: 4 } as const;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const CONTROL = "sim-control";

type Spec = Record<string, unknown>;

/** What an outsider makes of the spec of a Lease. */
export type SpecChange = (spec: Spec) => Spec;

/** The outsider: it makes and changes the objects, and meddles with Leases as kubectl would, whatever version they have. */
export class Outsider {
  readonly #cluster: Cluster;
  #changes = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  createObjects(): void {
    for (const [plural, count] of Object.entries(OBJECTS_PER_KIND)) {
      for (let number = 0; number < count; number += 1) {
        const metadata = { name: `o${number}`, annotations: { "sim/wanted": "0" } };
        this.#ask("POST", `/api/v1/namespaces/default/${plural}`, { metadata });
      }
    }
  }

  changeObject(): void {
    const { randomness } = this.#cluster.world;
    const [plural, count] = randomness.chance(0.9) ? (["configmaps", 40] as const) : (["secrets", 4] as const);
    this.#changes += 1;
    const patch = { metadata: { annotations: { "sim/wanted": String(this.#changes) } } };
    this.#ask("PATCH", `/api/v1/namespaces/default/${plural}/o${Math.floor(randomness.between(0, count))}`, patch);
  }

  /** Keys whose wanted state was never observed by a reconcile. */
  unreconciled(): string[] {
    return Object.keys(OBJECTS_PER_KIND).flatMap((plural) =>
      (this.#ask("GET", `/api/v1/namespaces/default/${plural}`)?.items ?? [])
        .filter(({ metadata }) => metadata.annotations?.["sim/wanted"] !== metadata.annotations?.["sim/observed"])
        .filter(({ metadata }) => metadata.name.startsWith("o"))
        .map(({ metadata }) => `${plural}/${metadata.name}`),
    );
  }

  /** Any Lease of a role, by its name; `undefined` when there is none. */
  anyLease(role: "shard" | "member"): string | undefined {
    if (role === "shard") return `sim-${this.#cluster.world.randomness.pick(this.#cluster.shards)}`;
    const names = this.#leases("member").map(({ metadata }) => metadata.name);
    return names.length === 0 ? undefined : this.#cluster.world.randomness.pick(names);
  }

  edit(leaseName: string, change: SpecChange): void {
    const found = this.#ask("GET", `${LEASES}/${leaseName}`);
    if (found?.kind !== "Lease") return;
    const annotations = { ...found.metadata?.annotations, "outsider/was-here": String(this.#cluster.world.nowMs) };
    const edited = { ...found, metadata: { ...found.metadata, annotations }, spec: change(found.spec ?? {}) };
    this.#ask("PUT", `${LEASES}/${leaseName}`, edited);
  }

  delete(leaseName: string): void {
    this.#ask("DELETE", `${LEASES}/${leaseName}`);
  }

  /** Says that a Lease is renewed in another way than it is. */
  mark(leaseName: string, renewal: "per-shard" | "per-member"): void {
    this.#annotate(leaseName, { "electorate.dev/renewal": renewal });
  }

  /** What `electorate drain`, `cordon` and `uncordon` write. */
  intend(podName: string, intent: "drain" | "cordon" | null): void {
    for (const { metadata, spec } of this.#leases("member")) {
      const identity = metadata.annotations?.["electorate.dev/identity"] ?? spec?.holderIdentity;
      if (typeof identity === "string" && identity.split("_")[0] === podName)
        this.#annotate(metadata.name, { "electorate.dev/intent": intent });
    }
  }

  /** What `electorate pin` and `unpin` write. */
  pin(shard: string, podName: string | null): void {
    this.#annotate(`sim-${shard}`, { "electorate.dev/pin": podName });
  }

  /** What `electorate freeze` and `unfreeze` write. */
  freeze(frozen: boolean): void {
    const labels = { "electorate.dev/coordinator": "sim", "electorate.dev/role": "control" };
    this.#ask("POST", LEASES, { metadata: { name: CONTROL, labels } });
    this.#annotate(CONTROL, { "electorate.dev/freeze": frozen ? "true" : null });
  }

  /** Takes back whatever was asked for. */
  withdrawIntents(): void {
    for (const { metadata } of this.#leases("member")) this.#annotate(metadata.name, { "electorate.dev/intent": null });
    for (const shard of this.#cluster.shards) this.pin(shard, null);
    this.freeze(false);
  }

  #leases(role: string) {
    const query = { labelSelector: `electorate.dev/coordinator=sim,electorate.dev/role=${role}` };
    return this.#ask("GET", LEASES, undefined, query)?.items ?? [];
  }

  #annotate(leaseName: string, annotations: Readonly<Record<string, string | null>>): void {
    this.#ask("PATCH", `${LEASES}/${leaseName}`, { metadata: { annotations } });
  }

  #ask(method: string, path: string, body?: object, query: Readonly<Record<string, string>> = {}): Found | undefined {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const answer = this.#cluster.core.handle({
      method,
      path,
      query,
      contentType,
      userAgent: "outsider",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.kind === "body" ? (JSON.parse(answer.body) as Found) : undefined;
  }
}

interface Found {
  readonly kind?: string;
  readonly metadata?: { readonly annotations?: Record<string, string> };
  readonly spec?: Spec;
  readonly items?: readonly {
    readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
    readonly spec?: Spec;
  }[];
}
