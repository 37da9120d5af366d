import { isResourceVersion } from "../kube/resource-version.ts";
import { ANNOTATION_TRANSFER } from "./names.ts";
import type { LeaseVersion } from "./record.ts";

/**
 * What a holder writes when it hands its shard over: to whom, at which count of transitions, and which version it replaced. Only all
 * three together say that the writer was the holder and that its work has ended; somebody who edits a Lease by hand, or patches
 * its metadata later, does not bring them together.
 */
export interface Transfer {
  readonly to: string;
  readonly transitions: number;
  readonly replaced: string;
}

export function transferText({ to, transitions, replaced }: Transfer): string {
  return `${to};${transitions};${replaced}`;
}

/** The transfer by which `version` came to name its holder; `undefined` when it did so in any other way. */
export function transferOf(version: LeaseVersion): Transfer | undefined {
  const match = /^([^;]+);(\d+);(\d+)$/.exec(version.annotations[ANNOTATION_TRANSFER] ?? "");
  if (match === null) return undefined;
  const [, to = "", transitions = "", replaced = ""] = match;
  const { record } = version;
  const holds = to === record.holder && transitions === String(record.transitions) && isResourceVersion(replaced);
  return holds ? { to, transitions: record.transitions, replaced } : undefined;
}
