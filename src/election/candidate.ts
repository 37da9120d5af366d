import type { Lock } from "../lease/locks.ts";
import { LABEL_COORDINATOR, type Shard } from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import type { LeaseFeedEvent } from "../lease/store.ts";
import { EMPTY_ROSTER } from "../membership/roster.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { Absences } from "./absences.ts";
import { Acknowledged } from "./acknowledged.ts";
import { Contender, type ContenderContext, type ShardLife } from "./contender.ts";
import { type Standing, versionOf } from "./elector.ts";
import { plainMarks } from "./marks.ts";
import { Position } from "./position.ts";
import type { Term } from "./term.ts";

export interface CandidateContext
  extends Pick<
    ContenderContext,
    "namespace" | "identity" | "timings" | "clock" | "gateClock" | "telemetry" | "trouble"
  > {
  /** Of the object. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether the lock may be contended for, and whether it is to be given up. */
  standing(): Pick<Standing, "leaves" | "contends">;
}

/** What a candidate tells of its one lock. */
export interface CandidateListener {
  opened(): void;
  drained(): void;
  lost(reason: Error): void;
  /** The gate's deadline has moved. */
  moved(): void;
  /** The record in sight may name somebody else. */
  seen(): void;
  changed(): void;
}

/** One lock: its watch, its elector, and whether its term is open. */
export class Candidate {
  readonly #lock: Lock;
  readonly #context: CandidateContext;
  readonly #listener: CandidateListener;
  readonly #contender: Contender;
  readonly #position = new Position();
  readonly #absences: Absences;
  #term: Term | undefined;
  /** Its term has ended or drains, and the work has not ended yet. */
  #waits = false;
  #isStopped = false;

  constructor(lock: Lock, context: CandidateContext, listener: CandidateListener) {
    const { name, timings } = context;
    this.#lock = lock;
    this.#context = context;
    this.#listener = listener;
    this.#absences = new Absences({
      ...context,
      leaseDurationMs: timings.durationMs,
      roster: () => EMPTY_ROSTER,
      contenders: () => [this.#contender],
    });
    const shard: Shard = { id: lock.title, leaseName: name, resource: lock.title, bucket: 0, keyMap: "" };
    this.#contender = new Contender(
      shard,
      {
        ...context,
        coordinator: "",
        store: lock.store,
        renewal: "per-shard",
        isStatic: false,
        memberValidUntilMs: () => Number.NEGATIVE_INFINITY,
        acknowledged: new Acknowledged(timings.renewDeadlineMs),
        marksOf: () => plainMarks(context.labels),
        standingOf: () => this.#standing(),
        changed: () => listener.changed(),
      },
      () => this.#life(),
    );
  }

  /** Open, draining included. */
  get term(): Term | undefined {
    return this.#term;
  }

  get isOpen(): boolean {
    return this.#term !== undefined;
  }

  get isQuiet(): boolean {
    return this.#isStopped || this.#contender.isQuiet;
  }

  get holder(): string {
    return versionOf(this.#contender.elector)?.record.holder ?? "";
  }

  poke(): void {
    this.#contender.dispatch({ type: "tick" });
  }

  vacated(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#term = undefined;
    this.#contender.dispatch({ type: "vacated" });
  }

  stop(): void {
    this.#isStopped = true;
    this.#contender.stop();
  }

  abandon(reason: string): void {
    this.#isStopped = true;
    this.#contender.abandon(reason);
  }

  /** @throws ElectorateError `lease-name-refused` for a Lease that a coordinator keeps, or `api-server-restored`. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const event of this.#lock.store.watch().events(signal)) {
      this.#position.advance(event);
      this.#take(event);
      this.#listener.seen();
    }
  }

  #take(event: LeaseFeedEvent): void {
    switch (event.type) {
      case "snapshot": {
        const [version] = event.versions;
        if (version !== undefined) this.#see(version, "list");
        // Nobody can tell a Lease that never was from one that has just been deleted, so that it is waited out in any case.
        else this.#contender.dispatch({ type: "absent", channel: "list", firstInstall: false });
        return;
      }
      case "changed":
        this.#see(event.version, "watch");
        return;
      case "deleted":
        this.#contender.dispatch({ type: "absent", channel: "watch", firstInstall: false });
        return;
      case "bookmark":
        return;
      default:
        event satisfies never;
    }
  }

  #see(version: LeaseVersion, channel: "list" | "watch"): void {
    const owner = version.labels[LABEL_COORDINATOR];
    if (owner !== undefined) {
      throw new ElectorateError(
        "lease-name-refused",
        `Lease ${version.name} belongs to the coordinator "${owner}" by its label ${LABEL_COORDINATOR}; choose another name or namespace`,
      );
    }
    this.#contender.dispatch({ type: "seen", version, channel });
  }

  #standing(): Standing {
    return {
      ...this.#context.standing(),
      mayClaim: true,
      mayDrain: true,
      mayOpen: true,
      target: undefined,
      rankDelayMs: 0,
      absenceMs: this.#absences.waitMs(this.#context.clock.monotonicMs()),
    };
  }

  #life(): ShardLife {
    return {
      open: (term) => {
        this.#term = term;
        term.gate.whenMoved(() => this.#listener.moved());
        this.#listener.opened();
      },
      drain: () => {
        this.#waits = true;
        this.#listener.drained();
      },
      lose: (term) => {
        this.#waits = true;
        this.#term = undefined;
        const reason: unknown = term.signal.reason;
        this.#listener.lost(reason instanceof Error ? reason : new Error(String(reason)));
      },
      forsake() {},
    };
  }
}
