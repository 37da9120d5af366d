import { createLogUpdate } from "log-update";
import { LABEL_COORDINATOR, leaseSelector } from "../../lease/names.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { type Cluster, type ClusterSettings, leasesOf, openCluster, unknownCoordinator } from "../cluster.ts";
import { EXIT_FAILED, EXIT_OK, failureText } from "../exit.ts";
import { reportOf, reportsOf } from "./report.ts";
import { type Output, overviewText, statusText } from "./text.ts";

export interface StatusSettings extends ClusterSettings {
  readonly output: Output;
  readonly watch: boolean;
}

const WATCH_EVERY_MS = 2_000;

/** Prints the status once, or again and again; answers the exit code. Throws what keeps it from being known. */
export async function showStatus(settings: StatusSettings): Promise<number> {
  const cluster = await openCluster(settings, "status");
  try {
    if (settings.watch) return await repeat(() => textOf(cluster, settings.output));
    const text = await textOf(cluster, settings.output);
    process.stdout.write(text);
    return EXIT_OK;
  } finally {
    await cluster.close();
  }
}

async function textOf(cluster: Cluster, output: Output): Promise<string> {
  const { namespace, coordinator } = cluster;
  const versions = await leasesOf(cluster, coordinator === undefined ? LABEL_COORDINATOR : leaseSelector(coordinator));
  const wallMs = systemClock.wallMs();
  if (coordinator !== undefined) {
    if (versions.length === 0) throw await unknownCoordinator(cluster, coordinator);
    return statusText(reportOf(coordinator, versions, namespace, wallMs), output);
  }
  const reports = reportsOf(versions, namespace, wallMs);
  if (reports.length > 0 || output === "json" || output === "yaml") return overviewText(reports, output);
  return `There is no coordinator in namespace ${namespace}; name another one with --namespace.\n`;
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
