import type { Clock } from "../../runtime/clock.ts";
import { parseTransition, type RecordedTransition } from "./history.ts";
import type { ReconcileReport } from "./report.ts";
import type { Reconcile, ReconcileResult } from "./work.ts";

/**
 * What happened, in the order in which it reached the demo. Only grows; everything said at the end is computed from it.
 */

interface ReconcileEntry extends Omit<Reconcile, "endedNs" | "result"> {
  endedNs: bigint | undefined;
  result: ReconcileResult;
}

export class Journal {
  readonly #clock: Clock;
  readonly #transitions: RecordedTransition[] = [];
  readonly #reconciles: ReconcileEntry[] = [];
  readonly #deaths = new Map<string, bigint>();
  /** Reconciles that were started and not yet ended, by replica and sequence of the start. */
  readonly #running = new Map<string, Map<number, ReconcileEntry>>();
  #ended = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get transitions(): readonly RecordedTransition[] {
    return this.#transitions;
  }

  get reconciles(): readonly Reconcile[] {
    return this.#reconciles;
  }

  get deaths(): ReadonlyMap<string, bigint> {
    return this.#deaths;
  }

  /** Reconciles that have ended, without looking at each of them. */
  get ended(): number {
    return this.#ended;
  }

  /** Keys that the replica is working on now, as far as it reported. */
  inWork(replica: string): number {
    return this.#running.get(replica)?.size ?? 0;
  }

  /** Takes one line of a replica's standard output; true when it was a transition. */
  line(replica: string, line: string): boolean {
    const transition = parseTransition(replica, line);
    if (transition !== undefined) this.#transitions.push(transition);
    return transition !== undefined;
  }

  /** Stamps and keeps what a handler reports. To be called before the receipt is sent. */
  report(replica: string, report: ReconcileReport): void {
    const ns = this.#clock.monotonicNs();
    if (report.type === "reconcile-started") {
      const { key, shard, epoch, sequence } = report;
      const entry: ReconcileEntry = { replica, key, shard, epoch, startedNs: ns, endedNs: undefined, result: "open" };
      this.#reconciles.push(entry);
      const running = this.#running.get(replica) ?? new Map<number, ReconcileEntry>();
      this.#running.set(replica, running.set(sequence, entry));
      return;
    }
    const entry = this.#running.get(replica)?.get(report.started);
    if (entry === undefined) return;
    this.#running.get(replica)?.delete(report.started);
    entry.endedNs = ns;
    entry.result = report.result;
    this.#ended += 1;
  }

  /** From this moment the replica can do nothing more. The first moment that is said counts. */
  died(replica: string, ns: bigint = this.#clock.monotonicNs()): void {
    if (!this.#deaths.has(replica)) this.#deaths.set(replica, ns);
    this.#running.delete(replica);
  }
}
