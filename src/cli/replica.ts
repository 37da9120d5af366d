import { coordinatorOptions } from "../config/coordinator-options.ts";
import type { ResourceHandlers } from "../config/handlers.ts";
import type { Configuration } from "../config/load.ts";
import type { CoordinatorOptions } from "../config/options.ts";
import { createCoordinator } from "../coordinator.ts";
import { connect } from "../kube/connection.ts";
import { packageVersion } from "../kube/user-agent.ts";
import { systemClock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { isContained } from "../runtime/stray-errors.ts";
import type { Log } from "../runtime/telemetry.ts";
import { createLog, type LogLevel } from "../telemetry/log.ts";
import { createTelemetry } from "../telemetry/telemetry.ts";
import { EXIT_FAILED, EXIT_OK, exitCodeOf } from "./exit.ts";
import { queueDriver } from "./queue-driver.ts";

/** What the command line says of one replica and the configuration does not. */
export interface ReplicaSettings {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly identity?: string | undefined;
  readonly logLevel: LogLevel;
}

/**
 * Runs one replica until a signal stops it; answers the exit code. What is wrong before anything was started is thrown; what
 * fails later is logged, because by then the log is what somebody reads.
 */
export async function runReplica(
  configuration: Configuration,
  handlers: readonly ResourceHandlers[],
  settings: ReplicaSettings,
): Promise<number> {
  const telemetry = createTelemetry({ log: createLog({ level: settings.logLevel }) });
  const { log, meter } = telemetry;
  meter.set("electorate_build_info", { version: packageVersion() }, 1);
  const stop = stopOnSignals(log);
  const connection = await connect({
    ...given({ kubeconfig: settings.kubeconfig, context: settings.context }),
    component: configuration.coordinator,
    onAnswer: ({ code, method, host }) => meter.increment("rest_client_requests_total", { code, method, host }),
  });
  const options: CoordinatorOptions = {
    ...coordinatorOptions(configuration, handlers),
    ...(await queueDriver(configuration)),
    ...given({ identity: settings.identity }),
    connection,
    telemetry,
  };
  try {
    const coordinator = createCoordinator(options);
    const { identity } = coordinator;
    log.info(
      { coordinator: configuration.coordinator, identity, version: packageVersion(), server: connection.describe() },
      "starting",
    );
    const { clean } = await coordinator.run(stop);
    if (clean) log.info({ identity }, "stopped; every shard was given back");
    else log.warn({ identity }, "stopped while work was still running; its Leases are left to expire");
    return clean ? EXIT_OK : EXIT_FAILED;
  } catch (error) {
    log.error({ err: error }, "the replica failed");
    return exitCodeOf(error);
  } finally {
    await connection.close();
  }
}

/** The fields that have a value: an option that was not given is left out, not given as `undefined`. */
function given<Fields extends Record<string, string | undefined>>(fields: Fields): { [Name in keyof Fields]?: string } {
  const present: { [Name in keyof Fields]?: string } = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) present[name] = value;
  }
  return present;
}

/** Wrappers (timeout, tini -g, npm) send one stop to the process and to its group: the same signal so soon after is the same stop. */
const ONE_STOP_MS = 500;

/**
 * Aborts at the first SIGTERM or SIGINT; the second ends the process. Whatever is thrown where nobody waits for it, and cannot be
 * traced to a handler, ends the process too, with a line in the log: its state is unknown, and its Leases expire.
 */
function stopOnSignals(log: Log): AbortSignal {
  const stop = new AbortController();
  let first: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = systemClock.monotonicMs();
    if (stop.signal.aborted) {
      if (signal === first?.signal && nowMs - first.atMs < ONE_STOP_MS) return;
      log.error({ signal }, "second signal: ending at once; the Leases of this replica are left to expire");
      process.exit(EXIT_FAILED);
    }
    first = { signal, atMs: nowMs };
    log.info({ signal }, "stopping; a second signal ends the process at once");
    stop.abort(new ElectorateError("aborted", `stopped by ${signal}`));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("uncaughtException", (error, origin) => {
    if (isContained()) return;
    log.error({ err: error, origin }, "an error that nobody caught ends this replica; its Leases are left to expire");
    process.exit(EXIT_FAILED);
  });
  return stop.signal;
}
