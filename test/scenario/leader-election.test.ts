import { afterEach, describe, expect, it, vi } from "vitest";
import type { Term } from "../../src/election/term.ts";
import { ElectorateError } from "../../src/runtime/errors.ts";
import { LeaderWorld } from "../support/leader-world.ts";

/** 15/10/2 s: what the candidates have unless a test says otherwise. */
const L = 15_000;
const V = 10_000;
const R = 2_000;

async function led(count = 2, options = {}) {
  const world = new LeaderWorld();
  const candidates = Array.from({ length: count }, (_, index) => world.candidate(`r${index + 1}`, options).start());
  await world.until("a leader", 2 * L, () => world.leading.size > 0);
  const leader = candidates.find(({ leads }) => leads)!;
  const standby = candidates.find(({ leads }) => !leads)!;
  return { world, candidates, leader, standby };
}

describe("one leader for a whole process", () => {
  it("two lead where nothing says who led before: a Lease that is missing is waited out, because it may just have been deleted", async () => {
    const world = new LeaderWorld();
    const first = world.candidate("r1").start();
    const second = world.candidate("r2").start();
    expect(await world.until("a leader", 2 * L, () => world.leading.size > 0)).toBeGreaterThanOrEqual(L);
    await world.clock.advance(2 * L);
    expect([first.leads, second.leads].filter(Boolean)).toHaveLength(1);
    expect(world.overlaps).toEqual([]);
  });

  it("a stop frees the Lease while work still runs", async () => {
    const work = Promise.withResolvers<void>();
    const { world, leader, standby } = await led(2, { onStartedLeading: () => work.promise });
    leader.stop();
    await world.clock.advance(V);
    expect(leader.calls).toEqual(["started", "stopped"]);
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: leader.elector.identity });
    expect(standby.leads).toBe(false);
    work.resolve();
    await world.clock.advance(50);
    expect(leader.outcome).toBe("clean");
    expect(standby.leads).toBe(true);
    expect(world.overlaps).toEqual([]);
  });

  it("onStoppedLeading is forgotten by the release", async () => {
    const stopped = Promise.withResolvers<void>();
    const { world, leader, standby } = await led(2, { onStoppedLeading: () => stopped.promise });
    leader.stop();
    await world.clock.advance(R);
    expect(standby.leads).toBe(false);
    stopped.resolve();
    await world.clock.advance(50);
    expect(standby.leads).toBe(true);
  });

  it("work that never ends makes the exit clean, or its Lease free", async () => {
    const { world, leader } = await led(1, { onStartedLeading: () => new Promise(() => {}), shutdownTimeout: "3s" });
    leader.stop();
    await world.clock.advance(3_000);
    expect(leader.outcome).toBe("unclean");
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: leader.elector.identity });
  });

  it("without releaseOnCancel the Lease is freed all the same", async () => {
    const { world, leader, standby } = await led(2, { releaseOnCancel: false });
    leader.stop();
    await world.clock.advance(50);
    expect(leader.outcome).toBe("clean");
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: leader.elector.identity });
    expect(await world.until("the other one", 2 * L, () => standby.leads)).toBeGreaterThan(L - R - 100);
  });

  it("a leader that is cut off works on beyond its renew deadline, or another one begins before it has stopped", async () => {
    const { world, leader, standby } = await led();
    leader.cut();
    await world.clock.advance(V + 50);
    expect(leader.leads).toBe(false);
    expect(leader.calls).toEqual(["started", "stopped"]);
    expect(standby.leads).toBe(false);
    await world.until("the other one", L, () => standby.leads);
    expect(world.overlaps).toEqual([]);
  });

  it("a loss is not told: run goes on as if nothing had happened", async () => {
    const { world, leader } = await led();
    leader.cut();
    await world.clock.advance(L);
    expect(leader.outcome).toMatch(/^leadership of shop was lost/);
    await expect(leader.elector.elected()).rejects.toThrow(ElectorateError);
  });

  it("a loss ends run before its work has ended", async () => {
    const work = Promise.withResolvers<void>();
    const { world, leader } = await led(1, { onStartedLeading: () => work.promise, onOverrun: "report" });
    leader.cut();
    await world.clock.advance(L);
    expect(leader.outcome).toBeUndefined();
    work.resolve();
    await world.clock.advance(2 * R);
    expect(leader.outcome).toMatch(/was lost/);
  });

  it("with onLost: continue a loss is the end of contending", async () => {
    const { world, leader, standby } = await led(2, { onLost: "continue" });
    leader.cut();
    await world.until("the other one", 2 * L, () => standby.leads);
    leader.heal();
    standby.stop();
    await world.until("the first one again", 2 * L, () => leader.leads);
    expect(leader.calls).toEqual(["started", "stopped", "started"]);
    expect(leader.outcome).toBeUndefined();
    expect(world.overlaps).toEqual([]);
  });

  it("work that outlives its validity is nobody's business", async () => {
    const { world, leader } = await led(1, { onStartedLeading: () => new Promise(() => {}) });
    leader.cut();
    await world.clock.advance(V + R + 100);
    expect(leader.calls.at(-1)).toMatch(/^terminate: work of shard shop outlived its validity/);
  });

  it("somebody who edits the Lease is not believed until the deadline", async () => {
    const { world, leader } = await led(1);
    const stored = world.stored()!;
    world.put("leases", { ...stored, spec: { ...(stored.spec as object), holderIdentity: "somebody" } });
    await world.clock.advance(50);
    expect(leader.leads).toBe(false);
    expect(leader.calls).toEqual(["started", "stopped"]);
  });

  it("a deleted Lease is made again at once, while its holder may still act elsewhere", async () => {
    const { world, leader, standby } = await led();
    world.remove();
    await world.clock.advance(50);
    expect(leader.leads).toBe(false);
    expect(await world.until("the other one", 2 * L, () => standby.leads)).toBeGreaterThanOrEqual(L - 100);
  });

  it("the Lease of a coordinator is taken for a leader's", async () => {
    const world = new LeaderWorld();
    world.put("leases", { metadata: { name: "shop", labels: { "electorate.dev/coordinator": "other" } } });
    const candidate = world.candidate("r1").start();
    await world.clock.advance(50);
    expect(candidate.outcome).toMatch(/belongs to the coordinator "other"/);
  });
});

describe("what a user sees of it", () => {
  it("onNewLeader misses a leader, or says one twice", async () => {
    const { world, leader, standby } = await led();
    leader.stop();
    await world.until("the other one", L, () => standby.leads);
    await world.clock.advance(L);
    expect(standby.newLeaders).toEqual([leader.name, "", standby.name]);
    expect(standby.elector.leader).toBe(standby.elector.identity);
  });

  it("elected() resolves before leadership has begun, or never", async () => {
    const world = new LeaderWorld();
    const candidate = world.candidate("r1").start();
    let term: Term | undefined;
    void candidate.elector.elected().then((elected) => {
      term = elected;
    });
    await world.clock.advance(L - 100);
    expect(term).toBeUndefined();
    await world.clock.advance(200);
    expect(term).toBe(candidate.elector.term);
    expect(await candidate.elector.elected()).toBe(term);
  });

  it("terms() loses a term, or the Lease goes while the body of the loop is at one", async () => {
    const world = new LeaderWorld();
    const candidate = world.candidate("r1", { onLost: "continue" });
    const bodies: PromiseWithResolvers<void>[] = [];
    const epochs: string[] = [];
    const looped = (async () => {
      for await (const term of candidate.elector.terms()) {
        epochs.push(term.epoch);
        const body = Promise.withResolvers<void>();
        bodies.push(body);
        await body.promise;
      }
      return "ended";
    })();
    candidate.start();
    await world.clock.advance(L + 100);
    expect(epochs).toHaveLength(1);
    world.remove();
    await world.clock.advance(V);
    bodies[0]!.resolve();
    await world.until("a second term", 2 * L, () => epochs.length === 2);
    candidate.stop();
    await world.clock.advance(R);
    expect(candidate.outcome).toBeUndefined();
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: candidate.elector.identity });
    bodies[1]!.resolve();
    await world.clock.advance(50);
    expect(candidate.outcome).toBe("clean");
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: "" });
    expect(await looped).toBe("ended");
  });

  it("a failure of onStartedLeading is swallowed, and the Lease kept", async () => {
    const world = new LeaderWorld();
    const onStartedLeading = () => Promise.reject(new Error("the shop has burned down"));
    const candidate = world.candidate("r1", { onStartedLeading }).start();
    await world.clock.advance(L + 100);
    expect(candidate.outcome).toBe("the shop has burned down");
    expect(candidate.calls).toEqual(["started", "stopped"]);
    expect(world.stored()?.spec).toMatchObject({ holderIdentity: "" });
  });

  it("labels of the user or of others are lost, or marks of shards are put on a Lease of no shard", async () => {
    const world = new LeaderWorld();
    world.put("leases", { metadata: { name: "shop", labels: { theirs: "kept" } } });
    const candidate = world.candidate("r1", { labels: { team: "carts" } }).start();
    await world.until("a leader", 2 * L, () => candidate.leads);
    const { labels, annotations } = world.stored()!.metadata;
    expect({ labels, annotations }).toEqual({ labels: { theirs: "kept", team: "carts" }, annotations: undefined });
  });

  it("the metrics say that it leads when it does not", async () => {
    const { world, leader, standby } = await led();
    expect(leader.metrics.get("leader_election_master_status")).toBe(1);
    expect(standby.metrics.get("leader_election_master_status")).toBe(0);
    leader.cut();
    await world.clock.advance(V + 50);
    expect(leader.metrics.get("leader_election_master_status")).toBe(0);
  });

  it("a renewal that needed a read is not counted, or a candidate that came too late is", async () => {
    const { world, leader, standby } = await led();
    const slow = (of: typeof leader): number | undefined => of.metrics.get("leader_election_slowpath_total");
    expect([slow(leader), slow(standby)]).toEqual([undefined, undefined]);
    world.core.faults.add({ verb: "update", resource: "leases", times: 1, fault: { kind: "answer", status: 409 } });
    await world.clock.advance(2 * R);
    expect(leader.leads).toBe(true);
    expect([slow(leader), slow(standby)]).toEqual([1, undefined]);
    world.core.faults.add({
      verb: "update",
      resource: "leases",
      // The release passes, the take does not.
      skip: 1,
      times: 1,
      fault: { kind: "answer", status: 409 },
    });
    leader.stop();
    await world.until("the other one", 2 * L, () => standby.leads);
    expect(slow(standby)).toBeUndefined();
  });
});

describe("leader_election_slowpath_total", () => {
  it("counts a race that was lost, or misses a renewal that failed", async () => {
    const { world, leader, standby } = await led(4);
    await world.clock.advance(3 * R);
    expect([leader, standby].map(({ metrics }) => metrics.get("leader_election_slowpath_total"))).toEqual([
      undefined,
      undefined,
    ]);
    leader.cut();
    await world.clock.advance(3 * R);
    expect(leader.metrics.get("leader_election_slowpath_total")).toBeGreaterThan(0);
  });
});

describe("Events of a leader election", () => {
  it("nobody finds in kubectl get events who became leader, or why somebody is none any more", async () => {
    const { world, leader, standby } = await led();
    leader.stop();
    await world.until("the other one", L, () => standby.leads);
    const stored = world.stored()!;
    world.put("leases", { ...stored, spec: { ...(stored.spec as object), holderIdentity: "somebody" } });
    await world.clock.advance(2 * R);
    const events = world.events().map(({ reason, note, type, regarding }) => ({ reason, note, type, regarding }));
    const regarding = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default", name: "shop" };
    const about = { type: "Normal", reason: "LeaderElection", regarding };
    const [first, second] = [leader.elector.identity, standby.elector.identity];
    expect(events).toEqual(
      expect.arrayContaining([
        { ...about, note: `${first} became leader` },
        { ...about, note: `${first} stopped leading` },
        { ...about, note: `${second} became leader` },
        {
          ...{ ...about, type: "Warning", reason: "ForeignEdit" },
          note: `${second} stopped leading: somebody else wrote the Lease (foreign-holder)`,
        },
      ]),
    );
    expect(events).toHaveLength(4);
  });
});

describe("Events at the Pod of a leader", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("kubectl describe pod does not say that it leads", async () => {
    for (const [name, value] of Object.entries({ POD_NAME: "web-0", POD_NAMESPACE: "default", POD_UID: "pod-uid" })) {
      vi.stubEnv(name, value);
    }
    const { world, leader } = await led(1);
    await world.clock.advance(2 * R);
    const note = `${leader.elector.identity} became leader`;
    const pod = { apiVersion: "v1", kind: "Pod", namespace: "default", name: "web-0", uid: "pod-uid" };
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace: "default", name: "shop" };
    expect(world.events().map((event) => [event["note"], event["regarding"], event["related"]])).toEqual([
      [note, lease, pod],
      [note, pod, lease],
    ]);
  });
});

describe("the health adaptor", () => {
  it("calls a standby, a leader that renews, or one that stopped in time unhealthy", async () => {
    const { world, leader, standby } = await led();
    await world.clock.advance(60_000);
    expect(() => leader.elector.check()).not.toThrow();
    standby.cut();
    leader.cut();
    await world.clock.advance(60_000);
    expect(() => leader.elector.check()).not.toThrow();
    expect(() => standby.elector.check()).not.toThrow();
  });

  it("calls a process healthy whose work goes on long after its last renewal", async () => {
    const { world, leader } = await led(1, { onStartedLeading: () => new Promise(() => {}), onOverrun: "report" });
    leader.cut();
    await world.clock.advance(L + 20_000 - R - 100);
    expect(() => leader.elector.check()).not.toThrow();
    expect(() => leader.elector.check(5_000)).toThrow(/failed election to renew leadership on lease shop/);
    await world.clock.advance(R + 200);
    expect(await leader.elector.checks.run("live")).toMatchObject([{ problem: undefined }, { name: "leaderElection" }]);
    expect(() => leader.elector.check()).toThrow(/failed election/);
  });
});
