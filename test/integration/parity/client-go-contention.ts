import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type GateTerm, gateTerms, ownerGaps, sharedOwnership } from "../../../src/cli/demo/history.ts";
import { SeededRandomness } from "../../simulation/world.ts";
import { say } from "../../support/integration.ts";
import { LeaseHistory } from "../../support/lease-history.ts";
import { SHORT_ELECTION } from "../../support/own-candidate.ts";
import { Fleet, type ReplicaProcess, SHORT_LEASE_MS } from "../../support/replica-process.ts";
import { requireTools } from "../../support/tools.ts";
import { msBetween, until } from "../../support/waiting.ts";
import type { ParityCase, ParityWorld } from "./world.ts";

/**
 * client-go's own elector, built from its module, and ours on one Lease, each as a process: one of the two is stopped or killed again and
 * again, and comes back. Both write when their work begins and when it has ended.
 *
 * client-go frees the Lease before it calls `OnStoppedLeading`, so that whoever takes it at once begins before client-go's work was told
 * that it has ended. That overlap is client-go's, and is allowed for; no other is.
 */

const SEED = 8;
const FOR_MS = 60_000;
/** What the peer of the benchmarks contends for when it has one shard. */
const SHARD = "configmaps-00";
const LEASE = `bench-${SHARD}`;
/** Both come back, one of them waits for a Lease that has expired, and the machine may be busy. */
const TAKEOVER_BOUND_MS = 10 * SHORT_LEASE_MS;

const OURS = fileURLToPath(new URL("../../support/leader-process.ts", import.meta.url));
type Side = "client-go" | "ours";
const sideOf = (replica: string): Side => (replica.startsWith("ours") ? "ours" : "client-go");

class Contention {
  readonly fleet = new Fleet();
  readonly #world: ParityWorld;
  readonly #random = new SeededRandomness(SEED);
  readonly #program: string;
  readonly #history: LeaseHistory;
  readonly #running = new Map<Side, ReplicaProcess>();
  /** Who was told to go. */
  readonly #asked = new Set<string>();
  #started = 0;

  constructor(world: ParityWorld, program: string, history: LeaseHistory) {
    this.#world = world;
    this.#program = program;
    this.#history = history;
  }

  start(side: Side): void {
    this.#started += 1;
    const name = `${side}-${this.#started}`;
    const { namespace, plane } = this.#world;
    const ours = [process.execPath, OURS, plane.kubeconfigPath, namespace, LEASE, SHARD, name] as const;
    const flags = {
      kubeconfig: plane.kubeconfigPath,
      namespace,
      identity: name,
      shards: 1,
      "lease-duration": SHORT_ELECTION.leaseDuration,
      "renew-deadline": SHORT_ELECTION.renewDeadline,
      "retry-period": SHORT_ELECTION.retryPeriod,
    };
    const theirs = [this.#program, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)] as const;
    this.#running.set(side, this.fleet.startCommand(name, side === "ours" ? ours : theirs));
  }

  /** Leads for a moment; then the leader, or now and then the other, goes and comes back. */
  async turn(): Promise<void> {
    const leader = await this.#leads(() => true);
    await delay(this.#random.between(100, 800));
    const other = leader === "ours" ? "client-go" : "ours";
    const side = this.#random.chance(0.85) ? leader : other;
    const gone = this.#running.get(side)!;
    this.#asked.add(gone.name);
    if (this.#random.chance(0.6)) gone.stop();
    else gone.kill();
    await until(`${gone.name} to end`, TAKEOVER_BOUND_MS, () => gone.exit);
    // It comes back when the other one leads, or at any time before that, and then they race.
    if (side === leader && this.#random.chance(0.6)) await this.#leads((now) => now === other);
    else await delay(this.#random.between(0, 2_000));
    this.start(side);
  }

  terms(): GateTerm[] {
    return gateTerms(this.fleet.transitions(), this.fleet.deaths());
  }

  /** Who ended although nobody asked for it, or otherwise than asked. */
  crashes(): string[] {
    return this.fleet.replicas
      .filter(({ name, exit }) => exit !== undefined && (!this.#asked.has(name) || (exit.code ?? 0) !== 0))
      .map(({ name, exit }) => `${name} ${JSON.stringify(exit)}`);
  }

  /** Identities that our processes were told to be the leader's. */
  leadersSeen(): Set<unknown> {
    return new Set(this.fleet.replicas.flatMap(({ lines }) => lines.flatMap(({ leader }) => leader ?? [])));
  }

  /** True where client-go freed the Lease, and the write that began the other's term replaced just that version. */
  isClientGosOwn({ first, second }: { readonly first: GateTerm; readonly second: GateTerm }): boolean {
    if (sideOf(first.replica) !== "client-go" || sideOf(second.replica) !== "ours") return false;
    const versions = this.#history.of(LEASE).map(({ lease }) => lease);
    const began = versions.findIndex(({ metadata }) => metadata.resourceVersion === second.epoch);
    const [held, freed] = [versions[began - 2], versions[began - 1]];
    return freed?.spec?.holderIdentity === "" && held?.spec?.holderIdentity === first.replica;
  }

  #leads(isWanted: (side: Side) => boolean): Promise<Side> {
    return until(
      "a leader",
      TAKEOVER_BOUND_MS,
      () => {
        const open = this.terms().find(({ end }) => end === "open");
        const side = open === undefined ? undefined : sideOf(open.replica);
        return side !== undefined && isWanted(side) ? side : undefined;
      },
      () => this.fleet.report(),
    );
  }
}

function figures(contention: Contention): string {
  const terms = contention.terms();
  const gaps = ownerGaps(terms);
  const count = (from: Side, to: Side): number =>
    gaps.filter((gap) => sideOf(gap.from) === from && sideOf(gap.to) === to).length;
  const ofSide = (side: Side): number => terms.filter(({ replica }) => sideOf(replica) === side).length;
  const overlaps = sharedOwnership(terms);
  const own = overlaps.filter((pair) => contention.isClientGosOwn(pair));
  const lengthsMs = gaps.map(({ gapMs }) => gapMs);
  return (
    `seed ${SEED}, ${FOR_MS / 1_000} s on one Lease: ${ofSide("client-go")} terms of client-go, ${ofSide("ours")} of ours; ` +
    `ours took over from client-go ${count("client-go", "ours")} times, client-go from ours ${count("ours", "client-go")}; ` +
    `overlaps: ${overlaps.length}, on client-go's own release ${own.length}, the longest ${Math.max(0, ...lengthsMs.map((ms) => -ms)).toFixed(1)} ms; ` +
    `longest without a leader ${Math.max(...lengthsMs).toFixed(0)} ms`
  );
}

async function contend(world: ParityWorld): Promise<void> {
  requireTools(world.context, "go");
  const { program, version } = world.clientGo;
  if (program === undefined) throw new Error(`client-go's elector was not built: ${version}`);
  const history = await LeaseHistory.start(world.plane, world.namespace);
  world.defer(() => history.stop());
  const contention = new Contention(world, program, history);
  world.defer(() => contention.fleet.close());
  world.context.onTestFailed(() => void process.stdout.write(`${contention.fleet.report()}\n`));

  contention.start("client-go");
  contention.start("ours");
  const beganNs = process.hrtime.bigint();
  while (msBetween(beganNs, process.hrtime.bigint()) < FOR_MS) await contention.turn();
  say(`${version}: ${figures(contention)}`);

  const terms = contention.terms();
  const unexcused = sharedOwnership(terms).filter((pair) => !contention.isClientGosOwn(pair));
  expect(unexcused.map(({ first, second }) => `${first.replica} and ${second.replica}`)).toEqual([]);
  expect(contention.crashes()).toEqual([]);
  const gaps = ownerGaps(terms).map(({ from, to }) => `${sideOf(from)} to ${sideOf(to)}`);
  expect(gaps).toContain("client-go to ours");
  expect(gaps).toContain("ours to client-go");
  // Each knows the other's identity as it stands in the Lease.
  const theirs = terms.map(({ replica }) => replica).filter((replica) => sideOf(replica) === "client-go");
  const seen = contention.leadersSeen();
  expect(theirs.some((identity) => seen.has(identity))).toBe(true);
}

export const contentionCases: readonly ParityCase[] = [
  {
    title:
      "client-go's own elector and ours lead at once, or one never takes over from the other, in a minute of stops and kills",
    boundMs: 300_000,
    run: contend,
  },
];
