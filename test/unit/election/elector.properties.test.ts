import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ElectorCluster, laterRenewTime } from "../../support/elector-cluster.ts";
import { CLOCK_RATIO, L, R } from "../../support/elector-driver.ts";

type Word = readonly [action: number, replica: number, amount: number];
type Cluster = ElectorCluster;
type Action = (cluster: Cluster, replica: Cluster["replicas"][number], amount: number) => void;

/** What may happen next; frequent things stand more often. */
const ACTIONS: readonly Action[] = [
  (cluster, _, amount) => cluster.advance(amount % 400),
  (cluster, _, amount) => cluster.advance(amount * 3),
  (cluster, _, amount) => cluster.advance(amount * 15),
  (cluster, replica, amount) => cluster.serve(others(cluster, replica), amount * 16),
  (cluster, replica, amount) => cluster.serve(others(cluster, replica), amount * 16),
  (cluster, replica, amount) => cluster.serve(others(cluster, replica), L - 1 + amount),
  (cluster, _, amount) => cluster.serve(cluster.replicas, amount * 3),
  (cluster, _, amount) => cluster.serve(cluster.replicas, amount % 50),
  (cluster, replica) => cluster.apply(replica),
  (cluster, replica) => cluster.answer(replica),
  (cluster, replica) => {
    cluster.apply(replica);
    cluster.answer(replica);
  },
  (cluster, replica) => {
    cluster.apply(replica);
    cluster.answer(replica);
    for (let events = 0; events < 5; events += 1) cluster.deliver(replica);
  },
  (cluster, replica) => cluster.deliver(replica),
  (cluster, replica) => cluster.deliver(replica),
  (cluster, replica) => {
    for (let events = 0; events < 5; events += 1) cluster.deliver(replica);
  },
  (cluster, replica) => cluster.relist(replica),
  (cluster, replica) => cluster.giveUp(replica),
  (cluster, replica) => cluster.applyAbandoned(replica),
  (cluster, replica) => cluster.vacate(replica),
  (cluster, replica) => cluster.vacate(replica),
  (cluster, replica) => cluster.pause(replica),
  (cluster, replica) => cluster.resume(replica),
  (cluster, replica, amount) => cluster.suspend(replica, amount * 12),
  (cluster, replica, amount) => cluster.become(replica, { leaves: amount % 2 === 0 }),
  (cluster, replica, amount) => cluster.become(replica, { contends: amount % 2 === 0 }),
  (cluster, replica, amount) => cluster.become(replica, { mayOpen: amount % 2 === 0 }),
  (cluster) => cluster.delete(),
  (cluster, replica) => cluster.edit({ holder: replica.identity, renewTime: laterRenewTime(cluster) }),
  (cluster, replica) => editWithTransition(cluster, replica),
  (cluster) => cluster.edit({ holder: "" }),
  (cluster) => cluster.edit({}),
];

/** What moves a shard between its electors; the amount chooses the other one. */
const MOVES: readonly Action[] = [
  (cluster, replica, amount) => cluster.wants(replica, cluster.replicas[amount % 3]),
  (cluster, replica, amount) => cluster.wants(replica, cluster.replicas[amount % 3]),
  (cluster, replica, amount) => moveAll(cluster, replica, amount),
  (cluster, replica, amount) => moveAll(cluster, replica, amount),
  (cluster, replica) => cluster.renewMember(replica),
  (cluster, replica) => cluster.renewMember(replica),
  (cluster, replica) => {
    for (let step = 0; step < 3; step += 1) cluster.renewMember(replica);
  },
  (cluster, replica) => cluster.vacate(replica),
  (cluster, replica) => cluster.getStuck(replica),
  (cluster, replica) => cluster.forge(replica),
];

/** Everybody agrees that the shard belongs to `replica`, as equal plans do; for a while the others hear of what follows. */
function moveAll(cluster: Cluster, replica: Cluster["replicas"][number], amount: number): void {
  for (const other of cluster.replicas) {
    cluster.wants(other, replica);
    for (let step = 0; step < 3; step += 1) cluster.renewMember(other);
  }
  cluster.serve(cluster.replicas, amount % 7);
  for (const other of cluster.replicas) cluster.vacate(other);
  cluster.serve(amount % 2 === 0 ? cluster.replicas : others(cluster, replica), amount % 11);
}

function editWithTransition(cluster: Cluster, replica: Cluster["replicas"][number]): void {
  const transitions = (cluster.server.newest.version?.record.transitions ?? 0) + 1;
  cluster.edit({ holder: replica.identity, renewTime: laterRenewTime(cluster), transitions });
}

function others(cluster: Cluster, replica: Cluster["replicas"][number] | undefined): Cluster["replicas"] {
  return cluster.replicas.filter((other) => other !== replica);
}

const words = fc.array(fc.tuple(fc.nat(ACTIONS.length - 1), fc.nat(2), fc.nat(1_000)) as fc.Arbitrary<Word>, {
  minLength: 5,
  maxLength: 40,
  size: "max",
});
const rates = fc.constantFrom([1, 1, 1], [1, CLOCK_RATIO, 1], [CLOCK_RATIO, 1, 1.1], [1.25, 1, 1.25]);

const MOVING_ACTIONS = [...ACTIONS, ...MOVES, ...MOVES, ...MOVES, ...MOVES];
const movingWords = fc.array(
  fc.tuple(fc.nat(MOVING_ACTIONS.length - 1), fc.nat(2), fc.nat(1_000)) as fc.Arbitrary<Word>,
  {
    minLength: 5,
    maxLength: 40,
    size: "max",
  },
);

/** What may happen to the others, and to the Lease, while the first replica hears and says nothing. */
const CUT_OFF_ACTIONS: readonly Action[] = [
  (cluster, replica, amount) => cluster.serve([replica], amount),
  (cluster, _, amount) => cluster.serve(others(cluster, cluster.replicas[0]), amount),
  (cluster, replica) => cluster.relist(replica),
  (cluster, replica) => cluster.relist(replica),
  (cluster, replica) => cluster.deliver(replica),
  (cluster, replica) => cluster.apply(replica),
  (cluster, replica) => cluster.answer(replica),
  (cluster, replica) => cluster.giveUp(replica),
  (cluster, replica) => cluster.become(replica, { leaves: true }),
  (cluster, replica, amount) => cluster.become(replica, { mayOpen: amount % 2 === 0 }),
  (cluster, replica) => cluster.become(replica, { leaves: false, mayOpen: true }),
  (cluster) => cluster.delete(),
  (cluster, replica) => cluster.edit({ holder: replica.identity, renewTime: laterRenewTime(cluster) }),
  (cluster, replica) => editWithTransition(cluster, replica),
  (cluster) => cluster.edit({ holder: "" }),
  (cluster) => cluster.edit({}),
];

const cutOffWords = fc.array(
  fc.tuple(fc.nat(CUT_OFF_ACTIONS.length - 1), fc.integer({ min: 1, max: 2 }), fc.nat(1_500)) as fc.Arbitrary<Word>,
  { minLength: 1, maxLength: 10, size: "max" },
);

function play(cluster: Cluster, story: readonly Word[], actions: readonly Action[] = ACTIONS): void {
  for (const [action, index, amount] of story) {
    const replica = cluster.replicas[index];
    const act = actions[action];
    if (replica !== undefined && act !== undefined) act(cluster, replica, amount);
  }
}

/** Begins with a leader, as most stories worth telling do. */
function startWithLeader(cluster: Cluster, count = cluster.replicas.length): void {
  for (const replica of cluster.replicas.slice(0, count)) cluster.relist(replica);
  const [first] = cluster.replicas;
  if (first === undefined) return;
  cluster.apply(first);
  cluster.answer(first);
  cluster.deliver(first);
}

describe("electors around one Lease, whatever is late, lost, paused, deleted or edited", () => {
  it("never two of them work for the shard, no timer is busy, one request at a time, each on the version in sight", () => {
    let opened = 0;
    fc.assert(
      fc.property(rates, words, fc.boolean(), (clockRates, story, led) => {
        const cluster = new ElectorCluster(clockRates);
        if (led) startWithLeader(cluster);
        play(cluster, story);
        opened += cluster.opened;
      }),
      { numRuns: 4_000 },
    );
    // A property about leaders that never led would say nothing.
    expect(opened).toBeGreaterThan(1_000);
  });

  it("never two of them while shards are handed over in any order, by any view of the plan, through whatever is late or lost", () => {
    let granted = 0;
    fc.assert(
      fc.property(rates, movingWords, (clockRates, story) => {
        const cluster = new ElectorCluster(clockRates);
        startWithLeader(cluster);
        cluster.serve(cluster.replicas, 10);
        play(cluster, story, MOVING_ACTIONS);
        granted += cluster.granted;
      }),
      { numRuns: 6_000 },
    );
    expect(granted).toBeGreaterThan(150);
  });

  it("never two of them while the first is cut off and outsiders delete and edit: what it may still do is waited out", () => {
    let opened = 0;
    fc.assert(
      fc.property(rates, cutOffWords, fc.nat(2_000), fc.nat(12_000), (clockRates, story, ledMs, afterMs) => {
        const cluster = new ElectorCluster(clockRates);
        const [first, ...rest] = cluster.replicas;
        if (first === undefined) return;
        // The third one comes later, and knows what a list tells.
        startWithLeader(cluster, 2);
        cluster.serve(cluster.replicas, ledMs);
        play(cluster, story, CUT_OFF_ACTIONS);
        cluster.serve(rest, afterMs);
        opened += cluster.opened - 1;
      }),
      { numRuns: 12_000 },
    );
    expect(opened).toBeGreaterThan(100);
  });

  it("a move never leaves a shard without an owner: once faults stop and the plan stands, the member that it names leads", () => {
    fc.assert(
      fc.property(rates, movingWords, fc.nat(2), (clockRates, story, wanted) => {
        const cluster = new ElectorCluster(clockRates);
        startWithLeader(cluster);
        play(cluster, story, MOVING_ACTIONS);
        for (const replica of cluster.replicas) {
          cluster.become(replica, { leaves: false, contends: true, mayOpen: true });
          cluster.wants(replica, cluster.replicas[wanted]);
        }
        cluster.settle(2 * L + 2 * R);
        expect(cluster.leaders).toEqual([cluster.replicas[wanted]?.identity]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("a shard is never left without an owner: once faults stop, exactly one leads after two Lease durations and some round trips", () => {
    fc.assert(
      fc.property(rates, words, (clockRates, story) => {
        const cluster = new ElectorCluster(clockRates);
        startWithLeader(cluster);
        play(cluster, story);
        for (const replica of cluster.replicas)
          cluster.become(replica, { leaves: false, contends: true, mayOpen: true });
        cluster.settle(2 * L + 2 * R);
        expect(cluster.leaders).toHaveLength(1);
      }),
      { numRuns: 1_000 },
    );
  });
});
