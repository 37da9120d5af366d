import type { Clock } from "../../runtime/clock.ts";
import { ElectorateError } from "../../runtime/errors.ts";

/** Longer than what a connection waits for an answer; a cluster that cannot be reached says nothing at all. */
const DEADLINE_MS = 6_000;

/** Rejects when Redis has not answered in time; what was asked may still be performed later. */
export function answered<Answer>(clock: Clock, asked: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(DEADLINE_MS, () =>
      reject(new ElectorateError("timeout", `Redis has not answered for ${DEADLINE_MS / 1000} s`)),
    );
    asked.then(resolve, reject).finally(() => timer.cancel());
  });
}
