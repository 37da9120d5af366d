import { setImmediate } from "node:timers/promises";
import type { Clock, Timer } from "../../src/runtime/clock.ts";
import type { Randomness } from "../../src/runtime/randomness.ts";

/** A seeded generator (mulberry32): the same seed gives the same run, event by event. */
export class SeededRandomness implements Randomness {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 0x9e3779b1) >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  uuid(): string {
    const digits = (count: number): string =>
      Array.from({ length: count }, () => Math.floor(this.next() * 16).toString(16)).join("");
    return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

/**
 * True time, which nobody in the simulation can read, and everything that happens in it. One event at a time; between two
 * events every promise that can go on goes on.
 */
export class World {
  readonly randomness: SeededRandomness;
  readonly trace: string[] = [];
  nowMs = 0;
  #order = 0;
  readonly #heap: Scheduled[] = [];

  constructor(seed: number) {
    this.randomness = new SeededRandomness(seed);
  }

  at(atMs: number, action: () => void): Scheduled {
    const scheduled = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, action, cancelled: false };
    push(this.#heap, scheduled);
    return scheduled;
  }

  after(delayMs: number, action: () => void): Scheduled {
    return this.at(this.nowMs + delayMs, action);
  }

  note(line: string): void {
    this.trace.push(`${this.nowMs.toFixed(3).padStart(10)} ${line}`);
  }

  /** Runs until `untilMs`; `check` looks at the world after each event. */
  async run(untilMs: number, check: () => void): Promise<void> {
    await setImmediate();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      pop(this.#heap);
      if (next.cancelled) continue;
      this.nowMs = next.atMs;
      next.action();
      await setImmediate();
      check();
    }
    this.nowMs = untilMs;
  }
}

/** A watchdog that samples the clocks every 100 ms has seen the rest by then. */
const WATCHDOG_LATE_MS = 101;

/**
 * One machine and its process, as the process sees time: both clocks run at rates of their own; a paused process sees time go
 * on but runs nothing; a suspended machine stops its monotonic clock and runs nothing; a dead one runs nothing ever again.
 */
export class Machine implements Clock {
  readonly #world: World;
  readonly #rate: number;
  #wallOffsetMs: number;
  #suspendedMs = 0;
  #suspendedSinceMs: number | undefined;
  #resumesAtMs = Number.NEGATIVE_INFINITY;
  #dead = false;
  #held: (() => void)[] = [];

  constructor(world: World, rate: number, wallOffsetMs: number) {
    this.#world = world;
    this.#rate = rate;
    this.#wallOffsetMs = wallOffsetMs;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** True time at which its last rest ends or ended. */
  get resumesAtMs(): number {
    return this.#resumesAtMs;
  }

  /** Paused or suspended: it runs nothing now. */
  get isResting(): boolean {
    return this.#world.nowMs < this.#resumesAtMs;
  }

  /** It rests, or woke so lately that its watchdog may not have looked. */
  get hasRestedLately(): boolean {
    return this.#world.nowMs < this.#resumesAtMs + WATCHDOG_LATE_MS;
  }

  wallMs(): number {
    return Math.floor(this.#world.nowMs * this.#rate + this.#wallOffsetMs);
  }

  monotonicMs(): number {
    const standing = this.#suspendedSinceMs === undefined ? 0 : this.#world.nowMs - this.#suspendedSinceMs;
    return (this.#world.nowMs - this.#suspendedMs - standing) * this.#rate;
  }

  monotonicNs(): bigint {
    return BigInt(Math.round(this.#world.nowMs * 1e6));
  }

  timer(delayMs: number, callback: () => void): Timer {
    let over = false;
    const dueMs = this.monotonicMs() + Math.max(0, delayMs);
    const fire = (): void => {
      if (over) return;
      // It was asleep for a while: the monotonic clock has not come that far.
      const leftMs = dueMs - this.monotonicMs();
      // Never early, not by a rounding error either: who set it would set it again for nothing, and time would stand still.
      if (leftMs > 0) scheduled = this.#world.after(Math.max(leftMs / this.#rate, 0.001), () => this.deliver(fire));
      else {
        over = true;
        callback();
      }
    };
    let scheduled = this.#world.after(Math.max(0, delayMs) / this.#rate, () => this.deliver(fire));
    return {
      cancel: () => {
        over = true;
        scheduled.cancelled = true;
      },
    };
  }

  /** Something reaches the process: now, or when it runs again, in the order in which it came. */
  deliver(action: () => void): void {
    if (this.#dead) return;
    if (this.#world.nowMs < this.#resumesAtMs) this.#held.push(action);
    else action();
  }

  kill(): void {
    this.#dead = true;
    this.#held = [];
  }

  /** SIGSTOP and SIGCONT, or a garbage collection from hell: the clocks go on, the process does not. */
  pause(forMs: number): void {
    this.#rest(forMs);
  }

  /** The machine sleeps: its monotonic clock stands, its wall clock is right again afterwards. */
  suspend(forMs: number): void {
    if (this.#suspendedSinceMs !== undefined) return;
    this.#suspendedSinceMs = this.#world.nowMs;
    this.#world.after(forMs, () => {
      this.#suspendedMs += this.#world.nowMs - (this.#suspendedSinceMs ?? this.#world.nowMs);
      this.#suspendedSinceMs = undefined;
    });
    this.#rest(forMs);
  }

  /**
   * Sets the wall clock. Of a machine that sleeps it is set after it woke: both clocks stopped or turned back at once is what
   * the design leaves to fencing.
   */
  jumpWall(byMs: number): void {
    if (this.#suspendedSinceMs === undefined) this.#wallOffsetMs += byMs;
    else this.#world.at(this.#resumesAtMs + 200, () => this.jumpWall(byMs));
  }

  #rest(forMs: number): void {
    this.#resumesAtMs = Math.max(this.#resumesAtMs, this.#world.nowMs + forMs);
    this.#world.at(this.#resumesAtMs, () => this.#wake());
  }

  #wake(): void {
    if (this.#dead || this.#world.nowMs < this.#resumesAtMs) return;
    // One at a time, as an event loop would: each may change what the next one means.
    const next = this.#held.shift();
    if (next === undefined) return;
    this.#world.after(0, () => this.#wake());
    next();
  }
}

function push(heap: Scheduled[], item: Scheduled): void {
  let index = heap.push(item) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(item, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = item;
}

function pop(heap: Scheduled[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && isBefore(right, heap[child] as Scheduled)) child += 1;
    const smaller = heap[child] as Scheduled;
    if (!isBefore(smaller, last)) break;
    heap[index] = smaller;
    index = child;
  }
  heap[index] = last;
}

function isBefore(one: Scheduled, other: Scheduled): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
