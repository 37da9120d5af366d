import type { LifeOwner, ShardLife } from "../election/contender.ts";
import type { Term } from "../election/term.ts";

interface Half {
  readonly life: ShardLife;
  /** It drains or stops, and has not said that nothing of it runs any more. */
  isEnding: boolean;
  /** Work of a forsaken term still runs in it. */
  isLate: boolean;
}

/** Two kinds of work under one Lease: its reconcilers, and parts that are bound to it. They open, drain and end together. */
export class JointLife implements ShardLife {
  readonly #halves: readonly Half[];

  constructor(owner: LifeOwner, makers: readonly ((owner: LifeOwner) => ShardLife)[]) {
    const vacated = (half: Half): void => {
      half.isEnding = false;
      if (!this.#halves.some(({ isEnding }) => isEnding)) owner.vacated();
    };
    const relieved = (half: Half): void => {
      half.isLate = false;
      if (!this.#halves.some(({ isLate }) => isLate)) owner.relieved();
    };
    this.#halves = makers.map((make) => {
      const life = make({
        look: () => owner.look(),
        stuck: () => owner.stuck(),
        vacated: () => vacated(half),
        relieved: () => relieved(half),
      });
      const half: Half = { life, isEnding: false, isLate: false };
      return half;
    });
  }

  open(term: Term): void {
    for (const { life } of this.#halves) life.open(term);
  }

  drain(term: Term): void {
    for (const half of this.#halves) half.isEnding = true;
    for (const { life } of this.#halves) life.drain(term);
  }

  /** One that has drained already, while the other has not, has nothing left to lose. */
  lose(term: Term): void {
    const draining = this.#halves.filter(({ isEnding }) => isEnding);
    const losing = draining.length > 0 ? draining : this.#halves;
    for (const half of losing) half.isEnding = true;
    for (const { life } of losing) life.lose(term);
  }

  forsake(term: Term): void {
    const late = this.#halves.filter(({ isEnding }) => isEnding);
    for (const half of late) {
      half.isEnding = false;
      half.isLate = true;
    }
    for (const { life } of late) life.forsake(term);
  }
}
