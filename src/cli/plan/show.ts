import { createInterface } from "node:readline";
import { measure } from "../../placement/measure.ts";
import { plan, targetOf } from "../../placement/plan.ts";
import { readNamed } from "../source.ts";
import { type PlanQuestion, parseQuestion } from "./question.ts";

/** Prints the plan for the document in a file. */
export async function showPlan(fileName: string): Promise<void> {
  const text = await readNamed(fileName, "`electorate plan --help` shows what one holds");
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
