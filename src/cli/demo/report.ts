/**
 * What a replica's handler tells the demo over its IPC channel, and what the demo answers. Each report is answered, and
 * the handler waits for the answer: see `work.ts` for why.
 */

export type ReconcileReport =
  | {
      readonly type: "reconcile-started";
      /** Counts the reports of one process. */
      readonly sequence: number;
      readonly key: string;
      readonly shard: string;
      readonly epoch: string;
    }
  | {
      readonly type: "reconcile-ended";
      readonly sequence: number;
      /** Sequence of the report that said the start. */
      readonly started: number;
      readonly result: "written" | "unchanged" | "failed";
    };

export interface Receipt {
  readonly type: "receipt";
  readonly sequence: number;
}

function fieldsOf(message: unknown): Readonly<Record<string, unknown>> {
  return typeof message === "object" && message !== null ? { ...message } : {};
}

export function isReceipt(message: unknown): message is Receipt {
  const { type, sequence } = fieldsOf(message);
  return type === "receipt" && typeof sequence === "number";
}

const RESULTS: ReadonlySet<unknown> = new Set(["written", "unchanged", "failed"]);

export function isReconcileReport(message: unknown): message is ReconcileReport {
  const { type, sequence, key, shard, epoch, started, result } = fieldsOf(message);
  if (typeof sequence !== "number") return false;
  if (type === "reconcile-started") return [key, shard, epoch].every((field) => typeof field === "string");
  return type === "reconcile-ended" && typeof started === "number" && RESULTS.has(result);
}
