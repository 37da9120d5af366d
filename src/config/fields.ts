import { isAbsolute } from "node:path";

/**
 * Checks of single values of the configuration. Each answers what is wrong, with the value and the remedy, or undefined.
 */

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SEGMENT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const RESOURCE = new RegExp(`^[a-z]([-a-z0-9]*[a-z0-9])?(\\.${SEGMENT})*(/v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?)?$`);
const VERSION = /^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$/;
const HANDLER_FILE = /\.[cm]?[jt]s$/;

/** The name of the coordinator, and of a namespace: a DNS label. */
export function labelProblem(what: string, value: string): string | undefined {
  if (value.length > 63)
    return `must be at most 63 characters, but is "${value}" (${value.length}); choose a shorter ${what}`;
  if (LABEL.test(value)) return undefined;
  return `must be a DNS label (lower-case letters, digits and "-", starting and ending with a letter or digit), but is "${value}"; choose another ${what}`;
}

/** `plural[.group][/version]`, as kubectl takes it; whether it exists is found by discovery. */
export function resourceProblem(value: string): string | undefined {
  if (RESOURCE.test(value)) return undefined;
  const remedy =
    "write plural[.group][/version] in lower case, such as configmaps, deployments.apps or widgets.example.com/v1";
  return `must be the plural name of a resource, but is "${value}"; ${remedy}`;
}

/** `plural.group` without the version, however that was written: two entries with the same one would share their Leases. */
export function unversionedResource(resource: string): string {
  const [name = ""] = resource.split("/");
  const [plural = "", second, ...group] = name.split(".");
  if (second === undefined) return plural;
  return VERSION.test(second) ? [plural, ...group].join(".") : name;
}

/** `./handlers.ts#reconcile`: a file, relative to the YAML, and what it exports. */
export function handlerProblem(value: string): string | undefined {
  const remedy =
    "write the module's file, relative to this YAML, and its export, such as ./handlers.ts#reconcileConfigMap";
  const { file, exportName } = splitHandler(value);
  if (!value.includes("#") || exportName === "") return `names no export, but is "${value}"; ${remedy}`;
  if (file === "" || file.includes("\0")) return `names no module, but is "${value}"; ${remedy}`;
  if (exportName.includes("#") || /\s/.test(exportName))
    return `names the export "${exportName}", which is no name; ${remedy}`;
  if (!HANDLER_FILE.test(file))
    return `names the module "${file}", which is no .js, .mjs, .cjs, .ts, .mts or .cts file; ${remedy}`;
  if (/^[a-z][a-z0-9+.-]+:/i.test(file) && !isAbsolute(file))
    return `names the module by a URL, but is "${value}"; ${remedy}`;
  return undefined;
}

export function splitHandler(value: string): { readonly file: string; readonly exportName: string } {
  const hash = value.indexOf("#");
  return hash < 0 ? { file: value, exportName: "" } : { file: value.slice(0, hash), exportName: value.slice(hash + 1) };
}
