import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { formatDuration } from "../../config/duration.ts";
import { COORDINATOR, DEMO_LEASE, type DemoSettings, NAMESPACE, WORKERS } from "./settings.ts";

/** The files that the replicas are started with, in a folder of this user alone that is removed at the end. */

export class DemoFolder {
  readonly path = mkdtempSync(join(tmpdir(), "electorate-demo-"));

  write(name: string, content: string): string {
    const path = join(this.path, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** Idempotent, and callable while the process exits. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The configuration of every replica: what a user would write, with the handler of the demo. */
export function replicaConfiguration(settings: Pick<DemoSettings, "buckets">): string {
  const handler = moduleOfDemo("handler");
  return stringify({
    coordinator: COORDINATOR,
    namespace: NAMESPACE,
    lease: {
      duration: formatDuration(DEMO_LEASE.durationMs),
      renewDeadline: formatDuration(DEMO_LEASE.renewDeadlineMs),
      retryPeriod: formatDuration(DEMO_LEASE.retryPeriodMs),
      clockRatio: DEMO_LEASE.clockRatio,
    },
    drainTimeout: "5s",
    shutdownTimeout: "8s",
    resources: [
      {
        resource: "configmaps",
        namespaces: [NAMESPACE],
        labelSelector: "app=demo",
        buckets: settings.buckets,
        workers: WORKERS,
        handler: `${handler}#reconcileConfigMap`,
      },
      {
        resource: "widgets.demo.electorate.dev",
        namespaces: [NAMESPACE],
        labelSelector: "app=demo",
        workers: WORKERS,
        handler: `${handler}#reconcileWidget`,
      },
    ],
  });
}

/** `.ts` where the sources run as they are, `.js` where they were built. */
const EXTENSION = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** Path of a module of this folder. */
function moduleOfDemo(name: string): string {
  return fileURLToPath(new URL(`${name}.${EXTENSION}`, import.meta.url));
}

/** Path of the command's entry. */
export function commandEntry(): string {
  return moduleOfDemo("../main");
}

/** The module that ties a replica's life to the demo's, as `--import` takes it. */
export function lifelineUrl(): string {
  return new URL(`lifeline.${EXTENSION}`, import.meta.url).href;
}
