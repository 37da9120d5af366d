import type { Machine } from "./world.ts";

/** One run of a handler. */
export interface Run {
  readonly key: string;
  readonly shard: string;
  readonly epoch: string;
  readonly replica: { readonly name: string; readonly machine: Machine };
}

/** Where handlers report, out of reach of whoever runs them. */
export class Sink {
  readonly #violate: (what: string) => void;
  readonly #runs = new Set<Run>();
  reconciles = 0;

  constructor(violate: (what: string) => void) {
    this.#violate = violate;
  }

  begin(run: Run): void {
    for (const other of this.#acting()) {
      if (other.key !== run.key) continue;
      this.#violate(`key ${run.key} is taken by ${textOf(run)} while ${textOf(other)} works on it`);
    }
    this.#runs.add(run);
  }

  end(run: Run): void {
    this.#runs.delete(run);
    this.reconciles += 1;
  }

  /** The runs of a shard's handlers that may have an effect now. */
  actingFor(shard: string): readonly Run[] {
    return this.#runs.size === 0 ? [] : [...this.#acting()].filter((run) => run.shard === shard);
  }

  /** The runs on one machine, whatever it does now. */
  on(machine: Machine): readonly Run[] {
    return [...this.#runs].filter((run) => run.replica.machine === machine);
  }

  /** A process that stands still does nothing; what it does when it wakes is judged by its gates, and by its watchdog. */
  *#acting(): Iterable<Run> {
    for (const run of this.#runs) {
      if (run.replica.machine.isDead) this.#runs.delete(run);
      else if (!run.replica.machine.hasRestedLately) yield run;
    }
  }
}

export function textOf({ key, epoch, replica }: Run): string {
  return `${replica.name} (${epoch}, ${key})`;
}
