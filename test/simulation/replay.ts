import { STORIES } from "./stories/all.ts";
import { tell } from "./story.ts";

/**
 * Plays seeds given as numbers or ranges (`7`, `1-100`) of the stories that are named, or of all; prints the whole trace of a
 * single run, or the problems of many.
 */
const words = process.argv.slice(2);
const named = STORIES.filter(({ name }) => words.includes(name));
const stories = named.length === 0 ? STORIES : named;
const seeds = words.filter((word) => !named.some(({ name }) => name === word)).flatMap(rangeOf);

function rangeOf(text: string): readonly number[] {
  const [first, last = first] = text.split("-").map(Number);
  if (first === undefined || last === undefined || !Number.isInteger(first) || !Number.isInteger(last)) {
    const names = STORIES.map(({ name }) => name).join(", ");
    console.error(`"${text}" is neither a seed, nor a range of seeds such as 1-100, nor one of the stories ${names}`);
    process.exit(2);
  }
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

if (seeds.length === 0) {
  console.error("usage: npm run simulate -- [story ...] <seed or range> ...");
  process.exit(2);
}
const single = seeds.length * stories.length === 1;
let wrong = 0;
for (const story of stories) {
  let moves = 0;
  for (const seed of seeds) {
    const outcome = await tell(story, seed);
    moves += outcome.moves;
    if (outcome.problem !== undefined) wrong += 1;
    if (single) console.log(outcome.trace.join("\n"));
    if (single || outcome.problem !== undefined) {
      const { reconciles } = outcome;
      console.log(
        `${story.name} ${seed}: ${outcome.problem ?? "as it must be"}, ${reconciles} reconciles, ${outcome.moves} moves`,
      );
    }
  }
  if (!single) console.log(`${story.name}: ${seeds.length} seeds, ${moves} moves`);
}
if (!single) console.log(`${wrong} wrong`);
process.exit(wrong === 0 ? 0 : 1);
