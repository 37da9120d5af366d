import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { measure } from "../../placement/measure.ts";
import { plan, targetOf } from "../../placement/plan.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import { type PlanQuestion, parseQuestion } from "./question.ts";

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; `electorate plan --help` shows what one holds",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder; name the file in it",
};

/** Prints the plan for the document in a file. */
export async function showPlan(fileName: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(fileName, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new ElectorateError("invalid-configuration", `cannot read ${fileName}: ${PROBLEMS[code] ?? code}`, {
      cause: error,
    });
  }
  process.stdout.write(`${JSON.stringify(answer(parseQuestion(text, fileName)), undefined, 2)}\n`);
}

/** Prints one plan per line, as soon as the line of its document has come; empty lines are passed over. */
export async function showPlans(input: NodeJS.ReadableStream): Promise<void> {
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1;
    if (text.trim() === "") continue;
    const written = process.stdout.write(`${JSON.stringify(answer(parseQuestion(text, `line ${line}`)))}\n`);
    if (!written) await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
  }
}

function answer({ members, shards, holders, options }: PlanQuestion): object {
  const made = plan(members, shards, holders, options);
  const target = (shard: string): string | null => targetOf(made, holders, shard);
  const { load, spread } = measure(members, shards, target);
  return {
    assignment: Object.fromEntries(shards.map(({ id }) => [id, target(id)])),
    moves: made.moves.size,
    load: Object.fromEntries(load),
    spread,
    voidPins: made.voidPins,
  };
}
