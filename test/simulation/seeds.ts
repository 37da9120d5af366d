import { expect } from "vitest";
import { type Outcome, play } from "./story.ts";

/** Lines of the trace that a failure prints; the rest is replayed with `npm run simulate -- <seed>`. */
const SHOWN_LINES = 60;

/** Plays every seed from `first` to `last`, and says seed and trace of each that went wrong. */
export async function expectSound(first: number, last: number): Promise<void> {
  const wrong: Outcome[] = [];
  let reconciles = 0;
  for (let seed = first; seed <= last; seed += 1) {
    const outcome = await play(seed);
    reconciles += outcome.reconciles;
    if (outcome.problem !== undefined) wrong.push(outcome);
  }
  expect(wrong.map(explain).join("\n\n"), `${wrong.length} of the seeds ${first} to ${last} went wrong`).toBe("");
  // A run in which nothing happens proves nothing.
  expect(reconciles).toBeGreaterThan((last - first + 1) * 50);
}

function explain({ seed, problem, trace }: Outcome): string {
  return `seed ${seed}: ${problem}\nreplay: npm run simulate -- ${seed}\n${trace.slice(-SHOWN_LINES).join("\n")}`;
}
