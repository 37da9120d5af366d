import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;
/** A probe that takes long is asked less often: what it looks at needs the machine too. */
const REST_TIMES = 9;

/**
 * Asks `probe` until it answers something other than `undefined` and `false`, and answers that; throws after `boundMs`. `report`
 * says what was there instead.
 */
export async function until<Found>(
  what: string,
  boundMs: number,
  probe: () => Found | Promise<Found>,
  report: () => string = () => "",
): Promise<Exclude<Found, undefined | false>> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const askedMs = performance.now();
    const found = await probe();
    if (isFound(found)) return found;
    const answeredMs = performance.now();
    if (answeredMs > deadline) throw new Error(`waited ${boundMs} ms for ${what}\n${report()}`);
    await delay(Math.max(POLL_MS, REST_TIMES * (answeredMs - askedMs)));
  }
}

function isFound<Found>(found: Found): found is Exclude<Found, undefined | false> {
  return found !== undefined && found !== false;
}

/** Watches for `forMs` that `fault` answers nothing; throws with the first that it answers. */
export async function never(what: string, forMs: number, fault: () => string | undefined): Promise<void> {
  const deadline = performance.now() + forMs;
  while (performance.now() < deadline) {
    const found = fault();
    if (found !== undefined) throw new Error(`${what}: ${found}`);
    await delay(POLL_MS);
  }
}

/** Milliseconds of CLOCK_MONOTONIC between two moments in nanoseconds. */
export function msBetween(fromNs: bigint, toNs: bigint): number {
  return Number(toNs - fromNs) / 1e6;
}

/** Order of texts, where there may be none. */
export function byText(one: string | undefined, other: string | undefined): number {
  return (one ?? "").localeCompare(other ?? "");
}
