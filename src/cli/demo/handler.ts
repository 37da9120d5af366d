import type { KubernetesObject } from "../../kube/api.ts";
import type { ReconcileContext, ReconcileRequest } from "../../reconcile/contract.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { isReceipt, type ReconcileReport } from "./report.ts";
import { HANDLER_WORK_MS } from "./settings.ts";

/**
 * The controller that the demo runs: it copies the wanted value of an object into an annotation, as a controller copies
 * what it saw into a status.
 *
 * Each reconcile is reported to the demo before it begins and before it returns, and each time the handler waits for the
 * receipt, so that the demo's own stamps lie inside the work. Started by hand, without an IPC channel, it just works.
 */

export const OBSERVED = "demo.electorate.dev/observed";

export function reconcileConfigMap(request: ReconcileRequest, context: ReconcileContext): Promise<void> {
  return reported(request, context, valueIn(context.object?.data));
}

export function reconcileWidget(request: ReconcileRequest, context: ReconcileContext): Promise<void> {
  return reported(request, context, valueIn(context.object?.spec));
}

/** `value` of an object's `data` or `spec`. */
export function valueIn(fields: unknown): string | undefined {
  if (typeof fields !== "object" || fields === null || !("value" in fields)) return undefined;
  return typeof fields.value === "string" ? fields.value : undefined;
}

async function reported(
  request: ReconcileRequest,
  context: ReconcileContext,
  wanted: string | undefined,
): Promise<void> {
  const { shard, epoch } = context;
  const key = `${request.resource}/${request.key}`;
  const started = nextSequence();
  await report({ type: "reconcile-started", sequence: started, key, shard, epoch });
  let result: "written" | "unchanged" | "failed" = "failed";
  try {
    result = await copyValue(request, context, wanted);
  } finally {
    await report({ type: "reconcile-ended", sequence: nextSequence(), started, result });
  }
}

async function copyValue(
  request: ReconcileRequest,
  context: ReconcileContext,
  wanted: string | undefined,
): Promise<"written" | "unchanged"> {
  const object: KubernetesObject | undefined = context.object;
  await sleep(systemClock, HANDLER_WORK_MS, context.signal);
  if (object === undefined || wanted === undefined) return "unchanged";
  if (object.metadata.annotations?.[OBSERVED] === wanted) return "unchanged";
  await context.client.patch(
    { namespace: request.namespace, name: request.name },
    { metadata: { annotations: { [OBSERVED]: wanted } } },
    { of: object },
  );
  return "written";
}

let lastSequence = 0;
const waiting = new Map<number, () => void>();
let listening = false;

function nextSequence(): number {
  lastSequence += 1;
  return lastSequence;
}

/** Resolves with the receipt. Only while a report waits for it does the channel keep this process alive. */
function report(message: ReconcileReport): Promise<void> {
  if (process.send === undefined) return Promise.resolve();
  if (!listening) {
    listening = true;
    process.on("message", receive);
  }
  return new Promise((resolve, reject) => {
    waiting.set(message.sequence, resolve);
    process.channel?.ref();
    process.send?.(message, undefined, undefined, (error) => {
      if (error === null || error === undefined) return;
      settle(message.sequence);
      reject(error);
    });
  });
}

function receive(message: unknown): void {
  if (isReceipt(message)) settle(message.sequence)?.();
}

/** Takes the report off the list; answers whom to tell. */
function settle(sequence: number): (() => void) | undefined {
  const resolve = waiting.get(sequence);
  waiting.delete(sequence);
  if (waiting.size === 0) process.channel?.unref();
  return resolve;
}
