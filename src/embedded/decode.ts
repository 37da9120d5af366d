/**
 * From the JSON of a body to typed fields, with the words in which Go's decoder refuses a wrong one.
 *
 * Promises of this file: what comes back holds only values of the right type; `null` reads as absent, as in Go; a field that
 * the kind does not have is dropped and its path noted, so that strict validation can name it.
 */

import { parse as parseYaml } from "yaml";
import { badRequest } from "./refusal.ts";

/** A JSON object whose fields have not been looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** A body that cannot be read as the kind. The verb decides how the refusal reads: 400 for a body, 422 for a patch. */
export class DecodeFailure extends Error {
  override readonly name = "DecodeFailure";
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value from YAML text, of which JSON is a part; 400 for anything else. */
export function yamlValue(text: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    throw badRequest("error decoding YAML: the body is neither YAML nor JSON");
  }
}

/** A JSON list of which nothing is known. */
export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** A text for messages about a value of any type. */
export const shownValue = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

/** Where a field is, for messages: the Go struct, the path from the body's root, and the type it must have. */
export interface Site {
  readonly struct: string;
  readonly path: string;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

export function wrongType(value: unknown, site: Site, type: string): DecodeFailure {
  const fraction = typeof value === "number" && type.startsWith("int") ? ` ${value}` : "";
  return new DecodeFailure(
    `json: cannot unmarshal ${jsonKind(value)}${fraction} into Go struct field ${site.struct}.${site.path} of type ${type}`,
  );
}

export function stringField(value: unknown, site: Site): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw wrongType(value, site, "string");
  return value;
}

export function booleanField(value: unknown, site: Site): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw wrongType(value, site, "bool");
  return value;
}

export function int32Field(value: unknown, site: Site): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || (value | 0) !== value) throw wrongType(value, site, "int32");
  return value;
}

export function objectField(value: unknown, site: Site, type: string): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) throw wrongType(value, site, type);
  return value;
}

/** A map of strings; an empty one reads as absent, because it is never written out. */
export function stringMapField(value: unknown, site: Site): Readonly<Record<string, string>> | undefined {
  const fields = objectField(value, site, "map[string]string");
  if (fields === undefined) return undefined;
  const entries = Object.entries(fields);
  if (entries.length === 0) return undefined;
  const map: Record<string, string> = {};
  for (const [key, one] of entries) map[key] = stringField(one, site) ?? "";
  return map;
}

export function stringListField(value: unknown, site: Site): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrongType(value, site, "[]string");
  if (value.length === 0) return undefined;
  return value.map((one: unknown) => stringField(one, site) ?? "");
}

export function objectListField(value: unknown, site: Site, type: string): readonly Fields[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrongType(value, site, type);
  if (value.length === 0) return undefined;
  return value.map((one: unknown) => objectField(one, site, type) ?? {});
}

/** Notes every field of `fields` that is not in `known`. */
export function noteUnknown(fields: Fields, known: ReadonlySet<string>, prefix: string, unknown: string[]): void {
  for (const name of Object.keys(fields)) if (!known.has(name)) unknown.push(`${prefix}${name}`);
}

/** The object without its absent fields. */
export function present(fields: Fields): Fields {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== null) kept[name] = value;
  return kept;
}
