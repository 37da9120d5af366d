import type { CoordinatorStatus, KeyPlace, MemberList, MemberStatus, ShardStatus } from "./model.ts";
import { ageText, agoText, dash, nameIn, type Output, printable, structuredText, tableText } from "./table.ts";

/** Each report as text. Pure. */

/** One coordinator in full. */
export function statusText(report: CoordinatorStatus, output: Output): string {
  const structured = structuredText(report, output);
  if (structured !== undefined) return structured;
  const wide = output === "wide";
  const head = `Coordinator ${report.coordinator} in namespace ${report.namespace} (ages and validity by this machine's clock, approximate)`;
  const { freeze } = report;
  const frozen =
    freeze === undefined
      ? []
      : [`FROZEN ${printable(freeze)}: no shard that has a live holder moves for the load's sake.`];
  const sections = [
    head,
    ...frozen,
    shardTable(report.shards, wide),
    memberTable(report.members, wide),
    totalsLine(report),
  ];
  const warnings = report.warnings.map((warning) => `WARNING: ${printable(warning)}`);
  return `${[...sections, ...(warnings.length === 0 ? [] : [warnings.join("\n")])].join("\n\n")}\n`;
}

/** Every coordinator of a namespace: in full when there is one, else a line each. */
export function overviewText(reports: readonly CoordinatorStatus[], output: Output): string {
  const structured = structuredText({ coordinators: reports }, output);
  if (structured !== undefined) return structured;
  const [only] = reports;
  if (reports.length === 1 && only !== undefined) return statusText(only, output);
  const rows = reports.map(({ coordinator, totals, warnings }) => [
    coordinator,
    String(totals.shards),
    String(totals.owned),
    String(totals.unowned),
    String(totals.foreign),
    String(totals.ready),
    String(totals.draining),
    String(warnings.length),
  ]);
  const table = tableText(
    ["COORDINATOR", "SHARDS", "OWNED", "UNOWNED", "FOREIGN", "READY", "DRAINING", "WARNINGS"],
    rows,
  );
  return `${table}\n\nName one with --coordinator to see its shards and members.\n`;
}

/** The members of a coordinator, with all that they say of themselves. */
export function membersText(list: MemberList, output: Output): string {
  const structured = structuredText(list, output);
  if (structured !== undefined) return structured;
  if (list.members.length === 0)
    return `No member of coordinator ${list.coordinator} has a Lease in ${list.namespace}.\n`;
  const wide = output === "wide";
  const head = ["MEMBER", "STATE", "INTENT", "WEIGHT", "ZONE", "VERSION", "ADDRESS", "SHARDS", "AGE", "RENEWED"];
  const rows = list.members.map((member) => [
    dash(wide ? member.identity : nameIn(member.identity)),
    member.state,
    dash(member.intent),
    String(member.weight),
    dash(member.zone),
    dash(member.version),
    dash(member.address),
    String(member.shards),
    ageText(member.ageMs),
    agoText(member.seenMsAgo),
    ...(wide ? [member.lease] : []),
  ]);
  return `${tableText(wide ? [...head, "LEASE"] : head, rows)}\n`;
}

/** Which shard a key belongs to, and whose that is. */
export function placeText(place: KeyPlace, output: Output): string {
  const structured = structuredText(place, output);
  if (structured !== undefined) return structured;
  const wide = output === "wide";
  const head = ["SHARD", "BUCKET", "HOLDER", "STATE", "EPOCH", "SINCE", "TERM", "VALID FOR", "KEY MAP"];
  const rows = place.shards.map((shard) => [
    shard.shard,
    String(shard.bucket),
    dash(wide ? shard.holder : nameIn(shard.holder)),
    shard.state,
    dash(shard.epoch),
    dash(shard.acquiredAt),
    ageText(shard.termMs),
    validityText(shard),
    dash(shard.keyMap),
    ...(wide ? [shard.lease] : []),
  ]);
  return `${tableText(wide ? [...head, "LEASE"] : head, rows)}\n`;
}

function shardTable(shards: readonly ShardStatus[], wide: boolean): string {
  if (shards.length === 0) return "No shard has a Lease yet.";
  // A column that is nearly always empty is not worth its width.
  const pinned = shards.some(({ pin }) => pin !== undefined);
  const queued = shards.some(({ queue }) => queue !== undefined);
  const head = [
    "SHARD",
    "HOLDER",
    "STATE",
    "EPOCH",
    "TERM",
    "RENEWED",
    "VALID FOR",
    "KEY MAP",
    ...(pinned ? ["PIN"] : []),
    ...(queued ? ["DEPTH", "DELAYED", "IN WORK", "OLDEST"] : []),
  ];
  const wideHead = ["LEASE", "DURATION", "TRANSITIONS", "RESOURCE VERSION", "RENEWAL"];
  const rows = shards.map((shard) => [
    shard.shard,
    dash(wide ? shard.holder : nameIn(shard.holder)),
    shard.state,
    dash(shard.epoch),
    ageText(shard.termMs),
    agoText(shard.renewedMsAgo),
    validityText(shard),
    dash(shard.keyMap),
    ...(pinned ? [dash(shard.pin)] : []),
    ...(queued ? queueCells(shard) : []),
    ...(wide
      ? [
          shard.lease,
          ageText(shard.durationMs),
          String(shard.transitions),
          dash(shard.resourceVersion),
          dash(shard.renewal),
        ]
      : []),
  ]);
  return tableText(wide ? [...head, ...wideHead] : head, rows);
}

function queueCells({ queue }: ShardStatus): string[] {
  if (queue === undefined) return ["-", "-", "-", "-"];
  const { depth, delayed, inWork, oldestAgeMs } = queue;
  return [String(depth), String(delayed), String(inWork), ageText(depth === 0 ? undefined : oldestAgeMs)];
}

function memberTable(members: readonly MemberStatus[], wide: boolean): string {
  if (members.length === 0) return "No member has a Lease.";
  const head = ["MEMBER", "STATE", "SHARDS", "AGE", "LAST SEEN", "RESOURCES"];
  const rows = members.map((member) => [
    dash(wide ? member.identity : nameIn(member.identity)),
    member.intent === undefined ? member.state : `${member.state},${member.intent}`,
    String(member.shards),
    ageText(member.ageMs),
    agoText(member.seenMsAgo),
    dash(
      Object.entries(member.resources)
        .map(([resource, keyMap]) => `${resource}=${keyMap}`)
        .join(","),
    ),
    ...(wide ? [member.lease] : []),
  ]);
  return tableText(wide ? [...head, "LEASE"] : head, rows);
}

function totalsLine({ totals }: CoordinatorStatus): string {
  const shards = [
    `${totals.owned} owned`,
    `${totals.unowned} unowned`,
    ...(totals.foreign > 0 ? [`${totals.foreign} foreign`] : []),
    ...(totals.unclear > 0 ? [`${totals.unclear} unclear`] : []),
  ];
  const members = [
    `${totals.ready} ready`,
    ...(totals.draining > 0 ? [`${totals.draining} draining`] : []),
    ...(totals.gone > 0 ? [`${totals.gone} gone`] : []),
  ];
  const count = totals.ready + totals.draining + totals.gone;
  return `${plural(totals.shards, "shard")}: ${shards.join(", ")}. ${plural(count, "member")}: ${members.join(", ")}.`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function validityText({ validForMs, unownedMs }: ShardStatus): string {
  if (unownedMs !== undefined) return `over since ${ageText(Math.max(0, unownedMs))}`;
  return ageText(validForMs);
}
