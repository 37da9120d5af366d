import { isFenced } from "../../src/lease/fence.ts";
import { MemoryLeases } from "../../src/lease/memory.ts";
import {
  ANNOTATION_FREEZE,
  ANNOTATION_INTENT,
  ANNOTATION_PIN,
  ANNOTATION_RENEWAL,
  ANNOTATION_TRANSFER,
  controlLeaseName,
  createIdentity,
  LABEL_COORDINATOR,
  LABEL_ROLE,
  memberLeaseName,
  shardLabels,
  shardsOf,
} from "../../src/lease/names.ts";
import { changedLease, nextRenewTime, parseLease } from "../../src/lease/record.ts";
import { renewalOf } from "../../src/lease/renewal.ts";
import { transferText } from "../../src/lease/transfer.ts";
import { silentTelemetry, type Telemetry } from "../../src/runtime/telemetry.ts";
import type { LinkState } from "./lease-link.ts";
import { COORDINATOR, LONG_TIMINGS, PLAIN, Replica, TIMINGS } from "./scenario-replica.ts";
import { VirtualClock } from "./virtual-clock.ts";

const RESOURCE = { group: "", plural: "configmaps" };

/**
 * Several replicas around one store of Leases, told as a transcript: one command a line, blank lines and `#` comments aside.
 * After every timer it is checked that no shard has two open gates.
 *
 *   join r1 [buckets=2] [weight=1] [version=v1] [cold] [long] [per-member] [static]   warm r1   leave r1   crash r1   busy r1   idle r1   stuck r1
 *   partition r1   mute r1   heal r1   advance 15s
 *   drain r1   cordon r1   uncordon r1   pin SHARD NAME   unpin SHARD   freeze   unfreeze
 *   make LEASE [unlabelled], as the chart does   delete LEASE   declare LEASE 60s   edit LEASE HOLDER   forge LEASE HOLDER   annotate LEASE   empty LEASE
 *   label LEASE [COORDINATOR]   mark LEASE per-member|per-shard
 *   expect SHARD r1|somebody|nobody   expect holder LEASE r1|nobody   expect quiet r1   expect phase r1 SHARD PHASE
 *   expect load r1 2   expect moves 1   expect unowned 0
 *   expect mark LEASE per-member|per-shard   expect fenced r1   expect standing r1   expect requests r1 5 (since last asked)
 */
export class LeaseScenario {
  readonly leases = new MemoryLeases();
  readonly clock = new VirtualClock();
  /** `<shard> <from>`, in order. */
  readonly transfers: string[] = [];
  readonly #replicas = new Map<string, Replica>();
  readonly #keyMaps = new Map<string, string>();
  /** How often each name has joined: a process that starts again has another identity. */
  readonly #joins = new Map<string, number>();
  readonly #requests = new Map<string, number>();
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
      case "stuck":
        return this.replica(name).getStuck();
      case "partition":
      case "mute":
      case "heal": {
        const state: LinkState = verb === "partition" ? "cut" : verb === "mute" ? "mute" : "up";
        this.replica(name).link.state = state;
        return;
      }
      case "advance":
        return this.#pass(millisecondsOf(name ?? ""));
      case "drain":
      case "cordon":
      case "uncordon":
        return this.#intend(name ?? "", verb === "uncordon" ? null : verb);
      case "pin":
      case "unpin":
        return this.#annotate(`${COORDINATOR}-${name}`, { [ANNOTATION_PIN]: words[1] ?? null });
      case "make":
        return this.#make(name ?? "", words.includes("unlabelled"));
      case "freeze":
      case "unfreeze":
        return this.#freeze(verb === "freeze" ? "somebody" : null);
      case "delete":
      case "edit":
      case "forge":
      case "annotate":
      case "empty":
      case "label":
      case "mark":
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
    const weight = Number(/weight=(\d+)/.exec(words.join(" "))?.[1] ?? "1");
    const telemetry: Telemetry = {
      ...silentTelemetry,
      transition: ({ event, shard }) => {
        if (event === "lease-transferred") this.transfers.push(`${shard} ${name}`);
      },
    };
    const version = /version=(\S+)/.exec(words.join(" "))?.[1] ?? "";
    const traits = { ...PLAIN, weight, version };
    const joins = (this.#joins.get(name) ?? 0) + 1;
    this.#joins.set(name, joins);
    const identity = createIdentity(name, joins === 1 ? `uuid-of-${name}` : `uuid-${joins}-of-${name}`);
    const timings = words.includes("long") ? LONG_TIMINGS : TIMINGS;
    const renewal = words.includes("per-member") ? "per-member" : "per-shard";
    const { leases, clock } = this;
    const isStatic = words.includes("static");
    this.#replicas.set(
      name,
      new Replica(identity, leases, clock, shards, telemetry, traits, timings, renewal, isStatic),
    );
    if (!words.includes("cold")) this.replica(name).warm(keyMap);
  }

  #intend(name: string, intent: string | null): void {
    this.#annotate(memberLeaseName(COORDINATOR, this.replica(name).identity.uuid), { [ANNOTATION_INTENT]: intent });
  }

  #freeze(text: string | null): void {
    const name = controlLeaseName(COORDINATOR);
    const labels = { [LABEL_COORDINATOR]: COORDINATOR, [LABEL_ROLE]: "control" };
    if (this.leases.get(name) === undefined) this.leases.create({ metadata: { name, namespace: "default", labels } });
    this.#annotate(name, { [ANNOTATION_FREEZE]: text });
  }

  #make(lease: string, unlabelled: boolean): void {
    const shards = shardsOf(COORDINATOR, RESOURCE, 100, "");
    const shard = shards.find(({ leaseName }) => leaseName === lease);
    if (shard === undefined) throw new Error(`no Lease of a shard: ${this.#line}`);
    const labels = unlabelled ? {} : shardLabels(COORDINATOR, shard);
    this.leases.create({ metadata: { name: lease, namespace: "default", labels } });
  }

  #annotate(lease: string, added: Readonly<Record<string, string | null>>): void {
    const stored = this.leases.get(lease);
    if (stored === undefined) throw new Error(`no such Lease: ${this.#line}`);
    const merged = Object.entries({ ...stored.metadata.annotations, ...added });
    const annotations = Object.fromEntries(merged.filter((entry): entry is [string, string] => entry[1] !== null));
    this.leases.update({ ...stored, metadata: { ...stored.metadata, annotations } });
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
    if (verb === "annotate" || verb === "mark") {
      const note =
        verb === "mark" ? { [ANNOTATION_RENEWAL]: holder } : { "somebody/was-here": String(this.clock.wallMs()) };
      this.#annotate(lease, note);
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
    // Everything as a holder would write it, but for the version that it says it replaced.
    const transfer = transferText({ to: holder, transitions: record.transitions, replaced: "1" });
    const annotations = verb === "forge" ? { [ANNOTATION_TRANSFER]: transfer } : {};
    this.leases.update(changedLease(parseLease(stored), { record, annotations }));
  }

  #expect(words: readonly string[]): void {
    const [what = "", one = "", two = ""] = words;
    if (what === "holder") this.#same(this.#holderOf(one), two);
    else if (what === "moves") this.#same(String(this.transfers.length), one);
    else if (what === "load") this.#same(String(this.replica(one).open.length), two);
    else if (what === "unowned") this.#same(String(this.#unowned()), one);
    else if (what === "phase") this.#same(this.#phaseOf(one, two), words[3] ?? "");
    else if (what === "mark") this.#same(this.#markOf(one), two);
    else if (what === "fenced" || what === "standing") this.#same(this.#standingOf(one), what);
    else if (what === "requests") this.#same(String(this.#requestsOf(one)), two);
    else if (what === "quiet") this.#same(String(this.replica(one).campaign.isQuiet), "true");
    else {
      const owner = this.#ownerOf(what);
      this.#same(one === "somebody" && owner !== "nobody" ? one : owner, one);
    }
  }

  #same(found: string, expected: string): void {
    if (found !== expected) throw new Error(`"${this.#line}" does not hold: it is ${found}\n${this.#picture()}`);
  }

  /** Shards that no gate is open for. */
  #unowned(): number {
    const shards = new Set([...this.#replicas.values()].flatMap((replica) => replica.shards));
    return [...shards].filter((shard) => this.#ownerOf(shard) === "nobody").length;
  }

  #phaseOf(name: string, shard: string): string {
    const contender = [...this.replica(name).campaign.contenders].find((candidate) => candidate.shard.id === shard);
    return contender?.elector.phase.name ?? "none";
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

  #markOf(lease: string): string {
    const stored = this.leases.get(lease);
    return stored === undefined ? "missing" : renewalOf(parseLease(stored));
  }

  #standingOf(name: string): string {
    const stored = this.leases.get(`shop-member-${this.replica(name).identity.uuid}`);
    if (stored === undefined) return "missing";
    return isFenced(parseLease(stored)) ? "fenced" : "standing";
  }

  #requestsOf(name: string): number {
    const { requests } = this.replica(name).link;
    const before = this.#requests.get(name) ?? 0;
    this.#requests.set(name, requests);
    return requests - before;
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
