import { stat } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { Reconcile } from "../reconcile/contract.ts";
import type { MapFunction } from "../reconcile/related.ts";
import { sleep, systemClock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import { nearest } from "./near-miss.ts";
import type { HandlerReference, ResourceConfiguration } from "./resource-configuration.ts";

/** The functions of one resource. */
export interface ResourceHandlers {
  readonly reconcile: Reconcile;
  /** Of what it watches, in that order. */
  readonly maps: readonly MapFunction[];
}

/**
 * The functions that resources name, loaded from their modules.
 * @throws ElectorateError `invalid-configuration` with every problem, each with its place in the YAML.
 */
export async function loadHandlers(
  resources: readonly Pick<ResourceConfiguration, "handler" | "watches">[],
): Promise<ResourceHandlers[]> {
  const references = resources.map(({ handler, watches }) => [handler, ...watches.map(({ map }) => map)]);
  const loaded = await loadFunctions(references.flat());
  return references.flatMap((own) => {
    const [reconcile, ...maps] = loaded.splice(0, own.length);
    return reconcile === undefined ? [] : [{ reconcile, maps }];
  });
}

/** A function of a module. What it is for is said by the key that names it; what it takes and returns shows when it is called. */
type Loaded = Reconcile & MapFunction;

/**
 * Functions in the order of the references; a module is loaded once, however many references name it.
 * @throws ElectorateError as {@link loadHandlers}.
 */
export async function loadFunctions(references: readonly HandlerReference[]): Promise<Loaded[]> {
  const handlers: Loaded[] = [];
  const problems: string[] = [];
  for (const reference of references) {
    const loaded = await loadHandler(reference);
    if (typeof loaded === "function") handlers.push(loaded);
    else problems.push(`${reference.place}: ${loaded.problem}`);
  }
  if (problems.length === 0) return handlers;
  const [first = ""] = problems;
  const message =
    problems.length === 1 ? first : `${problems.length} handlers cannot be loaded:\n${problems.join("\n")}`;
  throw new ElectorateError("invalid-configuration", message);
}

/** A module whose top level waits for what never comes would leave Node nothing to do, and it would end without a word. */
const IMPORT_LIMIT_MS = 30_000;

async function importWithin(limitMs: number, file: string): Promise<unknown> {
  const ended = new AbortController();
  const late = sleep(systemClock, limitMs, ended.signal).then(() => {
    throw new Error(
      `its top level did not end within ${limitMs / 1000} s; what it waits for must be awaited in the handler`,
    );
  });
  late.catch(() => {});
  try {
    return await Promise.race([import(pathToFileURL(file).href), late]);
  } finally {
    ended.abort();
  }
}

interface Failure {
  readonly problem: string;
}

async function loadHandler({ file, exportName }: HandlerReference): Promise<Loaded | Failure> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return { problem: `there is no file ${file}; the path counts from the folder of the YAML` };
  if (!found.isFile()) return { problem: `${file} is not a file` };
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = exportsOf(await importWithin(IMPORT_LIMIT_MS, file));
  } catch (error) {
    return { problem: `${file} cannot be loaded: ${importProblem(error)}${placeOf(error, file)}` };
  }
  // What every object inherits, such as toString, is no export.
  const handler = Object.hasOwn(exported, exportName) ? exported[exportName] : undefined;
  if (isFunction(handler)) return handler;
  if (handler !== undefined) return { problem: `${exportName} of ${file} is not a function but ${kindOf(handler)}` };
  return { problem: `${file} has no export "${exportName}"; ${exportsText(exportName, exported)}` };
}

/** A CommonJS module that builds its exports while it runs shows them on `default` only. */
function exportsOf(module: unknown): Readonly<Record<string, unknown>> {
  if (!isFields(module)) return {};
  return isFields(module.default) ? { ...module.default, ...module } : module;
}

function importProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const [line = ""] = messageOf(error).split("\n");
  const name = error instanceof Error && error.name !== "Error" ? `${error.name}: ` : "";
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return `${line}; Node only strips types: avoid enums, namespaces and parameter properties, or name the compiled .js file`;
  }
  if (code === "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING") return `${line}; name the package's compiled .js file`;
  if (/outside a module|Unexpected token 'export'/.test(line)) {
    return `${name}${line}; set "type": "module" in the package.json beside it, or name it .mjs or .mts`;
  }
  return `${name}${line}`;
}

/** Where in the module it threw while it was loaded. */
function placeOf(error: unknown, file: string): string {
  const stack = error instanceof Error && typeof error.stack === "string" ? error.stack : "";
  const frame = stack.split("\n").find((line) => line.includes(pathToFileURL(file).href));
  return frame === undefined ? "" : ` (${frame.trim()})`;
}

function exportsText(wanted: string, exported: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(exported)
    .filter((name) => isFunction(exported[name]))
    .toSorted();
  if (names.length === 0)
    return "it exports no function: export one, as in `export async function reconcile(request, context) {}`";
  const meant = nearest(wanted, names);
  return `${meant === undefined ? "" : `did you mean "${meant}"? `}the functions it exports are ${names.join(", ")}`;
}

function isFunction(value: unknown): value is Loaded {
  return typeof value === "function";
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}
