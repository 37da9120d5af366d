import { write, writeSync } from "node:fs";
import { sleep, systemClock } from "../../src/runtime/clock.ts";
import { startWatchdog } from "../../src/runtime/watchdog.ts";

/**
 * A process whose work never yields, for tests that want to see it die: `watched-child.ts <exit|report> <remainingMs> <plan>`.
 * It writes `armed <monotonicNs>` and then blocks its event loop as the plan says.
 */
const [onOverrun = "exit", remaining = "0", plan = "block"] = process.argv.slice(2);

const watchdog = await startWatchdog(["configmaps-00", "configmaps-01"], {
  clock: systemClock,
  onOverrun: onOverrun === "report" ? "report" : "exit",
});
const slot = watchdog.slot("configmaps-01");
if (plan === "full-pipe") {
  // Nobody reads it: one thread of the pool is stuck in this write, and the pipe is full.
  write(2, Buffer.alloc(10_000_000), () => {});
  await sleep(systemClock, 300);
}
slot.arm(Number(remaining));
writeSync(1, `armed ${systemClock.monotonicNs()}\n`);

switch (plan) {
  case "block":
  case "full-pipe":
    for (;;);
  case "end-in-time":
    slot.disarm();
    block(3 * Number(remaining));
    break;
  case "renewed":
    // Each renewal moves the moment; only the last one counts.
    for (let renewals = 0; renewals < 4; renewals += 1) {
      block(Number(remaining) * 0.5);
      slot.arm(Number(remaining));
    }
    slot.disarm();
    break;
  case "block-then-end":
    block(3 * Number(remaining));
    slot.disarm();
    break;
  default:
    throw new Error(`no such plan: ${plan}`);
}
await watchdog.close();
writeSync(1, "ended\n");

function block(ms: number): void {
  const untilMs = systemClock.monotonicMs() + ms;
  while (systemClock.monotonicMs() < untilMs);
}
