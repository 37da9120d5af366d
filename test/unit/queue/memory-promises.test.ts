import { setImmediate } from "node:timers/promises";
import { describe } from "vitest";
import { describeQueuePromises } from "../../support/queue-promises.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { open } from "./queue-world.ts";

describe("the queue in memory keeps the promises of a work queue", () => {
  const clock = new VirtualClock();
  describeQueuePromises({
    open: () => open({ clock }).queue,
    pass: (ms) => clock.advance(ms),
    quiet: () => setImmediate(),
  });
});
