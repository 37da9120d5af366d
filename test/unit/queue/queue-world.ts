import { createMemoryQueue, type MemoryQueueOptions } from "../../../src/queue/memory.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { RecordingMeter } from "./recording-meter.ts";

export function open(options: Partial<MemoryQueueOptions> = {}) {
  const clock = new VirtualClock();
  const meter = new RecordingMeter();
  const queue = createMemoryQueue({ clock, meter, name: "shop", ...options });
  return { clock, meter, queue };
}

/** No timer of it is longer than a second. */
export class EarlyTimers extends VirtualClock {
  override timer(delayMs: number, callback: () => void) {
    return super.timer(Math.min(delayMs, 1_000), callback);
  }
}

export const NOTHING = Symbol("nothing was handed out");

/** What a `take` of now answers without any time passing. */
export async function takeNow(queue: {
  take(): Promise<string | undefined>;
}): Promise<string | undefined | typeof NOTHING> {
  const taken = queue.take();
  return Promise.race([taken, new Promise<typeof NOTHING>((resolve) => setImmediate(resolve, NOTHING))]);
}
