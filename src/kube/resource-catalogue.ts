import { ElectorateError } from "../runtime/errors.ts";
import { type ApiResource, resourceName } from "./api.ts";

/**
 * Which resource a name means: pure look-up in what discovery found, with kubectl's rules. The core group goes before all
 * others, a group's preferred version before its others, a plural before a singular, a short name and a kind.
 */

/** A resource under every name that it answers to. */
export interface CatalogueEntry extends ApiResource {
  readonly singular: string;
  readonly shortNames: readonly string[];
}

/** What one discovery found. */
export interface Catalogue {
  /** Groups in the server's order, core first, and within a group its preferred version first. */
  readonly entries: readonly CatalogueEntry[];
  /** Groups (`group/version` where known) that did not answer, and so may hold what is looked for. */
  readonly broken: readonly string[];
}

/** `pods`, `Deployment.apps`, `deployments.v1.apps`, `deployments.apps/v1`, `pods.v1.` (the core group). Throws `invalid-configuration`. */
export function findResource(catalogue: Catalogue, name: string): ApiResource {
  const wanted = name.trim().toLowerCase();
  for (const [part, isWithin] of readings(wanted)) {
    const inside = catalogue.entries.filter(isWithin);
    for (const answersTo of NAMINGS) {
      const found = inside.filter((entry) => answersTo(entry, part));
      if (found.length > 0) return choose(found, name);
    }
  }
  throw unknownResource(catalogue, name, wanted);
}

type Within = (entry: CatalogueEntry) => boolean;

/** The ways to read a name: its resource part, and the groups and versions that the rest allows. */
function readings(wanted: string): [string, Within][] {
  const slash = wanted.lastIndexOf("/");
  if (slash !== -1) {
    const version = wanted.slice(slash + 1);
    const [part, group] = cut(wanted.slice(0, slash));
    return [[part, (entry) => entry.group === (group ?? "") && entry.version === version]];
  }
  const [part, rest] = cut(wanted);
  if (rest === undefined) return [[part, () => true]];
  const [first, group] = cut(rest);
  const ways: [string, Within][] = [[part, (entry) => entry.group === rest]];
  if (group !== undefined) ways.unshift([part, (entry) => entry.version === first && entry.group === group]);
  return ways;
}

function cut(text: string): [string, string | undefined] {
  const dot = text.indexOf(".");
  return dot === -1 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}

const NAMINGS: readonly ((entry: CatalogueEntry, part: string) => boolean)[] = [
  (entry, part) => entry.plural === part || entry.singular === part,
  (entry, part) => entry.shortNames.includes(part),
  (entry, part) => entry.kind.toLowerCase() === part,
];

/** Of one group, the first version that the server prefers; of several groups, core. */
function choose(found: readonly CatalogueEntry[], name: string): ApiResource {
  const firstOfGroup = new Map<string, CatalogueEntry>();
  for (const entry of found) {
    const key = `${entry.group}/${entry.plural}`;
    const newer = firstOfGroup.get(key);
    if (newer === undefined) firstOfGroup.set(key, entry);
  }
  const distinct = [...firstOfGroup.values()];
  const core = distinct.filter((entry) => entry.group === "");
  const [chosen, ...others] = core.length > 0 ? core : distinct;
  if (chosen === undefined || others.length > 0) {
    const names = distinct.map(resourceName).join(", ");
    throw new ElectorateError(
      "invalid-configuration",
      `resource ${JSON.stringify(name)} is ambiguous: name one of ${names}`,
    );
  }
  const { group, version, plural, kind, namespaced } = chosen;
  return { group, version, plural, kind, namespaced };
}

function unknownResource(catalogue: Catalogue, name: string, wanted: string): ElectorateError {
  const near = nearest(catalogue, wanted);
  const hint = near.length > 0 ? `did you mean ${near.join(", ")}?` : "see `kubectl api-resources` for those it has";
  const broken =
    catalogue.broken.length > 0
      ? ` (these API groups did not answer and may hold it: ${catalogue.broken.slice(0, 10).join(", ")})`
      : "";
  return new ElectorateError(
    "invalid-configuration",
    `the API server has no resource ${JSON.stringify(name)}; ${hint}${broken}`,
  );
}

/** Up to three names that are a slip or two away. */
function nearest(catalogue: Catalogue, wanted: string): string[] {
  const [part] = cut(wanted.split("/")[0] ?? "");
  const slips = Math.max(1, Math.min(3, Math.floor(part.length / 3)));
  const best = new Map<string, number>();
  for (const entry of catalogue.entries) {
    const distance = Math.min(
      ...[entry.plural, entry.singular, ...entry.shortNames].map((known) => editDistance(part, known)),
    );
    if (distance <= slips) best.set(resourceName(entry), Math.min(distance, best.get(resourceName(entry)) ?? distance));
  }
  return [...best]
    .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, 3)
    .map(([found]) => found);
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
