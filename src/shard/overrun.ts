import type { Log } from "../runtime/telemetry.ts";

/** Exit code of a process whose work outlived its validity. */
const EXIT_OVERRUN = 3;

/** The most keys that a line names: the first ones say enough. */
const SHOWN_KEYS = 20;

/** What happens when work outlived validity and quiesce time: the line is the last that a process with `exit` writes. */
export function overrunPolicy(
  onOverrun: "exit" | "report",
  log: Log,
  terminate: (reason: string) => void = () => process.exit(EXIT_OVERRUN),
): (shard: string, keys: readonly string[]) => void {
  return (shard, keys) => {
    const ends = onOverrun === "exit";
    const consequence = ends ? "the process ends" : "exclusivity is given up, as configured";
    const what = `work of shard ${shard} outlived its validity; ${consequence}`;
    log.error({ overrun: shard, keys: keys.slice(0, SHOWN_KEYS) }, what);
    if (ends) terminate(what);
  };
}
