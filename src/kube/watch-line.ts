import type { ElectorateError } from "../runtime/errors.ts";
import { isKubernetesObject, isRecord, malformed, parseJson, statusError } from "./answer.ts";
import type { KubernetesObject } from "./api.ts";

/** What one line of a watch says: pure parsing. */

/** One line, understood. */
export type WatchLine =
  | { readonly type: "changed" | "deleted"; readonly object: KubernetesObject; readonly resourceVersion: string }
  | { readonly type: "bookmark"; readonly resourceVersion: string }
  | { readonly type: "error"; readonly error: ElectorateError };

const CHANGES: ReadonlyMap<unknown, "changed" | "deleted"> = new Map([
  ["ADDED", "changed"],
  ["MODIFIED", "changed"],
  ["DELETED", "deleted"],
]);

/** Throws `malformed-answer`, also for a line that was cut off. `what` names the watch. */
export function parseWatchLine(text: string, what: string): WatchLine {
  const line = parseJson(text, what);
  if (!isRecord(line) || !isRecord(line.object)) throw malformed(what, "a line of the watch has no object");
  if (line.type === "ERROR") return { type: "error", error: statusError(line.object, undefined, what) };
  const metadata = isRecord(line.object.metadata) ? line.object.metadata : {};
  const { resourceVersion } = metadata;
  if (typeof resourceVersion !== "string" || resourceVersion === "") {
    throw malformed(what, "an event of the watch has no resourceVersion");
  }
  if (line.type === "BOOKMARK") return { type: "bookmark", resourceVersion };
  const type = CHANGES.get(line.type);
  if (type === undefined || !isKubernetesObject(line.object))
    throw malformed(what, "an event of the watch is of no known type");
  return { type, object: line.object, resourceVersion };
}
