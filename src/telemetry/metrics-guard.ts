import { createHash } from "node:crypto";
import type { ReviewAccess, Verdict } from "../kube/reviews.ts";
import type { Clock } from "../runtime/clock.ts";
import type { TroubleLog } from "../runtime/trouble.ts";

/**
 * Who may read metrics, as the API server says it of the bearer token of a request.
 *
 * Promises: without an answer nobody may; an answer counts for some seconds, so that a right that was taken away ends then; one token
 * is asked for once at a time; no token is kept, only its hash; and strangers with ever new tokens cannot make this replica ask
 * without bound, or remember without bound.
 */
export interface MetricsGuardOptions {
  readonly review: ReviewAccess;
  readonly clock: Clock;
  readonly trouble: TroubleLog;
}

/** `unanswered`: nobody knows, because the API server could not be asked. */
export type Admission = Verdict | "anonymous" | "unanswered";

const PATH = "/metrics";
const GRANTED_MS = 30_000;
const REFUSED_MS = 10_000;
const MOST_ASKED = 4;
const MOST_REMEMBERED = 1_000;

interface Known {
  readonly verdict: Verdict;
  readonly untilMs: number;
}

export class MetricsGuard {
  readonly #options: MetricsGuardOptions;
  /** By the token's hash, the oldest first; those that were granted apart, so that strangers cannot push them out. */
  readonly #granted = new Map<string, Known>();
  readonly #refused = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<Admission>>();

  constructor(options: MetricsGuardOptions) {
    this.#options = options;
  }

  /** Judges the `Authorization` header of a request. Never rejects. */
  async judge(authorization: string | undefined): Promise<Admission> {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return "anonymous";
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#granted.get(key) ?? this.#refused.get(key);
    if (known !== undefined && this.#options.clock.monotonicMs() < known.untilMs) return known.verdict;
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    // Whoever was granted lately does not queue behind strangers.
    if (this.#asked.size >= MOST_ASKED && !this.#granted.has(key)) return "unanswered";
    const asking = this.#ask(token, key).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asking);
    return asking;
  }

  async #ask(token: string, key: string): Promise<Admission> {
    const { review, clock, trouble } = this.#options;
    try {
      const verdict = await review(token, PATH);
      trouble.clear("metrics-review");
      this.#remember(key, verdict, clock.monotonicMs());
      return verdict;
    } catch (error) {
      trouble.report("metrics-review", "asking the API server who may read metrics", error);
      return "unanswered";
    }
  }

  #remember(key: string, verdict: Verdict, nowMs: number): void {
    for (const known of [this.#granted, this.#refused]) known.delete(key);
    const [verdicts, forMs] = verdict === "granted" ? [this.#granted, GRANTED_MS] : [this.#refused, REFUSED_MS];
    verdicts.set(key, { verdict, untilMs: nowMs + forMs });
    const [oldest] = verdicts.keys();
    if (verdicts.size > MOST_REMEMBERED && oldest !== undefined) verdicts.delete(oldest);
  }
}
