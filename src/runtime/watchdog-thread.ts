import { write } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import type { Clock } from "./clock.ts";
import { GateClock } from "./gate-clock.ts";
import { FIELDS_PER_SLOT, type WatchdogStart } from "./watchdog.ts";

/** The thread behind `watchdog.ts`. It shares memory with the main thread and nothing else, and never waits for it. */

const SAMPLE_EVERY_MS = 100;
/** A full pipe may hold a line up for ever. */
const LONGEST_WRITE_MS = 50;

const start = workerData as WatchdogStart;
const fields = new Float64Array(start.fields);
const sequences = new Int32Array(start.sequences);

/** hrtime has one origin in all threads of a process; `performance.now()` has one per thread. */
const clock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  monotonicNs: () => process.hrtime.bigint(),
  timer: () => {
    throw new Error("the watchdog's clock has no timers");
  },
};
const gateClock = new GateClock(clock);

interface Watched {
  sequence: number;
  /** On this thread's gate clock. */
  mustEndMs: number;
  reported: boolean;
}

const watched: Watched[] = start.names.map(() => ({
  sequence: -1,
  mustEndMs: Number.POSITIVE_INFINITY,
  reported: false,
}));

/** Looks at every slot, and again when the nearest of them is due: sampling alone would end work up to a period too late. */
function sample(): void {
  const nowMs = gateClock.latestMs();
  let soonestMs = nowMs + SAMPLE_EVERY_MS;
  watched.forEach((slot, index) => {
    follow(slot, index, nowMs);
    if (slot.reported) return;
    if (nowMs < slot.mustEndMs) {
      soonestMs = Math.min(soonestMs, slot.mustEndMs);
      return;
    }
    slot.reported = true;
    overrun(start.names[index] ?? "", nowMs - slot.mustEndMs);
  });
  setTimeout(sample, Math.ceil(soonestMs - nowMs));
}

/** Takes a new publication over; one that is being written right now is read at the next sample. */
function follow(slot: Watched, index: number, nowMs: number): void {
  const sequence = Atomics.load(sequences, index);
  if (sequence === slot.sequence || sequence % 2 !== 0) return;
  const at = index * FIELDS_PER_SLOT;
  const [remainingMs = 0, monotonicMs = 0, wallMs = 0] = fields.subarray(at, at + FIELDS_PER_SLOT);
  if (Atomics.load(sequences, index) !== sequence) return;
  const elapsedMs = Math.max(clock.monotonicMs() - monotonicMs, clock.wallMs() - wallMs, 0);
  slot.sequence = sequence;
  slot.mustEndMs = nowMs + remainingMs - elapsedMs;
  slot.reported = false;
}

function overrun(shard: string, lateMs: number): void {
  const ends = start.onOverrun === "exit";
  const line = {
    level: ends ? "fatal" : "error",
    overrun: shard,
    lateMs: Math.round(lateMs),
    msg: `work of shard ${shard} outlived its validity by ${Math.round(lateMs)} ms; ${
      ends ? "the process ends now, before another replica opens the shard" : "exclusivity is given up, as configured"
    }`,
  };
  // Nothing softer ends a process whose main thread does not run. Whoever should read the line may be stuck, too: it is written
  // without being waited for longer than this.
  const end = (): void => {
    if (ends) process.kill(process.pid, "SIGKILL");
  };
  setTimeout(end, LONGEST_WRITE_MS);
  write(2, `${JSON.stringify(line)}\n`, end);
}

sample();
parentPort?.postMessage("watching");
