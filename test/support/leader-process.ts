/**
 * One candidate as a process, `runLeaderElection` as its users call it: `leader-process.ts KUBECONFIG NAMESPACE LEASE SHARD IDENTITY`. It
 * writes the lines that the benchmark's peers write: `gate-opened` when its work has begun and `gate-closed` when it has ended, and one
 * with each new leader.
 */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../src/kube/connection.ts";
import { runLeaderElection } from "../../src/leader-election.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import { SHORT_ELECTION } from "./own-candidate.ts";

const [kubeconfig = "", namespace = "", name = "", shard = "", identity = ""] = process.argv.slice(2);

/** What work takes to end when the process is stopped. client-go looks every 0.5 to 1.1 s, so that a Lease which is freed before shows as an overlap. */
const WORK_ENDS_AFTER_MS = 800;

function write(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function transition(event: "gate-opened" | "gate-closed", epoch: string): void {
  write({ event, shard, identity, epoch, reason: "ours", monotonicNs: String(process.hrtime.bigint()) });
}

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const connection = await connect({ component: identity, kubeconfig });
await runLeaderElection(
  {
    ...SHORT_ELECTION,
    name,
    namespace,
    identity,
    onLost: "continue",
    connection,
    telemetry: silentTelemetry,
    async onStartedLeading({ epoch, signal }) {
      transition("gate-opened", epoch);
      if (!signal.aborted) await new Promise((told) => signal.addEventListener("abort", told, { once: true }));
      if (stop.signal.aborted) await delay(WORK_ENDS_AFTER_MS);
      transition("gate-closed", epoch);
    },
    onNewLeader: (leader) => write({ leader }),
  },
  stop.signal,
);
await connection.close();
