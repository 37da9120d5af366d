import type { LeaseTimings } from "../../src/config/timings.ts";
import { Campaign } from "../../src/election/campaign.ts";
import type { ShardLife } from "../../src/election/contender.ts";
import { Desk } from "../../src/election/desk.ts";
import type { Term } from "../../src/election/term.ts";
import { MemoryLeases } from "../../src/lease/memory.ts";
import { MemoryLeaseStore } from "../../src/lease/memory-store.ts";
import { createIdentity, type Identity, type Shard, shardsOf } from "../../src/lease/names.ts";
import { changedLease, nextRenewTime, parseLease } from "../../src/lease/record.ts";
import { MemberKeeper } from "../../src/membership/keeper.ts";
import type { Clock, Timer } from "../../src/runtime/clock.ts";
import { GateClock } from "../../src/runtime/gate-clock.ts";
import { silentTelemetry, type Telemetry } from "../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../src/runtime/trouble.ts";
import { LeaseLink, type LinkState } from "./lease-link.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const TIMINGS = {
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
  clockRatio: 1.25,
  quiesceMs: 2_000,
} as const;
/** Of a replica that `join`s as `long`: 60/40/4 s. */
const LONG_TIMINGS: LeaseTimings = {
  durationMs: 60_000,
  renewDeadlineMs: 40_000,
  retryPeriodMs: 4_000,
  clockRatio: 1.25,
  quiesceMs: 8_000,
};

const COORDINATOR = "shop";
const RESOURCE = { group: "", plural: "configmaps" };

/** A process that can die: nothing of it runs any more then. */
class MortalClock implements Clock {
  readonly #clock: VirtualClock;
  dead = false;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  monotonicNs(): bigint {
    return this.#clock.monotonicNs();
  }

  timer(delayMs: number, callback: () => void): Timer {
    return this.#clock.timer(delayMs, () => {
      if (!this.dead) callback();
    });
  }
}

/** The work of one shard: it ends at once, unless its replica is busy. */
class Work implements ShardLife {
  readonly #replica: { readonly busy: boolean };
  readonly #vacated: () => void;
  ending = false;

  constructor(replica: { readonly busy: boolean }, vacated: () => void) {
    this.#replica = replica;
    this.#vacated = vacated;
  }

  open(_term: Term): void {}

  drain(_term: Term): void {
    this.ending = true;
    this.endIfIdle();
  }

  lose(_term: Term): void {
    this.ending = true;
    this.endIfIdle();
  }

  endIfIdle(): void {
    if (!this.ending || this.#replica.busy) return;
    this.ending = false;
    this.#vacated();
  }
}

class Replica {
  readonly identity: Identity;
  readonly link: LeaseLink;
  readonly campaign: Campaign;
  readonly keeper: MemberKeeper;
  readonly desk: Desk;
  readonly #clock: MortalClock;
  readonly #warm = new Set<string>();
  readonly #works: Work[] = [];
  readonly #ended = new AbortController();
  busy = false;

  constructor(
    name: string,
    leases: MemoryLeases,
    clock: VirtualClock,
    shards: readonly Shard[],
    telemetry: Telemetry,
    timings: LeaseTimings = TIMINGS,
  ) {
    this.#clock = new MortalClock(clock);
    this.identity = createIdentity(name, `uuid-of-${name}`);
    this.link = new LeaseLink(new MemoryLeaseStore(leases, COORDINATOR), this.#clock, timings.retryPeriodMs);
    const shared = {
      coordinator: COORDINATOR,
      namespace: "default",
      timings,
      store: this.link,
      clock: this.#clock,
      telemetry,
      trouble: new TroubleLog(telemetry.log),
    };
    const changed = (): void => {};
    this.keeper = new MemberKeeper({ ...shared, identity: this.identity });
    const { durationMs: leaseDurationMs } = timings;
    this.desk = new Desk({
      watch: this.link.watch(),
      keeper: this.keeper,
      clock: this.#clock,
      leaseDurationMs,
      changed,
    });
    this.campaign = new Campaign({
      ...shared,
      identity: this.identity.text,
      gateClock: new GateClock(this.#clock),
      shards,
      lifeOf: (_, vacated) => {
        const work = new Work(this, vacated);
        this.#works.push(work);
        return work;
      },
      roster: () => this.desk.roster,
      isWarm: (resource) => this.#warm.has(resource),
      changed,
    });
    void this.desk.run(this.campaign, this.#ended.signal);
  }

  warm(keyMap: string): void {
    this.#warm.add("configmaps");
    this.keeper.announce("configmaps", keyMap);
    void this.keeper.run(this.#ended.signal);
    this.campaign.poke();
  }

  leave(): void {
    this.keeper.drain();
    this.campaign.leave();
  }

  becomes(busy: boolean): void {
    this.busy = busy;
    for (const work of this.#works) work.endIfIdle();
  }

  crash(): void {
    this.#clock.dead = true;
    this.link.state = "cut";
    this.#ended.abort();
    this.campaign.stop();
  }

  /** Shards whose gate is open now. */
  get open(): string[] {
    if (this.#clock.dead) return [];
    return [...this.campaign.contenders]
      .filter(({ term }) => term?.gate.admits() ?? false)
      .map(({ shard }) => shard.id);
  }
}

/**
 * Several replicas around one store of Leases, told as a transcript: one command a line, blank lines and `#` comments aside.
 * After every timer it is checked that no shard has two open gates.
 *
 *   join r1 [buckets=2] [cold] [long]   warm r1   leave r1   crash r1   busy r1   idle r1
 *   partition r1   mute r1   heal r1   advance 15s
 *   delete LEASE   declare LEASE 60s   edit LEASE HOLDER   empty LEASE   label LEASE [COORDINATOR]
 *   expect SHARD r1|somebody|nobody   expect holder LEASE r1|nobody   expect quiet r1
 */
export class LeaseScenario {
  readonly leases = new MemoryLeases();
  readonly clock = new VirtualClock();
  readonly #replicas = new Map<string, Replica>();
  readonly #keyMaps = new Map<string, string>();
  #line = "";

  async play(transcript: string): Promise<void> {
    for (const line of transcript.split("\n").map((text) => text.trim())) {
      if (line === "" || line.startsWith("#")) continue;
      this.#line = line;
      const [verb = "", ...words] = line.split(/\s+/);
      await this.#do(verb, words);
      await this.#pass(1);
    }
  }

  replica(name: string | undefined): Replica {
    const replica = this.#replicas.get(name ?? "");
    if (replica === undefined) throw new Error(`no replica ${name}: ${this.#line}`);
    return replica;
  }

  async #do(verb: string, words: readonly string[]): Promise<void> {
    const [name] = words;
    switch (verb) {
      case "join":
        return this.#join(name ?? "", words.slice(1));
      case "warm":
        return this.replica(name).warm(this.#keyMaps.get(name ?? "") ?? "");
      case "leave":
        return this.replica(name).leave();
      case "crash":
        return this.replica(name).crash();
      case "busy":
      case "idle":
        return this.replica(name).becomes(verb === "busy");
      case "partition":
      case "mute":
      case "heal": {
        const state: LinkState = verb === "partition" ? "cut" : verb === "mute" ? "mute" : "up";
        this.replica(name).link.state = state;
        return;
      }
      case "advance":
        return this.#pass(millisecondsOf(name ?? ""));
      case "delete":
      case "edit":
      case "empty":
      case "label":
      case "declare":
        return this.#outside(verb, name ?? "", words[1]);
      case "expect":
        return this.#expect(words);
      default:
        throw new Error(`no such verb: ${this.#line}`);
    }
  }

  #join(name: string, words: readonly string[]): void {
    const buckets = Number(/buckets=(\d+)/.exec(words.join(" "))?.[1] ?? "2");
    const keyMap = `ring-1/${buckets}`;
    this.#keyMaps.set(name, keyMap);
    const shards = shardsOf(COORDINATOR, RESOURCE, buckets, keyMap);
    const timings = words.includes("long") ? LONG_TIMINGS : TIMINGS;
    this.#replicas.set(name, new Replica(name, this.leases, this.clock, shards, silentTelemetry, timings));
    if (!words.includes("cold")) this.replica(name).warm(keyMap);
  }

  /** What somebody does with kubectl. */
  #outside(verb: string, lease: string, holder = ""): void {
    const stored = this.leases.get(lease);
    if (stored === undefined) throw new Error(`no such Lease: ${this.#line}`);
    if (verb === "delete") {
      this.leases.remove(lease);
      return;
    }
    if (verb === "label") {
      const labels = { ...stored.metadata.labels, "electorate.dev/coordinator": holder };
      this.leases.update({ ...stored, metadata: { ...stored.metadata, labels: holder === "" ? {} : labels } });
      return;
    }
    const before = parseLease(stored).record;
    if (verb === "declare") {
      this.leases.update(
        changedLease(parseLease(stored), { record: { ...before, durationMs: millisecondsOf(holder) } }),
      );
      return;
    }
    const renewTime = nextRenewTime(this.clock.wallMs(), before.renewTime);
    const record = { ...before, holder, renewTime, transitions: before.transitions + 1 };
    this.leases.update(changedLease(parseLease(stored), { record }));
  }

  #expect(words: readonly string[]): void {
    const [what = "", one = "", two = ""] = words;
    if (what === "holder") this.#same(this.#holderOf(one), two);
    else if (what === "quiet") this.#same(String(this.replica(one).campaign.isQuiet), "true");
    else {
      const owner = this.#ownerOf(what);
      this.#same(one === "somebody" && owner !== "nobody" ? one : owner, one);
    }
  }

  #same(found: string, expected: string): void {
    if (found !== expected) throw new Error(`"${this.#line}" does not hold: it is ${found}\n${this.#picture()}`);
  }

  #ownerOf(shard: string): string {
    const owners = [...this.#replicas].filter(([, replica]) => replica.open.includes(shard)).map(([name]) => name);
    if (owners.length > 1) throw new Error(`two owners of ${shard}: ${owners.join(" and ")}\n${this.#picture()}`);
    return owners[0] ?? "nobody";
  }

  #holderOf(lease: string): string {
    const stored = this.leases.get(lease);
    if (stored === undefined) return "missing";
    const { holder } = parseLease(stored).record;
    return holder === "" ? "nobody" : (holder.split("_")[0] ?? holder);
  }

  /** In small steps, so that two open gates are seen wherever they are open together. */
  async #pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, ms - passed));
      const shards = new Set([...this.#replicas.values()].flatMap((replica) => replica.open));
      for (const shard of shards) this.#ownerOf(shard);
    }
  }

  #picture(): string {
    const lines = this.leases.list().map((lease) => {
      const { name, record, resourceVersion } = parseLease(lease);
      return `  ${name} rv ${resourceVersion} holder "${record.holder}" transitions ${record.transitions}`;
    });
    const states = [...this.#replicas].map(([name, replica]) => {
      const phases = [...replica.campaign.contenders].map(({ shard, elector }) => `${shard.id} ${elector.phase.name}`);
      return `  ${name}: ${phases.join(", ")}`;
    });
    return [...lines, ...states].join("\n");
  }
}

const STEP_MS = 50;

function millisecondsOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match === null) throw new Error(`not a duration: ${text}`);
  return Number(match[1]) * (match[2] === "s" ? 1_000 : 1);
}
