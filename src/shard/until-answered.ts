import { type Clock, sleep } from "../runtime/clock.ts";
import { type ErrorCode, hasCode } from "../runtime/errors.ts";
import type { TroubleLog } from "../runtime/trouble.ts";

/** How long an API server that could not be asked is left alone. */
const ASK_AGAIN_MS = 2_000;

/** Asks the API server until it answers, or fails with one of the codes that asking again does not change; `signal` ends it too. */
export async function untilAnswered<Answer>(
  doing: string,
  ask: () => Promise<Answer>,
  final: readonly ErrorCode[],
  { clock, trouble }: { readonly clock: Clock; readonly trouble: TroubleLog },
  signal: AbortSignal,
): Promise<Answer> {
  for (;;) {
    try {
      const answer = await ask();
      trouble.clear("discovery");
      return answer;
    } catch (error) {
      if (hasCode(error, "aborted", ...final)) throw error;
      trouble.report("discovery", doing, error);
    }
    await sleep(clock, ASK_AGAIN_MS, signal);
  }
}
