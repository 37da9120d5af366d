import { describe, expect, it } from "vitest";
import { isFenced } from "../../../src/lease/fence.ts";
import { MemoryLeases } from "../../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../../src/lease/memory-store.ts";
import { parseLease } from "../../../src/lease/record.ts";
import { Fencing } from "../../../src/membership/fencing.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { LeaseLink } from "../../support/lease-link.ts";
import { TIMINGS } from "../../support/scenario-replica.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const L = TIMINGS.durationMs;
const R = TIMINGS.retryPeriodMs;

/** A replica `r1_u1` that looks at the member Leases of others through a store of its own. */
class Watcher {
  readonly clock = new VirtualClock();
  readonly leases = new MemoryLeases();
  readonly link = new LeaseLink(new MemoryLeaseStore(this.leases, "shop"), this.clock, R);
  readonly fenced: string[] = [];
  failures = 0;
  roster: Roster = EMPTY_ROSTER;
  readonly #fencing: Fencing;

  constructor() {
    this.#fencing = new Fencing({
      coordinator: "shop",
      identity: "r1_u1",
      timings: TIMINGS,
      store: this.link,
      clock: this.clock,
      telemetry: silentTelemetry,
      trouble: new TroubleLog(silentTelemetry.log),
      roster: () => this.roster,
      isProven: () => false,
      fenced: (version) => void this.fenced.push(version.name),
      failed: () => {
        this.failures += 1;
      },
    });
  }

  /** Somebody writes a member Lease. */
  writes(uuid: string, spec: object = {}, annotations: Record<string, string> = {}): this {
    const name = `shop-member-${uuid}`;
    const identity = `r${uuid.slice(1)}_${uuid}`;
    const usual = { holderIdentity: identity, leaseDurationSeconds: 15, leaseTransitions: 0 };
    const at = new Date(this.clock.wallMs()).toISOString().replace("Z", "000Z");
    const object = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: "default", annotations: { "electorate.dev/identity": identity, ...annotations } },
      spec: { ...usual, renewTime: at, ...spec },
    };
    const before = this.leases.get(name);
    if (before === undefined) this.leases.create(object);
    else this.leases.update({ ...object, metadata: { ...before.metadata, ...object.metadata } });
    return this;
  }

  /** The list+watch shows what is there. */
  sees(uuid: string): this {
    const object = this.leases.get(`shop-member-${uuid}`);
    if (object === undefined) throw new Error("gone");
    this.roster = observeMember(this.roster, parseLease(object), "watch", this.clock.monotonicMs(), L);
    return this;
  }

  async looks(holder = "r2_u2"): Promise<number> {
    const nowMs = this.clock.monotonicMs();
    const nextMs = this.#fencing.look(new Set([holder]), nowMs);
    await this.clock.advance(1);
    return nextMs - nowMs;
  }

  stored(uuid = "u2") {
    const object = this.leases.get(`shop-member-${uuid}`);
    if (object === undefined) throw new Error("gone");
    return parseLease(object);
  }
}

describe("fences", () => {
  it("a member that may still act is not fenced, not even a moment early", async () => {
    const watcher = new Watcher().writes("u2").sees("u2");
    await watcher.clock.advance(L - 2);
    expect(await watcher.looks()).toBe(2);
    expect(isFenced(watcher.stored())).toBe(false);
    await watcher.clock.advance(1);
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(true);
    expect(watcher.stored().record).toMatchObject({ holder: "", transitions: 1 });
    expect(watcher.fenced).toEqual(["shop-member-u2"]);
  });

  it("one that declares more than we do is not fenced by our own clock", async () => {
    const watcher = new Watcher().writes("u2", { leaseDurationSeconds: 60 }).sees("u2");
    await watcher.clock.advance(L + 1);
    expect(await watcher.looks()).toBe(60_000 - L - 1);
  });

  it("two edits that shorten its duration do not let it be fenced while its holder still acts", async () => {
    const watcher = new Watcher().writes("u2", { leaseDurationSeconds: 60 }).sees("u2");
    for (const second of [1, 2]) {
      await watcher.clock.advance(10);
      watcher.writes("u2", { leaseDurationSeconds: 1, leaseTransitions: second }).sees("u2");
    }
    await watcher.clock.advance(L + 1);
    // It was at 10 ms that its own record was seen for the last time; now it is 20 ms + L and one more.
    expect(await watcher.looks()).toBe(10 + 60_000 - (20 + L + 1));
  });

  it("one that has renewed unseen is not fenced: the swap is on the version that was waited out", async () => {
    const watcher = new Watcher().writes("u2").sees("u2");
    await watcher.clock.advance(L);
    watcher.writes("u2");
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(false);
    expect(watcher.fenced).toEqual([]);
  });

  it("one that was emptied by hand can be fenced all the same, or its shards would never be taken", async () => {
    const watcher = new Watcher().writes("u2").sees("u2");
    const { metadata } = watcher.leases.get("shop-member-u2") ?? { metadata: { name: "" } };
    watcher.leases.update({ kind: "Lease", metadata: { ...metadata, annotations: {} }, spec: {} });
    watcher.sees("u2");
    await watcher.clock.advance(L);
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(true);
    // The API server stores no Lease without a duration of at least a second.
    expect(watcher.stored().record.durationMs).toBe(1_000);
  });

  it("one whose count of transitions is at its end can be fenced: 32 bits hold no more", async () => {
    const watcher = new Watcher().writes("u2", { leaseTransitions: 2 ** 31 - 1 }).sees("u2");
    await watcher.clock.advance(L);
    await watcher.looks();
    expect(watcher.stored().record.transitions).toBe(0);
    expect(isFenced(watcher.stored())).toBe(true);
  });

  it("nobody fences itself, whatever its Lease is made to say", async () => {
    const watcher = new Watcher().writes("u1", {}, { "electorate.dev/identity": "r2_u2" }).sees("u1");
    await watcher.clock.advance(2 * L);
    await watcher.looks("r1_u1");
    expect(isFenced(watcher.stored("u1"))).toBe(false);
  });

  it("a dead one is fenced although its Lease was made to carry our name", async () => {
    const watcher = new Watcher().writes("u2", {}, { "electorate.dev/identity": "r1_u1" }).sees("u2");
    await watcher.clock.advance(L);
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(true);
  });

  it("members do not all fence at once: the others give the first one a moment", async () => {
    const watcher = new Watcher().writes("u2").sees("u2").writes("u0").sees("u0");
    await watcher.clock.advance(L - 1);
    watcher.writes("u0").sees("u0");
    await watcher.clock.advance(1);
    expect(await watcher.looks()).toBe(100);
    await watcher.clock.advance(99);
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(true);
  });

  it("a fence whose answer was lost is neither sent in a loop nor forgotten", async () => {
    const watcher = new Watcher().writes("u2").sees("u2");
    await watcher.clock.advance(L);
    watcher.link.state = "cut";
    await watcher.looks();
    expect(await watcher.looks()).toBe(Number.POSITIVE_INFINITY);
    expect(watcher.failures).toBe(0);
    await watcher.clock.advance(R);
    // Nothing else need ever happen that would make anybody look again.
    expect(watcher.failures).toBe(1);
    watcher.link.state = "up";
    const againMs = await watcher.looks();
    expect(againMs).toBeGreaterThan(0);
    expect(againMs).toBeLessThanOrEqual(R / 4);
    await watcher.clock.advance(againMs);
    await watcher.looks();
    expect(isFenced(watcher.stored())).toBe(true);
  });

  it("one that nothing stands by is left alone, and so is one that is fenced", async () => {
    const watcher = new Watcher().writes("u2").sees("u2").writes("u3").sees("u3");
    await watcher.clock.advance(2 * L);
    await watcher.looks();
    watcher.sees("u2");
    expect(await watcher.looks()).toBe(Number.POSITIVE_INFINITY);
    expect(isFenced(watcher.stored("u3"))).toBe(false);
    expect(watcher.stored().record.transitions).toBe(1);
  });
});
