import { createLogUpdate } from "log-update";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { type Cluster, type ClusterSettings, withCluster } from "../cluster.ts";
import { EXIT_FAILED, EXIT_OK, failureText } from "../exit.ts";
import { reportsFor } from "./leases.ts";
import type { CoordinatorStatus } from "./model.ts";
import { askForQueues } from "./queues.ts";
import type { Output } from "./table.ts";
import { overviewText, statusText } from "./text.ts";

export interface StatusSettings extends ClusterSettings {
  readonly output: Output;
  readonly watch: boolean;
  /** Asks the members for their queues, too. */
  readonly queues: boolean;
}

const WATCH_EVERY_MS = 2_000;

/** Prints the status once, or again and again; answers the exit code. Throws what keeps it from being known. */
export async function showStatus(settings: StatusSettings): Promise<number> {
  return withCluster(settings, "status", async (cluster) => {
    if (settings.watch) return repeat(() => textOf(cluster, settings));
    const text = await textOf(cluster, settings);
    process.stdout.write(text);
    return EXIT_OK;
  });
}

async function textOf(cluster: Cluster, { output, queues }: StatusSettings): Promise<string> {
  const known = await reportsFor(cluster);
  const ask = (report: CoordinatorStatus) => askForQueues(report, systemClock);
  const reports = queues ? await Promise.all(known.map(ask)) : known;
  const [named] = reports;
  if (cluster.coordinator !== undefined && named !== undefined) return statusText(named, output);
  if (reports.length > 0 || output === "json" || output === "yaml") return overviewText(reports, output);
  return `There is no coordinator in namespace ${cluster.namespace}; name another one with --namespace.\n`;
}

/** Until Ctrl-C. A failure is shown in place of the status and does not end it: whoever watches wants to see it come back. */
async function repeat(text: () => Promise<string>): Promise<number> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  process.once("SIGTERM", () => stop.abort());
  const show =
    process.stdout.isTTY === true
      ? createLogUpdate(process.stdout)
      : (content: string) => void process.stdout.write(`${content}\n`);
  let known = false;
  while (!stop.signal.aborted) {
    try {
      show(await text());
      known = true;
    } catch (error) {
      if (!known) throw error;
      show(`error: ${failureText(error)}\n`);
    }
    await sleep(systemClock, WATCH_EVERY_MS, stop.signal).catch(() => {});
  }
  return known ? EXIT_OK : EXIT_FAILED;
}
