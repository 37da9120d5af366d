/**
 * Plays a replica of the demo for its tests: the real handler and the real lifeline around made-up work.
 * The first argument says how it goes.
 */
import { fork } from "node:child_process";
import { reconcileConfigMap } from "../../src/cli/demo/handler.ts";
import type { GuardedClient } from "../../src/reconcile/client-contract.ts";
import type { ReconcileContext } from "../../src/reconcile/contract.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";

function say(fields: object): void {
  process.stdout.write(`${JSON.stringify(fields)}\n`);
}

function refuse(): Promise<never> {
  return Promise.reject(new Error("not used by the demo"));
}

function client(patch: GuardedClient["patch"]): GuardedClient {
  return {
    get: refuse,
    list: refuse,
    create: refuse,
    update: refuse,
    updateStatus: refuse,
    patchStatus: refuse,
    apply: refuse,
    applyStatus: refuse,
    delete: refuse,
    patch,
  };
}

async function reconcile(name: string, observed: string | undefined, patch: GuardedClient["patch"]): Promise<void> {
  const annotations = observed === undefined ? {} : { "demo.electorate.dev/observed": observed };
  const context: ReconcileContext = {
    object: { metadata: { name, namespace: "default", annotations }, data: { value: "7" } },
    signal: new AbortController().signal,
    shard: "configmaps-00",
    epoch: "42",
    log: silentTelemetry.log,
    client: client(patch),
  };
  const request = { resource: "configmaps", namespace: "default", name, key: `default/${name}` };
  const startedNs = systemClock.monotonicNs();
  await reconcileConfigMap(request, context).catch(() => {});
  say({ handler: name, startedNs: String(startedNs), endedNs: String(systemClock.monotonicNs()) });
}

async function work(): Promise<void> {
  say({
    level: "info",
    event: "gate-opened",
    shard: "configmaps-00",
    identity: "replica-1_u",
    epoch: "42",
    reason: "test",
    monotonicNs: String(systemClock.monotonicNs()),
  });
  const patch: GuardedClient["patch"] = async (reference, change) => {
    say({ patched: reference.name, change, atNs: String(systemClock.monotonicNs()) });
    if (reference.name === "refused") throw new Error("409");
    return { metadata: { name: reference.name } };
  };
  await reconcile("fresh", undefined, patch);
  await reconcile("refused", "6", patch);
  await reconcile("known", "7", patch);
}

/** Stays until something ends it. */
function stay(): void {
  const timer = setInterval(() => {}, 60_000);
  process.on("SIGTERM", () => {
    clearInterval(timer);
    process.disconnect?.();
  });
  say({ staying: process.pid });
}

const [mode, lifeline] = process.argv.slice(2);
switch (mode) {
  case "work":
    await work();
    break;
  case "stay":
    stay();
    break;
  case "crash":
    process.stderr.write("the roof is on fire\n");
    process.exitCode = 3;
    break;
  case "parent": {
    // Plays the demo itself: starts a replica that stays, and is then killed.
    const child = fork(import.meta.filename, ["stay"], {
      execArgv: ["--import", lifeline ?? ""],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    child.on("exit", (code) => say({ childExit: code }));
    break;
  }
  default:
    throw new Error(`there is no mode ${mode}`);
}
