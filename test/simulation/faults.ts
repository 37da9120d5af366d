import type { FaultRule } from "../../src/embedded/faults.ts";
import type { Cluster } from "./cluster.ts";
import type { LinkFaults } from "./link.ts";
import type { Outsider, SpecChange } from "./outsider.ts";
import type { Replica } from "./replica.ts";

/** Everything that may happen to a cluster while it must stay safe. */

export interface Scene {
  readonly cluster: Cluster;
  readonly outsider: Outsider;
  /** Starts a replica as this story has them. */
  join(): Replica;
  /** Does something later that is part of the fault. */
  later(delayMs: number, action: () => void): void;
}

type Fault = (scene: Scene) => void;

function victim({ cluster: { running, world } }: Scene): Replica | undefined {
  return running.length === 0 ? undefined : world.randomness.pick(running);
}

function breakLine(faults: Partial<LinkFaults>, mostMs: number): Fault {
  return (scene) => {
    const { world } = scene.cluster;
    const replica = victim(scene);
    if (replica === undefined) return;
    world.note(`the line of ${replica.name} breaks`);
    replica.link.break(faults);
    const how = world.randomness.chance(0.5) ? "deliver" : "cut";
    world.after(world.randomness.between(500, mostMs), () => replica.link.heal(how));
  };
}

function edit(
  role: "shard" | "member",
  change: (spec: Parameters<SpecChange>[0], scene: Scene) => ReturnType<SpecChange>,
): Fault {
  return (scene) => {
    const leaseName = scene.outsider.anyLease(role);
    if (leaseName === undefined) return;
    scene.cluster.world.note(`on Lease ${leaseName}`);
    scene.outsider.edit(leaseName, (spec) => change(spec, scene));
  };
}

function remove(role: "shard" | "member"): Fault {
  return ({ cluster, outsider }) => {
    const leaseName = outsider.anyLease(role);
    if (leaseName === undefined) return;
    cluster.world.note(`on Lease ${leaseName}`);
    outsider.delete(leaseName);
  };
}

const ON_MACHINES: readonly (readonly [string, Fault])[] = [
  ["crash", (scene) => victim(scene)?.kill()],
  [
    "crash and restart",
    (scene) => {
      const { world } = scene.cluster;
      victim(scene)?.kill();
      scene.later(world.randomness.between(100, 20_000), () => void scene.join());
    },
  ],
  ["join", (scene) => void scene.join()],
  ["stop", (scene) => victim(scene)?.terminate()],
  [
    "rolling restart of one",
    (scene) => {
      scene.join();
      const old = victim(scene);
      scene.later(1_500, () => old?.terminate());
    },
  ],
  ["pause", (scene) => victim(scene)?.pause(scene.cluster.world.randomness.between(300, 25_000))],
  ["suspend", (scene) => victim(scene)?.suspend(scene.cluster.world.randomness.between(300, 25_000))],
  ["wall clock set", (scene) => victim(scene)?.machine.jumpWall(scene.cluster.world.randomness.between(-9e5, 9e5))],
];

/** What is hardest to notice: the holder is told of nothing while its Lease is given to somebody else, and all that it writes succeeds. */
function giveAwayUnseen(scene: Scene): void {
  const { cluster, outsider } = scene;
  const { world, shards, running } = cluster;
  const holder = victim(scene);
  const other = victim(scene);
  const held = shards.filter((shard) => cluster.holderOf(shard) === holder?.coordinator.identity);
  if (holder === undefined || other === undefined || held.length === 0 || running.length < 2) return;
  const shard = world.randomness.pick(held);
  world.note(`${shard} of ${holder.name} is given to ${other.name}`);
  holder.link.break({ eventsHeld: true });
  outsider.edit(`sim-${shard}`, (spec) => ({ ...spec, holderIdentity: other.coordinator.identity }));
  world.after(world.randomness.between(10_000, 30_000), () => holder.link.heal("deliver"));
}

const ON_LINES: readonly (readonly [string, Fault])[] = [
  ["two-way partition", breakLine({ requestsLost: true, answersLost: true }, 30_000)],
  ["answers lost", breakLine({ answersLost: true }, 30_000)],
  ["requests lost", breakLine({ requestsLost: true }, 30_000)],
  ["watch stalled", breakLine({ eventsHeld: true }, 30_000)],
  ["lossy and late line", breakLine({ lossRate: 0.2, lateRate: 0.4, lateMs: 4_000 }, 30_000)],
  ["Lease given away behind a stalled watch", giveAwayUnseen],
  ["watches cut", ({ cluster: { core } }) => core.endWatches("cut")],
  [
    "history compacted",
    ({ cluster: { core } }) => {
      core.compact();
      core.endWatches("cut");
    },
  ],
];

/** For a while the server does this to the requests that it is for. */
function serve(rule: (scene: Scene) => FaultRule, mostMs: number): Fault {
  return (scene) => {
    const { world, core } = scene.cluster;
    const remove = core.faults.add(rule(scene));
    world.after(world.randomness.between(300, mostMs), remove);
  };
}

const WRITES = ["create", "update", "patch", "delete"];

const ON_SERVER: readonly (readonly [string, Fault])[] = [
  [
    "writes forbidden",
    serve(() => ({ resource: "leases", verb: WRITES, fault: { kind: "answer", status: 403 } }), 15_000),
  ],
  ["everything refused", serve(() => ({ fault: { kind: "answer", status: 503 } }), 15_000)],
  [
    "too many requests",
    serve(
      ({ cluster: { world } }) => ({
        resource: "leases",
        when: () => world.randomness.chance(0.5),
        fault: { kind: "answer", status: 429, retryAfterSeconds: 5 },
      }),
      15_000,
    ),
  ],
  [
    "writes applied and not answered",
    serve(
      ({ cluster: { world } }) => ({
        resource: "leases",
        verb: WRITES,
        when: () => world.randomness.chance(0.5),
        fault: { kind: "drop-after" },
      }),
      20_000,
    ),
  ],
  [
    "slow server",
    serve(
      ({ cluster: { world } }) => ({ fault: { kind: "delay", delayMs: world.randomness.between(200, 4_000) } }),
      15_000,
    ),
  ],
];

const ON_SHARD_LEASES: readonly (readonly [string, Fault])[] = [
  ["Lease deleted", remove("shard")],
  [
    "Lease taken by an outsider",
    edit("shard", (spec) => ({ ...spec, holderIdentity: "outsider", leaseDurationSeconds: 15 })),
  ],
  ["Lease emptied", edit("shard", () => ({}))],
  [
    "Lease filled with nonsense",
    edit("shard", (spec) => ({ ...spec, holderIdentity: " \\u0000?", leaseTransitions: 7_777 })),
  ],
  [
    "Lease names somebody who did not ask",
    edit("shard", (spec, scene) => ({ ...spec, holderIdentity: victim(scene)?.coordinator.identity ?? "nobody" })),
  ],
  ["Lease annotated", edit("shard", (spec) => spec)],
  [
    "Lease marked by hand",
    ({ cluster: { world }, outsider }) => {
      const renewal = world.randomness.pick(["per-shard", "per-member"] as const);
      const leaseName = outsider.anyLease("shard") ?? "";
      world.note(`on Lease ${leaseName}: ${renewal}`);
      outsider.mark(leaseName, renewal);
    },
  ],
];

const ON_MEMBER_LEASES: readonly (readonly [string, Fault])[] = [
  ["member Lease deleted", remove("member")],
  ["member Lease emptied", edit("member", () => ({}))],
  ["member Lease given a short duration", edit("member", (spec) => ({ ...spec, leaseDurationSeconds: 1 }))],
  ["member Lease names somebody else", edit("member", (spec) => ({ ...spec, holderIdentity: "outsider" }))],
  ["member Lease annotated", edit("member", (spec) => spec)],
  [
    // Without the annotation of a fence: what the members themselves would write, but for that.
    "member Lease fenced by hand",
    edit("member", (spec) => ({
      ...spec,
      holderIdentity: "",
      leaseTransitions: Number(spec.leaseTransitions ?? 0) + 1,
    })),
  ],
];

const INTENTS: readonly (readonly [string, Fault])[] = [
  ["drain asked for", (scene) => intend(scene, "drain")],
  ["cordon asked for", (scene) => intend(scene, "cordon")],
  ["intent withdrawn", (scene) => intend(scene, null)],
  [
    "shard pinned",
    (scene) => {
      const { world, shards } = scene.cluster;
      scene.outsider.pin(world.randomness.pick(shards), victim(scene)?.name ?? "nobody");
    },
  ],
  ["pin to nobody", ({ cluster, outsider }) => outsider.pin(cluster.world.randomness.pick(cluster.shards), "nobody")],
  ["moves frozen", ({ outsider }) => outsider.freeze(true)],
  ["moves allowed", ({ outsider }) => outsider.freeze(false)],
];

function intend(scene: Scene, intent: "drain" | "cordon" | null): void {
  const replica = victim(scene);
  if (replica !== undefined) scene.outsider.intend(replica.name, intent);
}

/** Groups, of which each is as likely as any other: a rare kind of fault is not drowned by the many of another. */
const GROUPS = [ON_MACHINES, ON_MACHINES, ON_LINES, ON_LINES, ON_SERVER, ON_SHARD_LEASES, ON_MEMBER_LEASES, INTENTS];

/** So many faults at any time from now on until `untilMs`. */
export function scheduleFaults(scene: Scene, count: number, untilMs: number): void {
  const { world } = scene.cluster;
  for (let number = 0; number < count; number += 1) {
    const [name, fault] = world.randomness.pick(world.randomness.pick(GROUPS));
    world.at(world.randomness.between(world.nowMs, untilMs), () => {
      world.note(`fault: ${name}`);
      fault(scene);
    });
  }
}

/** Every line works, the server answers, nobody wants anything; true time at which the last machine that sleeps wakes. */
export function endFaults({ cluster, outsider }: Scene): number {
  const { world, core, running } = cluster;
  world.note("all faults end");
  core.faults.clear();
  outsider.withdrawIntents();
  for (const replica of running) replica.link.heal(world.randomness.chance(0.5) ? "deliver" : "cut");
  return Math.max(world.nowMs, ...running.map(({ machine }) => machine.resumesAtMs));
}
