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
