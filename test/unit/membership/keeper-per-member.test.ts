import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryLeases } from "../../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../../src/lease/memory-store.ts";
import { createIdentity } from "../../../src/lease/names.ts";
import { parseLease } from "../../../src/lease/record.ts";
import type { Renewal } from "../../../src/lease/renewal.ts";
import { MemberKeeper } from "../../../src/membership/keeper.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { GateClock } from "../../../src/runtime/gate-clock.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { LeaseLink } from "../../support/lease-link.ts";
import { TIMINGS } from "../../support/scenario-replica.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const { retryPeriodMs: R, renewDeadlineMs: V } = TIMINGS;
let ended = new AbortController();
beforeEach(() => {
  ended = new AbortController();
});
afterEach(() => ended.abort());

/** A keeper, its line to the Leases, and a list+watch that shows what the test lets it show. */
class World {
  readonly clock = new VirtualClock();
  readonly leases = new MemoryLeases();
  readonly store = new MemoryLeaseStore(this.leases, "shop");
  readonly link = new LeaseLink(this.store, this.clock, R);
  readonly keeper: MemberKeeper;
  readonly #gateClock = new GateClock(this.clock);
  readonly deaths: string[] = [];
  relists = 0;

  constructor(renewal: Renewal = "per-member") {
    this.keeper = new MemberKeeper({
      coordinator: "shop",
      namespace: "default",
      identity: createIdentity("pod", "u1"),
      timings: TIMINGS,
      renewal,
      address: "",
      traits: { weight: 1, zone: "", version: "" },
      store: this.link,
      clock: this.clock,
      telemetry: silentTelemetry,
      trouble: new TroubleLog(silentTelemetry.log),
      gateClock: this.#gateClock,
      acknowledged: () => {},
      extended: () => {},
      relist: () => {
        this.relists += 1;
      },
      died: (cause) => void this.deaths.push(cause),
    });
  }

  runs(): this {
    void this.keeper.run(ended.signal);
    return this;
  }

  get stored() {
    const object = this.leases.get("shop-member-u1");
    return object === undefined ? undefined : parseLease(object);
  }

  somebodyWrites(spec: object): void {
    if (this.stored !== undefined) this.leases.update({ ...this.stored.object, spec });
  }

  /** The list+watch comes to what is stored. */
  shows(): this {
    if (this.stored !== undefined) this.keeper.see(this.stored);
    return this;
  }

  /** Time passes, and the list+watch shows everything. */
  async passes(ms: number): Promise<this> {
    for (let passed = 0; passed < ms; passed += 100) {
      await this.clock.advance(100);
      this.shows();
    }
    return this;
  }

  /** Writes of the Lease in the next `ms`, of which the list+watch shows nothing. */
  async writesWhileSilent(ms: number): Promise<number> {
    const before = this.stored?.record.renewTime;
    let writes = 0;
    let last = before;
    for (let passed = 0; passed < ms; passed += 100) {
      await this.clock.advance(100);
      if (this.stored?.record.renewTime !== last) writes += 1;
      last = this.stored?.record.renewTime;
    }
    return writes;
  }

  get validForMs(): number {
    return this.keeper.validUntilMs - this.#gateClock.latestMs();
  }
}

describe("a member Lease that shards stand by", () => {
  it("is joined once: a join whose answer was lost is read, never sent again", async () => {
    const world = new World();
    let joins = 0;
    const { store } = world;
    const create = store.create.bind(store);
    store.create = (body) => {
      joins += 1;
      return create(body);
    };
    world.link.state = "mute";
    world.runs();
    await world.clock.advance(3 * R);
    world.link.state = "up";
    await world.passes(2 * R);
    expect(joins).toBe(1);
    expect(world.deaths).toEqual([]);
    expect(world.validForMs).toBeGreaterThan(0);
  });

  it("is joined under another identity when nobody knows whether the join was made: it may still be", async () => {
    const world = new World();
    world.link.state = "cut";
    world.runs();
    await world.clock.advance(2 * R - 1);
    world.link.state = "up";
    await world.clock.advance(R);
    expect(world.deaths).toEqual(["nobody knows whether it was made"]);
    await world.clock.advance(10 * R);
    expect(world.stored).toBeUndefined();
  });

  it("is joined by the same identity after a refusal: nothing was made", async () => {
    const world = new World();
    const { store } = world;
    const create = store.create.bind(store);
    store.create = () => Promise.reject(new ElectorateError("forbidden", "not yet"));
    world.runs();
    await world.clock.advance(3 * R);
    store.create = create;
    await world.passes(R);
    expect(world.deaths).toEqual([]);
    expect(world.stored?.record.holder).toBe("pod_u1");
  });

  it("lets shards stand from the sending of a write that has come back, never from its answer", async () => {
    const world = new World().runs();
    await world.clock.advance(10);
    expect(world.validForMs).toBe(Number.NEGATIVE_INFINITY);
    await world.clock.advance(490);
    world.shows();
    expect(world.validForMs).toBe(V - 500);
  });

  it("an edit, a fence or a deletion ends the identity once, and it is never written again", async () => {
    const emptied = {};
    const fenced = { holderIdentity: "", leaseDurationSeconds: 15, leaseTransitions: 1 };
    const changes: readonly ((world: World) => void)[] = [
      (world) => world.somebodyWrites(emptied),
      (world) => world.somebodyWrites(fenced),
      ({ leases }) => void leases.remove("shop-member-u1"),
    ];
    for (const change of changes) {
      const world = new World().runs();
      await world.passes(R);
      change(world);
      const { resourceVersion } = world.leases;
      await world.clock.advance(10 * R);
      expect(world.deaths).toHaveLength(1);
      expect(world.leases.resourceVersion).toBe(resourceVersion);
      expect(world.validForMs).toBe(Number.NEGATIVE_INFINITY);
    }
  });

  it("is not given up for a lost answer: what is there is its own write", async () => {
    const world = new World().runs();
    await world.passes(R);
    world.link.state = "mute";
    await world.clock.advance(2 * R);
    world.link.state = "up";
    await world.passes(3 * R);
    expect(world.deaths).toEqual([]);
    expect(world.validForMs).toBeGreaterThan(V - 2 * R);
  });

  it("is not renewed while nothing comes back: a stalled watch would hide what was taken from us, and others must be able to fence us", async () => {
    const world = new World().runs();
    await world.passes(R);
    expect(await world.writesWhileSilent(V + R)).toBeLessThanOrEqual(V / R);
    // Long before, a list was demanded.
    expect(world.relists).toBeGreaterThan(0);
    expect(await world.writesWhileSilent(10 * R)).toBe(0);
    expect(world.validForMs).toBeLessThan(0);
  });

  it("is renewed again once a list is complete", async () => {
    const world = new World().runs();
    await world.passes(R);
    await world.writesWhileSilent(2 * V);
    world.keeper.listed();
    world.shows();
    await world.passes(R);
    expect(world.validForMs).toBeGreaterThan(V - R);
    expect(world.deaths).toEqual([]);
  });

  it("one that joins and never hears of it is not renewed for ever: it can open nothing that it is given", async () => {
    const world = new World().runs();
    await world.writesWhileSilent(V + R);
    expect(world.relists).toBeGreaterThan(0);
    expect(await world.writesWhileSilent(10 * R)).toBe(0);
  });

  it("with per-shard renewal it is made again, but no shard stands by it any more in this process", async () => {
    const world = new World("per-shard").runs();
    await world.passes(R);
    world.leases.remove("shop-member-u1");
    await world.passes(3 * R);
    expect(world.stored?.record.holder).toBe("pod_u1");
    expect(world.validForMs).toBe(Number.NEGATIVE_INFINITY);
    expect(world.deaths).toEqual([]);
    expect(await world.writesWhileSilent(2 * V)).toBeGreaterThanOrEqual(9);
  });
});
