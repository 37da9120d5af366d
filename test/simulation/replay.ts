import { play } from "./story.ts";

/** Plays seeds given as numbers or ranges (`7`, `1-100`) and prints the whole trace of a single one, or the problems of many. */
const wanted = process.argv.slice(2).flatMap((text) => {
  const [first, last = first] = text.split("-").map(Number);
  if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last)) {
    console.error(`"${text}" is neither a seed nor a range of seeds such as 1-100`);
    process.exit(2);
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
});
if (wanted.length === 0) {
  console.error("usage: npm run simulate -- <seed or range> ...");
  process.exit(2);
}
let wrong = 0;
for (const seed of wanted) {
  const outcome = await play(seed);
  if (outcome.problem !== undefined) wrong += 1;
  if (wanted.length === 1) console.log(outcome.trace.join("\n"));
  if (wanted.length === 1 || outcome.problem !== undefined) {
    console.log(`seed ${seed}: ${outcome.problem ?? "as it must be"}, ${outcome.reconciles} reconciles`);
  }
}
if (wanted.length > 1) console.log(`${wanted.length} seeds, ${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
