import { readFile } from "node:fs/promises";
import { type Configuration, loadConfiguration } from "../config/load.ts";
import { ElectorateError } from "../runtime/errors.ts";

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; `electorate config example` prints one to begin with",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder; name the file in it",
};

/** Asked for here and not by commander, which would speak of the missing option before it suggests the right spelling of a wrong one. */
export function requiredConfig(fileName: string | undefined): string {
  if (fileName !== undefined) return fileName;
  throw new ElectorateError(
    "invalid-configuration",
    "name the configuration with --config <file>; `electorate config example` prints one to begin with",
  );
}

/** Reads and checks a configuration file. Throws `invalid-configuration`, also when it cannot be read. */
export async function readConfiguration(fileName: string): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(fileName, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new ElectorateError("invalid-configuration", `cannot read ${fileName}: ${PROBLEMS[code] ?? code}`, {
      cause: error,
    });
  }
  return loadConfiguration(text, fileName);
}
