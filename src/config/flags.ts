import type { ConfigurationProblem, Path } from "./relations.ts";

/** What a command line says otherwise than the configuration file: values by their place in it. Pure. */

/** A value that goes before the one in the file. */
export interface Flag {
  /** As it was given, `--leader-elect-lease-duration`. */
  readonly flag: string;
  readonly path: Path;
  /** As it would stand in the file. */
  readonly value: unknown;
}

/** A problem of a flag itself. */
export interface FlagProblem {
  readonly flag: string;
  readonly message: string;
}

export interface Flags {
  readonly values: readonly Flag[];
  /** What is wrong whatever the file says. */
  readonly problems: readonly FlagProblem[];
}

export const NO_FLAGS: Flags = { values: [], problems: [] };

/** The data of the file with the values of the flags. A part of it that is no map is left as it is: it is a problem of its own. */
export function withFlags(data: unknown, { values }: Flags): unknown {
  return values.reduce((whole, { path, value }) => withValue(whole, path, value), data);
}

function withValue(data: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (data !== undefined && (typeof data !== "object" || data === null || Array.isArray(data))) return data;
  const inside: unknown = data === undefined ? undefined : Reflect.get(data, key);
  return { ...data, [key]: withValue(inside, rest, value) };
}

/** The problem as one of the flag that gave the value; `undefined` where none did. */
export function ofValue({ path, message }: ConfigurationProblem, { values }: Flags): FlagProblem | undefined {
  const given = values.findLast((flag) => isSame(flag.path, path));
  return given === undefined ? undefined : { flag: given.flag, message };
}

/** The same of a relation, in which a value that a flag gave may be the other side. */
export function ofRelation(problem: ConfigurationProblem, flags: Flags): FlagProblem | undefined {
  const own = ofValue(problem, flags);
  if (own !== undefined || problem.path.length < 2) return own;
  const parent = problem.path.slice(0, -1);
  const beside = flags.values.filter(({ path }) => isSame(path.slice(0, -1), parent));
  if (beside.length === 0) return undefined;
  const message = `${problem.path.join(".")} ${problem.message}`;
  return { flag: beside.map(({ flag }) => flag).join(", "), message };
}

function isSame(one: Path, other: Path): boolean {
  return one.length === other.length && one.every((segment, index) => segment === other[index]);
}
