import { describe, expect, it } from "vitest";
import type { Verdict } from "../../../src/kube/reviews.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { MetricsGuard } from "../../../src/telemetry/metrics-guard.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const FORBIDDEN = new ElectorateError("forbidden", "tokenreviews is forbidden: cannot create");

/** A guard, and an API server that knows the tokens in `verdicts` only, and answers when it is `up`. */
function guarded(verdicts: Record<string, Verdict> = { good: "granted", poor: "forbidden" }) {
  const clock = new VirtualClock();
  const warnings: string[] = [];
  const asked: string[] = [];
  const server: { up: boolean; held: (() => void)[] | undefined } = { up: true, held: undefined };
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void warnings.push(message) };
  const review = async (token: string, path: string): Promise<Verdict> => {
    expect(path).toBe("/metrics");
    asked.push(token);
    const { held } = server;
    if (held !== undefined) await new Promise<void>((answer) => held.push(answer));
    if (!server.up) throw FORBIDDEN;
    return verdicts[token] ?? "unknown";
  };
  const guard = new MetricsGuard({ review, clock, trouble: new TroubleLog(log) });
  return { clock, warnings, asked, server, verdicts, guard, judge: (token: string) => guard.judge(`Bearer ${token}`) };
}

describe("who may read metrics", () => {
  it.each([undefined, "", "Bearer", "Bearer ", "Basic YTpi", "bearer a b", "Token abc"])(
    "%j is shown to the API server as a token",
    async (header) => {
      const { guard, asked } = guarded();
      expect(await guard.judge(header)).toBe("anonymous");
      expect(asked).toEqual([]);
    },
  );

  it("the API server's word is not what counts", async () => {
    const { guard, judge } = guarded();
    expect(await judge("good")).toBe("granted");
    expect(await judge("poor")).toBe("forbidden");
    expect(await judge("strange")).toBe("unknown");
    expect(await guard.judge("bearer   good  ")).toBe("granted");
  });

  it("every scrape costs two requests, or a right that was taken away is never missed", async () => {
    const { clock, verdicts, asked, judge } = guarded();
    expect(await judge("good")).toBe("granted");
    verdicts["good"] = "forbidden";
    await clock.advance(29_999);
    expect(await judge("good")).toBe("granted");
    expect(asked).toEqual(["good"]);
    await clock.advance(1);
    expect(await judge("good")).toBe("forbidden");
    verdicts["good"] = "granted";
    await clock.advance(9_999);
    expect(await judge("good")).toBe("forbidden");
    await clock.advance(1);
    expect(await judge("good")).toBe("granted");
    expect(asked).toHaveLength(3);
  });

  it("somebody may read because the API server did not answer, or a missing right is not said", async () => {
    const { server, warnings, judge } = guarded();
    server.up = false;
    expect(await judge("good")).toBe("unanswered");
    expect(await judge("good")).toBe("unanswered");
    expect(warnings).toEqual([
      "asking the API server who may read metrics failed: tokenreviews is forbidden: cannot create",
    ]);
    server.up = true;
    expect(await judge("good")).toBe("granted");
  });

  it("one token is asked about twice at once, and many tokens without bound", async () => {
    const { server, asked, judge } = guarded();
    const held: (() => void)[] = [];
    server.held = held;
    const same = [judge("good"), judge("good")];
    const others = ["a", "b", "c"].map(judge);
    expect(await judge("fifth")).toBe("unanswered");
    expect(asked).toEqual(["good", "a", "b", "c"]);
    for (const answer of held) answer();
    expect(await Promise.all(same)).toEqual(["granted", "granted"]);
    expect(await Promise.all(others)).toEqual(["unknown", "unknown", "unknown"]);
    server.held = undefined;
    expect(await judge("fifth")).toBe("unknown");
  });

  it("strangers with ever new tokens fill the memory", async () => {
    const { asked, judge } = guarded();
    for (let index = 0; index <= 1_000; index += 1) await judge(`stranger-${index}`);
    await judge("stranger-1000");
    expect(asked).toHaveLength(1_001);
    // The oldest was forgotten.
    await judge("stranger-0");
    expect(asked).toHaveLength(1_002);
  });
});
