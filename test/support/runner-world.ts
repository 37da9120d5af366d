/** A shard runner under virtual time, with a handler whose runs end when the test says so. */
import { setImmediate } from "node:timers/promises";
import { Gate, Term } from "../../src/election/term.ts";
import type { ApiResource } from "../../src/kube/api.ts";
import { KubeClient } from "../../src/kube/client.ts";
import type { Transport } from "../../src/kube/transport.ts";
import { shardsOf } from "../../src/lease/names.ts";
import { createMemoryQueue } from "../../src/queue/memory.ts";
import type { Reconcile, ReconcileContext } from "../../src/reconcile/contract.ts";
import { ReconcileMetrics } from "../../src/reconcile/metrics.ts";
import { ReadCaches } from "../../src/reconcile/read-caches.ts";
import { createResourceFinder } from "../../src/reconcile/resource-finder.ts";
import type { Source } from "../../src/reconcile/source.ts";
import { ElectorateError } from "../../src/runtime/errors.ts";
import { GateClock } from "../../src/runtime/gate-clock.ts";
import { silentTelemetry, type Telemetry } from "../../src/runtime/telemetry.ts";
import { ShardRunner } from "../../src/shard/runner.ts";
import { VirtualClock } from "./virtual-clock.ts";

const CONFIGMAPS: ApiResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
export const V = 10_000;
export const Q = 2_000;
export const DRAIN_MS = 20_000;

/** A handler whose runs end when the test says so. */
class Handler {
  readonly runs: { readonly key: string; readonly context: ReconcileContext; end(): void }[] = [];

  /** Called in the handler's first line. */
  begun: () => void = () => {};

  readonly reconcile: Reconcile = (request, context) => {
    this.begun();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.runs.push({ key: request.key, context, end: resolve });
    return promise;
  };

  get keys(): string[] {
    return this.runs.map(({ key }) => key);
  }
}

const unreachable: Transport["request"] = () =>
  Promise.reject(new ElectorateError("unreachable", "no API server here"));

export function made(keys: readonly string[] = ["default/a"], workers = 1, request = unreachable) {
  const clock = new VirtualClock();
  const gateClock = new GateClock(clock);
  const handler = new Handler();
  const transitions: string[] = [];
  const telemetry: Telemetry = {
    ...silentTelemetry,
    transition: ({ event, epoch }) => void transitions.push(`${event} ${epoch}`),
  };
  const stream = () => Promise.reject(new ElectorateError("unreachable", "no API server here"));
  const api = new KubeClient({ request, stream, close: () => Promise.resolve() }, { clock });
  const source: Source = {
    resource: CONFIGMAPS,
    synced: true,
    size: keys.length,
    whenSynced: () => Promise.resolve(),
    objectOf: (key) => ({ metadata: { name: key } }),
    keysOf: () => keys,
    run: () => Promise.resolve(),
  };
  const said: string[] = [];
  const watchdog = { armedMs: Number.POSITIVE_INFINITY };
  const [shard] = shardsOf("shop", CONFIGMAPS, 1, "ring-1/1");
  if (shard === undefined) throw new Error("no shard");
  const runner = new ShardRunner(
    shard,
    {
      identity: () => "r1_uuid",
      resource: CONFIGMAPS,
      reconcile: handler.reconcile,
      workers,
      drainTimeoutMs: DRAIN_MS,
      quiesceMs: Q,
      api,
      finder: createResourceFinder(api),
      source,
      caches: new ReadCaches(),
      fieldManager: "shop",
      queues: {
        open: ({ shard: name }) => createMemoryQueue({ clock, meter: telemetry.meter, name }),
        problem: undefined,
        close: () => Promise.resolve(),
      },
      metrics: new ReconcileMetrics(telemetry.meter, "configmaps"),
      clock,
      telemetry,
      overrun: (id, stuck) => void said.push(`overrun ${id} ${stuck.join(",")}`),
    },
    {
      arm(remainingMs) {
        watchdog.armedMs = remainingMs;
      },
      disarm() {
        watchdog.armedMs = Number.POSITIVE_INFINITY;
      },
    },
    {
      vacated: () => void said.push("vacated"),
      look: () => void said.push("look"),
      stuck: () => void said.push("stuck"),
      relieved: () => void said.push("relieved"),
    },
  );
  const term = (epoch: string): Term => new Term(shard.id, epoch, new Gate(gateClock, gateClock.earliestMs() + V));
  const settle = async (): Promise<void> => {
    await clock.advance(0);
    await setImmediate();
  };
  return { clock, gateClock, handler, runner, term, said, transitions, watchdog, settle };
}
