import { Cluster, type ResourceSetup, Violation } from "./cluster.ts";
import { World } from "./world.ts";

/** 16 shards: a kind with one Lease, and one in 15 buckets. */
const SETUP: readonly ResourceSetup[] = [
  { resource: { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true }, buckets: 1 },
  { resource: { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true }, buckets: 15 },
];

const FAULTS_FROM_MS = 6_000;
const FAULTS_UNTIL_MS = 40_000;
/** 2 L on the slowest clock, a drain, a watch's back-off and some round trips. */
const BOUND_MS = 50_000;

export interface Outcome {
  readonly seed: number;
  /** What went wrong; undefined for a run as it must be. */
  readonly problem: string | undefined;
  readonly trace: readonly string[];
  readonly reconciles: number;
}

export interface StoryOptions {
  /** Makes the run wrong on purpose, so that the checks can be seen to work. */
  readonly sabotage?: (cluster: Cluster, objects: Objects) => void;
}

/** One run of a whole cluster, decided by its seed alone. */
export async function play(seed: number, options: StoryOptions = {}): Promise<Outcome> {
  const world = new World(seed);
  const cluster = new Cluster(world, SETUP);
  const objects = new Objects(cluster);
  let problem: string | undefined;
  try {
    for (let replica = 0; replica < 3; replica += 1)
      world.at(world.randomness.between(0, 4_000), () => void cluster.join());
    objects.create();
    schedule(cluster, objects);
    options.sabotage?.(cluster, objects);
    const check = (): void => cluster.check();
    await world.run(FAULTS_UNTIL_MS, check);
    heal(cluster);
    problem = await recover(cluster, objects, check);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    problem = error.message;
  }
  for (const replica of cluster.running) replica.kill();
  cluster.core.close();
  return { seed, problem, trace: world.trace, reconciles: cluster.sink.reconciles };
}

/** Every shard owned and every key reconciled within the bound; then it must stay so for a while. */
async function recover(cluster: Cluster, objects: Objects, check: () => void): Promise<string | undefined> {
  const { world } = cluster;
  const untilMs = world.nowMs + BOUND_MS;
  for (let calm = 0; calm < 3; ) {
    await world.run(world.nowMs + 1_000, check);
    const problem = afterwards(cluster, objects);
    if (problem !== undefined && world.nowMs >= untilMs) return problem;
    calm = problem === undefined ? calm + 1 : 0;
  }
  return undefined;
}

function afterwards(cluster: Cluster, objects: Objects): string | undefined {
  const unowned = cluster.unowned();
  if (unowned.length > 0)
    return `${unowned.length} shards have no owner ${BOUND_MS} ms after the faults ended: ${unowned.join(", ")}`;
  const loads = [...cluster.loads()];
  const fullest = Math.max(...loads.map(([, load]) => load));
  const emptiest = Math.min(...loads.map(([, load]) => load));
  if (fullest - emptiest > 1) return `shards are spread unevenly: ${loads.map((load) => load.join(" ")).join(", ")}`;
  const lost = objects.unreconciled();
  if (lost.length > 0) return `${lost.length} keys were not reconciled: ${lost.join(", ")}`;
  return undefined;
}

/** Every line works, nobody sleeps, and at least two replicas are there. */
function heal(cluster: Cluster): void {
  const { world } = cluster;
  world.note("all faults end");
  for (const replica of cluster.running) replica.link.heal(world.randomness.chance(0.5) ? "deliver" : "cut");
  while (cluster.running.length < 2) cluster.join();
}

type Fault = (cluster: Cluster, objects: Objects) => void;

function schedule(cluster: Cluster, objects: Objects): void {
  const { world } = cluster;
  const { randomness } = world;
  const count = 3 + Math.floor(randomness.between(0, 6));
  for (let number = 0; number < count; number += 1) {
    const [name, fault] = randomness.pick(FAULTS);
    world.at(randomness.between(FAULTS_FROM_MS, FAULTS_UNTIL_MS - 1_000), () => {
      world.note(`fault: ${name}`);
      fault(cluster, objects);
    });
  }
  for (let atMs = 3_000; atMs < FAULTS_UNTIL_MS; atMs += 1_500) world.at(atMs, () => objects.change());
}

function victim({ running, world }: Cluster) {
  return running.length === 0 ? undefined : world.randomness.pick(running);
}

function breakLine(
  faults: Parameters<NonNullable<ReturnType<typeof victim>>["link"]["break"]>[0],
  mostMs: number,
): Fault {
  return (cluster) => {
    const { world } = cluster;
    const replica = victim(cluster);
    if (replica === undefined) return;
    replica.link.break(faults);
    const how = world.randomness.chance(0.5) ? "deliver" : "cut";
    world.after(world.randomness.between(500, mostMs), () => replica.link.heal(how));
  };
}

const FAULTS: readonly (readonly [string, Fault])[] = [
  ["crash", (cluster) => victim(cluster)?.kill()],
  [
    "crash and restart",
    (cluster) => {
      victim(cluster)?.kill();
      cluster.world.after(cluster.world.randomness.between(100, 20_000), () => void cluster.join());
    },
  ],
  ["join", (cluster) => void cluster.join()],
  ["stop", (cluster) => victim(cluster)?.terminate()],
  [
    "rolling restart of one",
    (cluster) => {
      cluster.join();
      const old = victim(cluster);
      cluster.world.after(1_500, () => old?.terminate());
    },
  ],
  ["two-way partition", breakLine({ requestsLost: true, answersLost: true }, 30_000)],
  ["answers lost", breakLine({ answersLost: true }, 30_000)],
  ["requests lost", breakLine({ requestsLost: true }, 30_000)],
  ["watch stalled", breakLine({ eventsHeld: true }, 30_000)],
  ["lossy and late line", breakLine({ lossRate: 0.2, lateRate: 0.4, lateMs: 4_000 }, 30_000)],
  ["pause", (cluster) => victim(cluster)?.machine.pause(cluster.world.randomness.between(300, 25_000))],
  ["suspend", (cluster) => victim(cluster)?.machine.suspend(cluster.world.randomness.between(300, 25_000))],
  ["wall clock set", (cluster) => victim(cluster)?.machine.jumpWall(cluster.world.randomness.between(-9e5, 9e5))],
  ["watches cut", ({ core }) => core.endWatches("cut")],
  [
    "history compacted",
    ({ core }) => {
      core.compact();
      core.endWatches("cut");
    },
  ],
  ["Lease deleted", (_cluster, objects) => objects.onLease("DELETE", () => undefined)],
  [
    "Lease taken by an outsider",
    (_cluster, objects) =>
      objects.onLease("PUT", (spec) => ({ ...spec, holderIdentity: "outsider", leaseDurationSeconds: 15 })),
  ],
  ["Lease emptied", (_cluster, objects) => objects.onLease("PUT", () => ({}))],
  [
    "Lease filled with nonsense",
    (_cluster, objects) =>
      objects.onLease("PUT", (spec) => ({ ...spec, holderIdentity: " \\u0000?", leaseTransitions: 7_777 })),
  ],
  [
    "Lease names somebody who did not ask",
    (cluster, objects) => {
      const holderIdentity = victim(cluster)?.coordinator.identity ?? "nobody";
      objects.onLease("PUT", (spec) => ({ ...spec, holderIdentity }));
    },
  ],
  ["Lease annotated", (_cluster, objects) => objects.onLease("PUT", (spec) => spec)],
];

const OBJECTS_PER_KIND = { configmaps: 40, secrets: 4 } as const;

/** The outsider: it makes and changes the objects, and meddles with Leases. */
export class Objects {
  readonly #cluster: Cluster;
  #changes = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  create(): void {
    for (const [plural, count] of Object.entries(OBJECTS_PER_KIND)) {
      for (let number = 0; number < count; number += 1) {
        const metadata = { name: `o${number}`, annotations: { "sim/wanted": "0" } };
        this.#ask("POST", `/api/v1/namespaces/default/${plural}`, { metadata });
      }
    }
  }

  change(): void {
    const { randomness } = this.#cluster.world;
    const [plural, count] = randomness.chance(0.9) ? (["configmaps", 40] as const) : (["secrets", 4] as const);
    this.#changes += 1;
    const patch = { metadata: { annotations: { "sim/wanted": String(this.#changes) } } };
    this.#ask("PATCH", `/api/v1/namespaces/default/${plural}/o${Math.floor(randomness.between(0, count))}`, patch);
  }

  /** Changes the spec of a shard Lease, as kubectl would: whatever version it has. */
  onLease(
    method: "PUT" | "DELETE",
    change: (spec: Record<string, unknown>) => Record<string, unknown> | undefined,
  ): void {
    const path = `/apis/coordination.k8s.io/v1/namespaces/default/leases/sim-${this.#cluster.world.randomness.pick(this.#cluster.shards)}`;
    const found = this.#ask("GET", path);
    if (found?.kind === undefined || found.kind !== "Lease") return;
    if (method === "DELETE") return void this.#ask("DELETE", path);
    const annotations = { ...found.metadata?.annotations, "outsider/was-here": String(this.#cluster.world.nowMs) };
    this.#ask("PUT", path, { ...found, metadata: { ...found.metadata, annotations }, spec: change(found.spec ?? {}) });
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

  #ask(method: string, path: string, body?: object): Found | undefined {
    const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const answer = this.#cluster.core.handle({
      method,
      path,
      contentType,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer.kind === "body" ? (JSON.parse(answer.body) as Found) : undefined;
  }
}

interface Found {
  readonly kind?: string;
  readonly metadata?: { readonly annotations?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
  readonly items?: readonly {
    readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> };
  }[];
}
