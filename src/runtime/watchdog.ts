import { Worker } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import { ElectorateError } from "./errors.ts";

/**
 * A handler that never yields blocks the very timer that would end it. So a thread of its own, without a Kubernetes client,
 * samples both clocks and kills the process once work has outlived its term.
 *
 * The main thread publishes, per shard, how long its running work may still go on; the thread turns that into a moment on its own
 * gate clock. Layout of a slot, in Float64 fields: remaining ms, and the clocks at that moment; its sequence number is odd
 * while it is being written.
 */
export interface Watchdog {
  /** The place of one of the shards that the watchdog was started with; throws `misuse` for any other, whose work nobody would watch. */
  slot(shard: string): WatchdogSlot;
  close(): Promise<void>;
}

export interface WatchdogSlot {
  /** The running work of this shard must have ended within `remainingMs` from now. */
  arm(remainingMs: number): void;
  /** Nothing runs. */
  disarm(): void;
}

export interface WatchdogOptions {
  readonly clock: Clock;
  readonly slots: number;
  /** `exit` kills the process, `report` only writes the line. */
  readonly onOverrun: "exit" | "report";
}

export const FIELDS_PER_SLOT = 3;

/** What the thread is started with. */
export interface WatchdogStart {
  readonly fields: SharedArrayBuffer;
  readonly sequences: SharedArrayBuffer;
  readonly names: readonly string[];
  readonly onOverrun: "exit" | "report";
}

/** Watches nothing: for virtual time, where a handler cannot block the clock. */
export const noWatchdog: Watchdog = {
  slot: () => ({ arm() {}, disarm() {} }),
  close: () => Promise.resolve(),
};

/** Starts the thread; resolves when it watches. */
export async function startWatchdog(
  shards: readonly string[],
  options: Omit<WatchdogOptions, "slots">,
): Promise<Watchdog> {
  const fields = new SharedArrayBuffer(Math.max(1, shards.length) * FIELDS_PER_SLOT * Float64Array.BYTES_PER_ELEMENT);
  const sequences = new SharedArrayBuffer(Math.max(1, shards.length) * Int32Array.BYTES_PER_ELEMENT);
  const floats = new Float64Array(fields);
  for (let slot = 0; slot < shards.length; slot += 1) floats[slot * FIELDS_PER_SLOT] = Number.POSITIVE_INFINITY;
  const start: WatchdogStart = { fields, sequences, names: shards, onOverrun: options.onOverrun };
  const file = import.meta.url.endsWith(".ts") ? "./watchdog-thread.ts" : "./watchdog-thread.js";
  const thread = new Worker(new URL(file, import.meta.url), { workerData: start, stdout: false, stderr: false });
  await new Promise<void>((resolve, reject) => {
    thread.once("message", () => resolve());
    thread.once("error", reject);
  });
  // Without a listener an error of the thread ends this process: nobody would notice work that is not watched any more.
  thread.removeAllListeners("error");
  // It must not keep a process alive that has nothing else to do.
  thread.unref();
  const places = new Map(shards.map((shard, slot) => [shard, slot]));
  const writer = new SlotWriter(floats, new Int32Array(sequences), options.clock);
  return {
    slot(shard) {
      const slot = places.get(shard);
      if (slot === undefined)
        throw new ElectorateError("misuse", `the watchdog was not started with a place for shard ${shard}`);
      return {
        arm: (remainingMs) => writer.write(slot, remainingMs),
        disarm: () => writer.write(slot, Number.POSITIVE_INFINITY),
      };
    },
    async close() {
      await thread.terminate();
    },
  };
}

class SlotWriter {
  readonly #fields: Float64Array;
  readonly #sequences: Int32Array;
  readonly #clock: Clock;

  constructor(fields: Float64Array, sequences: Int32Array, clock: Clock) {
    this.#fields = fields;
    this.#sequences = sequences;
    this.#clock = clock;
  }

  write(slot: number, remainingMs: number): void {
    const at = slot * FIELDS_PER_SLOT;
    Atomics.add(this.#sequences, slot, 1);
    this.#fields[at] = remainingMs;
    this.#fields[at + 1] = Number(this.#clock.monotonicNs()) / 1e6;
    this.#fields[at + 2] = this.#clock.wallMs();
    Atomics.add(this.#sequences, slot, 1);
  }
}
