import type { Configuration } from "../config/load.ts";
import type { QueueDriver } from "../queue/driver.ts";

/** The driver that a configuration asks for; what it needs is loaded only then. */
export async function queueDriver({ queue }: Configuration): Promise<{ readonly queue?: QueueDriver }> {
  if (queue === undefined) return {};
  const { bullQueues } = await import("../queue/bull/index.ts");
  return { queue: bullQueues(queue) };
}
