/** JSON merge patch (RFC 7386), and strategic merge patch as far as kubectl and controllers use it. */
import { type Fields, isFields, isList } from "./decode.ts";
import { sameJson } from "./equality.ts";

export function mergePatch(original: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const result: Record<string, unknown> = isFields(original) ? { ...original } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

/** Lists of objects that are merged by a key of their items, by the name of the field that holds them. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: "type",
  containers: "name",
  initContainers: "name",
  env: "name",
  volumes: "name",
  imagePullSecrets: "name",
  secrets: "name",
  ownerReferences: "uid",
  ports: "port",
};

/** Lists of plain values that are merged into a set. */
const MERGED_SETS = new Set(["finalizers"]);
const ORDER = "$setElementOrder/";
const DELETE_FROM_LIST = "$deleteFromPrimitiveList/";

export function strategicMergePatch(original: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  if (patch.$patch === "replace") return withoutDirectives(patch);
  const result: Record<string, unknown> = isFields(original) ? { ...original } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(DELETE_FROM_LIST)) deleteFromList(result, name.slice(DELETE_FROM_LIST.length), value);
    if (name.startsWith("$")) continue;
    if (value === null || (isFields(value) && value.$patch === "delete")) delete result[name];
    else result[name] = merged(name, result[name], value, patch[`${ORDER}${name}`]);
  }
  return result;
}

function merged(name: string, original: unknown, value: unknown, order: unknown): unknown {
  if (!isList(value)) return strategicMergePatch(original, value);
  const before: readonly unknown[] = isList(original) ? original : [];
  if (MERGED_SETS.has(name)) return inOrder([...new Set([...value, ...before])], order);
  const key = MERGE_KEYS[name];
  return key === undefined || !value.every(isFields) ? value : mergedByKey(before, value, key);
}

function mergedByKey(before: readonly unknown[], patches: readonly Fields[], key: string): unknown[] {
  if (patches.some((patch) => patch.$patch === "replace")) {
    return patches.filter((patch) => patch.$patch !== "replace").map(withoutDirectives);
  }
  const result = [...before];
  for (const patch of patches) {
    const index = result.findIndex((one) => isFields(one) && sameJson(one[key], patch[key]));
    if (patch.$patch === "delete") {
      if (index !== -1) result.splice(index, 1);
    } else if (index === -1) result.push(withoutDirectives(patch));
    else result[index] = strategicMergePatch(result[index], patch);
  }
  return result;
}

function deleteFromList(result: Record<string, unknown>, name: string, values: unknown): void {
  const before = result[name];
  if (isList(before) && isList(values)) result[name] = before.filter((one) => !values.includes(one));
}

/** The elements that `order` names come as it names them; the others keep their place behind. */
function inOrder(values: readonly unknown[], order: unknown): unknown[] {
  if (!isList(order)) return [...values];
  const known = order.filter((one) => values.includes(one));
  return [...known, ...values.filter((one) => !order.includes(one))];
}

function withoutDirectives(patch: Fields): Fields {
  return Object.fromEntries(Object.entries(patch).filter(([name]) => !name.startsWith("$")));
}
