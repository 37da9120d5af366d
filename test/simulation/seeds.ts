import { expect } from "vitest";
import { type Outcome, type Story, tell } from "./story.ts";

/** Lines of the trace that a failure prints; the rest is replayed with `npm run simulate`. */
const SHOWN_LINES = 60;

/** Plays every seed of a story from `first` to `last`, and says seed and trace of each that went wrong. */
export async function expectSound(story: Story, first: number, last: number): Promise<void> {
  const wrong: Outcome[] = [];
  let reconciles = 0;
  for (let seed = first; seed <= last; seed += 1) {
    const outcome = await tell(story, seed);
    reconciles += outcome.reconciles;
    if (outcome.problem !== undefined) wrong.push(outcome);
  }
  expect(wrong.map(explain).join("\n\n"), `${wrong.length} of the seeds ${first} to ${last} went wrong`).toBe("");
  // A run in which nothing happens proves nothing.
  expect(reconciles).toBeGreaterThan((last - first + 1) * 50);
}

function explain({ story, seed, problem, trace }: Outcome): string {
  return `seed ${seed}: ${problem}\nreplay: npm run simulate -- ${story} ${seed}\n${trace.slice(-SHOWN_LINES).join("\n")}`;
}
