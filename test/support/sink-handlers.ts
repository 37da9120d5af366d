/**
 * Handlers for replicas under test. What an object wants done with it stands in its annotations, so that a test can change it
 * while the replicas run; each run writes one line when it begins and one when it ends to the file of `SINK_FILE`.
 *
 *   test/work: quick (default) | sleep:<ms> | deaf:<ms> (sleeps on when told to stop) | block:<ms> (never yields)
 *              | write (patches the object once for each term and round) | latewrite:<ms> (deaf, then the same)
 *   test/again: <ms> until the key is to be looked at again
 *   test/round: written into the lines, so that a test knows which version was worked on
 */
import { openSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { ReconcileContext, ReconcileOutcome, ReconcileRequest } from "../../src/reconcile/contract.ts";

const sink = openSync(process.env["SINK_FILE"] ?? "/dev/null", "a");

/** One line is one write to a file opened for appending: lines of several processes do not mix. */
function say(
  phase: "begin" | "end" | "written",
  request: ReconcileRequest,
  context: ReconcileContext,
  round: string,
): void {
  const { resource, key } = request;
  const { shard, epoch } = context;
  const ns = String(process.hrtime.bigint());
  const buckets = process.env["SINK_NOTE"] ?? "";
  writeSync(
    sink,
    `${JSON.stringify({ phase, resource, key, shard, epoch, round, note: buckets, pid: process.pid, ns })}\n`,
  );
}

/** Does what the object asks for. */
export async function work(request: ReconcileRequest, context: ReconcileContext): Promise<ReconcileOutcome> {
  const annotations = context.object?.metadata.annotations ?? {};
  const round = annotations["test/round"] ?? "";
  say("begin", request, context, round);
  try {
    await perform(annotations["test/work"] ?? "quick", request, context, round);
  } finally {
    say("end", request, context, round);
  }
  const again = annotations["test/again"];
  return again === undefined ? {} : { requeueAfterMs: Number(again) };
}

async function perform(
  order: string,
  request: ReconcileRequest,
  context: ReconcileContext,
  round: string,
): Promise<void> {
  const [verb = "", amount = "0"] = order.split(":");
  const durationMs = Number(amount);
  switch (verb) {
    case "quick":
      return;
    case "sleep":
      await delay(durationMs, undefined, { signal: context.signal });
      return;
    case "deaf":
      await delay(durationMs);
      return;
    case "block":
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
      return;
    case "latewrite":
      await delay(durationMs);
      return write(request, context, round);
    case "write":
      return write(request, context, round);
    default:
      throw new Error(`there is no work called ${verb}`);
  }
}

async function write(request: ReconcileRequest, context: ReconcileContext, round: string): Promise<void> {
  const { namespace, name } = request;
  const { object, epoch, client } = context;
  const seen = `${epoch} ${round}`;
  if (object === undefined || object.metadata.annotations?.["test/seen"] === seen) return;
  await client.patch({ namespace, name }, { metadata: { annotations: { "test/seen": seen } } }, { of: object });
  say("written", request, context, round);
}
