import Table from "cli-table3";
import { stringify } from "yaml";
import type { CoordinatorStatus, MemberStatus, ShardStatus } from "./model.ts";

/** Reports as text: tables for people, JSON and YAML for programs. Pure. */

export const OUTPUTS = ["table", "wide", "json", "yaml"] as const;
export type Output = (typeof OUTPUTS)[number];

/** One coordinator in full. */
export function statusText(report: CoordinatorStatus, output: Output): string {
  if (output === "json") return `${JSON.stringify(report, undefined, 2)}\n`;
  if (output === "yaml") return stringify(report);
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
  const warnings = report.warnings.map((warning) => `WARNING: ${warning}`);
  return `${[...sections, ...(warnings.length === 0 ? [] : [warnings.join("\n")])].join("\n\n")}\n`;
}

/** Every coordinator of a namespace: in full when there is one, else a line each. */
export function overviewText(reports: readonly CoordinatorStatus[], output: Output): string {
  if (output === "json") return `${JSON.stringify({ coordinators: reports }, undefined, 2)}\n`;
  if (output === "yaml") return stringify({ coordinators: reports });
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

function shardTable(shards: readonly ShardStatus[], wide: boolean): string {
  if (shards.length === 0) return "No shard has a Lease yet.";
  // A column that is nearly always empty is not worth its width.
  const pinned = shards.some(({ pin }) => pin !== undefined);
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
  ];
  const wideHead = ["LEASE", "DURATION", "TRANSITIONS", "RESOURCE VERSION", "RENEWAL"];
  const rows = shards.map((shard) => [
    shard.shard,
    dash(wide ? shard.holder : nameIn(shard.holder)),
    shard.state,
    dash(shard.epoch),
    ageText(shard.termMs),
    agoText(shard.renewedMsAgo),
    validityText(shard.validForMs),
    dash(shard.keyMap),
    ...(pinned ? [dash(shard.pin)] : []),
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

/** Columns two blanks apart and nothing else, as kubectl prints them, so that awk and cut work. */
function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const nothing = "";
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
    chars: {
      top: nothing,
      "top-mid": nothing,
      "top-left": nothing,
      "top-right": nothing,
      bottom: nothing,
      "bottom-mid": nothing,
      "bottom-left": nothing,
      "bottom-right": nothing,
      left: nothing,
      "left-mid": nothing,
      mid: nothing,
      "mid-mid": nothing,
      right: nothing,
      "right-mid": nothing,
      middle: nothing,
    },
  });
  for (const row of rows) table.push(row.map(printable));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Somebody may have written anything into a Lease; nothing of it may move the cursor or open a line of its own. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

function dash(text: string | undefined): string {
  return text === undefined || text === "" ? "-" : text;
}

/** The part of an identity before `_`, which people know. */
function nameIn(identity: string): string {
  const end = identity.lastIndexOf("_");
  return end < 0 ? identity : identity.slice(0, end);
}

const AGE_UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The two largest units, as kubectl shows ages: `45s`, `2m5s`, `3h4m`, `12d`. */
export function ageText(ageMs: number | undefined): string {
  if (ageMs === undefined) return "-";
  if (ageMs < 0) return `-${ageText(-ageMs)}`;
  if (ageMs < 10_000) return `${Math.floor(ageMs / 100) / 10}s`;
  const first = AGE_UNITS.findIndex(([, unitMs]) => ageMs >= unitMs);
  const [unit, unitMs] = AGE_UNITS[first] ?? ["s", 1_000];
  const count = Math.floor(ageMs / unitMs);
  const [nextUnit, nextMs] = AGE_UNITS[first + 1] ?? ["", Number.POSITIVE_INFINITY];
  const rest = Math.floor((ageMs - count * unitMs) / nextMs);
  return rest > 0 && count < 10 ? `${count}${unit}${rest}${nextUnit}` : `${count}${unit}`;
}

function agoText(agoMs: number | undefined): string {
  if (agoMs === undefined) return "-";
  // The clock that wrote it is ahead of ours.
  return agoMs < 0 ? "just now" : `${ageText(agoMs)} ago`;
}

function validityText(validForMs: number | undefined): string {
  if (validForMs === undefined) return "-";
  return validForMs <= 0 ? `over since ${ageText(-validForMs)}` : ageText(validForMs);
}
