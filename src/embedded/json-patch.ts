/** JSON patch (RFC 6902), with the leniency of the real server: replacing what is not there adds it. */
import { type Fields, isFields } from "./decode.ts";
import { sameJson } from "./equality.ts";
import { Refusal } from "./refusal.ts";

/** A container that a pointer leads into. */
type Container = Record<string, unknown> | unknown[];

const rejected = (): Refusal =>
  new Refusal(422, "Invalid", "the server rejected our request due to an error in our request", {});

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

function stepsOf(pointer: unknown): string[] {
  if (typeof pointer !== "string" || (pointer !== "" && !pointer.startsWith("/"))) throw rejected();
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function indexOf(list: readonly unknown[], step: string, end: number): number {
  if (step === "-") return list.length;
  if (!/^(?:0|[1-9]\d*)$/.test(step) || Number(step) > end) throw rejected();
  return Number(step);
}

function read(root: unknown, steps: readonly string[]): unknown {
  let value = root;
  for (const step of steps) {
    if (Array.isArray(value)) value = value[indexOf(value, step, value.length - 1)];
    else if (isFields(value) && Object.hasOwn(value, step)) value = value[step];
    else throw rejected();
  }
  return value;
}

/** The container that holds the last step of a pointer, and that step. */
function parentOf(root: unknown, steps: readonly string[]): readonly [Container, string] {
  const last = steps.at(-1);
  const parent = read(root, steps.slice(0, -1));
  if (last === undefined || !isContainer(parent)) throw rejected();
  return [parent, last];
}

function add(root: unknown, steps: readonly string[], value: unknown): unknown {
  if (steps.length === 0) return value;
  const [parent, last] = parentOf(root, steps);
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, parent.length), 0, value);
  else parent[last] = value;
  return root;
}

function remove(root: unknown, steps: readonly string[]): unknown {
  const [parent, last] = parentOf(root, steps);
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, parent.length - 1), 1);
  else if (Object.hasOwn(parent, last)) delete parent[last];
  else throw rejected();
  return root;
}

function replace(root: unknown, steps: readonly string[], value: unknown): unknown {
  if (steps.length === 0) return value;
  const [parent, last] = parentOf(root, steps);
  if (Array.isArray(parent)) parent[indexOf(parent, last, parent.length - 1)] = value;
  else parent[last] = value;
  return root;
}

function apply(root: unknown, operation: Fields): unknown {
  const steps = stepsOf(operation.path);
  switch (operation.op) {
    case "add":
      return add(root, steps, operation.value);
    case "remove":
      return remove(root, steps);
    case "replace":
      return replace(root, steps, operation.value);
    case "test":
      if (!sameJson(read(root, steps) ?? null, operation.value ?? null)) throw rejected();
      return root;
    case "copy":
      return add(root, steps, structuredClone(read(root, stepsOf(operation.from))));
    case "move": {
      const from = stepsOf(operation.from);
      const value = read(root, from);
      return add(remove(root, from), steps, value);
    }
    default:
      throw rejected();
  }
}

/** Applies every operation to `original`, which is the caller's to give away; 422 when one does not fit. */
export function applyJsonPatch(original: unknown, operations: readonly unknown[]): unknown {
  let root = original;
  for (const operation of operations) {
    if (!isFields(operation)) throw rejected();
    root = apply(root, operation);
  }
  return root;
}
