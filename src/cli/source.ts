import { readFile } from "node:fs/promises";
import type { Flags } from "../config/flags.ts";
import { type Configuration, loadConfiguration } from "../config/load.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** Asked for here and not by commander, which would speak of the missing option before it suggests the right spelling of a wrong one. */
export function requiredConfig(fileName: string | undefined): string {
  if (fileName !== undefined) return fileName;
  throw new ElectorateError(
    "invalid-configuration",
    "name the configuration with --config <file>; `electorate config example` prints one to begin with",
  );
}

/** Reads and checks a configuration file, before which `flags` go. Throws `invalid-configuration`, also when it cannot be read. */
export async function readConfiguration(fileName: string, flags?: Flags): Promise<Configuration> {
  const text = await readNamed(fileName, "`electorate config example` prints one to begin with");
  return loadConfiguration(text, fileName, flags);
}

/** The text of a file that the command line names; `remedy` is for one that does not exist. Throws `invalid-configuration`. */
export async function readNamed(fileName: string, remedy: string): Promise<string> {
  const problems: Readonly<Record<string, string>> = {
    ENOENT: `there is no such file; ${remedy}`,
    EACCES: "this user may not read it",
    EISDIR: "it is a folder; name the file in it",
  };
  try {
    return await readFile(fileName, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new ElectorateError("invalid-configuration", `cannot read ${fileName}: ${problems[code] ?? code}`, {
      cause: error,
    });
  }
}
