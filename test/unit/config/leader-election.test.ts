import { describe, expect, it } from "vitest";
import { checkLeaderElection, defaults, type LeaderElectionSettings } from "../../../src/config/leader-election.ts";
import { messageOf } from "../../../src/runtime/errors.ts";

function refusal(settings: LeaderElectionSettings): string[] {
  try {
    checkLeaderElection(settings);
    return [];
  } catch (error) {
    return messageOf(error).split("\n").slice(1);
  }
}

describe("the settings of a leader election", () => {
  it("the safe one-liner is refused, or is not what everybody else has", () => {
    expect(checkLeaderElection(defaults("shop", "default"))).toEqual({
      timings: {
        durationMs: 15_000,
        renewDeadlineMs: 10_000,
        retryPeriodMs: 2_000,
        clockRatio: 1.25,
        quiesceMs: 2_000,
      },
      lock: "leases",
      labels: {},
      releaseOnCancel: true,
      onLost: "exit",
      shutdownTimeoutMs: 25_000,
      onOverrun: "exit",
    });
    expect(checkLeaderElection({ name: "shop" })).toEqual(checkLeaderElection(defaults("shop")));
  });

  it("a text and a number of milliseconds mean two things", () => {
    const words = { leaseDuration: "1m", renewDeadline: "40s", retryPeriod: "10s", shutdownTimeout: "1m30s" };
    const numbers = { leaseDuration: 60_000, renewDeadline: 40_000, retryPeriod: 10_000, shutdownTimeout: 90_000 };
    expect(checkLeaderElection({ name: "shop", ...words })).toEqual(checkLeaderElection({ name: "shop", ...numbers }));
  });

  it("a user repairs one problem after the other, because only the first is told", () => {
    const wrong = {
      name: "Shop",
      namespace: "Default",
      identity: "pod_1",
      leaseDuration: "15",
      retryPeriod: -1,
      lock: "zookeeper",
      onLost: "cry",
      onOverrun: "cry",
    } as unknown as LeaderElectionSettings;
    expect(refusal(wrong)).toEqual([
      expect.stringMatching(/^ {2}name must be a DNS subdomain .*"Shop"/),
      expect.stringMatching(/^ {2}namespace must be a DNS label .*"Default"/),
      expect.stringMatching(/^ {2}identity must be a name without "_" .*"pod_1"/),
      expect.stringMatching(/^ {2}leaseDuration must be a duration with a unit, but is the bare number 15/),
      expect.stringMatching(/^ {2}retryPeriod must be milliseconds .* but is -1/),
      expect.stringMatching(/^ {2}lock must be one of "leases", .* but is "zookeeper"/),
      expect.stringMatching(/^ {2}onLost must be one of "exit", "continue", but is "cry"/),
      expect.stringMatching(/^ {2}onOverrun must be one of "exit", "report", but is "cry"/),
    ]);
  });

  it("a label that every write would be refused for, or that makes the Lease a coordinator's, is found out in the cluster", () => {
    for (const [key, value] of [
      ["team", "carts and more"],
      ["no key", "carts"],
      ["electorate.dev/coordinator", "shop"],
      ["team", 7],
    ] as const) {
      const wrong = { name: "shop", labels: { fine: "yes", [key]: value } } as unknown as LeaderElectionSettings;
      expect(refusal(wrong)).toEqual([expect.stringMatching(`^ {2}labels has ${JSON.stringify(key)}: `)]);
    }
  });

  it("what only JavaScript can get wrong ends in a TypeError, or in a Lease that is freed after all", () => {
    const wrong = { releaseOnCancel: "false" } as unknown as LeaderElectionSettings;
    expect(refusal(wrong)).toEqual([
      expect.stringMatching(/^ {2}name must be a DNS subdomain .* but is undefined/),
      expect.stringMatching(/^ {2}releaseOnCancel must be true or false, but is "false"/),
    ]);
  });

  it("client-go's relations are broken, or told in words that the user has not written", () => {
    expect(refusal({ name: "shop", leaseDuration: "10s", renewDeadline: "10s" })).toEqual([
      "  leaseDuration leaves too little time to stop work: leaseDuration / clockRatio - renewDeadline = 10000 ms / 1.25 - 10000 ms = -2000 ms, " +
        "and at least 200 ms is needed; lengthen leaseDuration or shorten renewDeadline",
    ]);
    expect(refusal({ name: "shop", renewDeadline: "2400ms" })).toEqual([
      expect.stringMatching(/^ {2}renewDeadline must be longer than 1\.2 x retryPeriod.*2400 ms, retryPeriod 2000 ms/),
    ]);
    expect(refusal({ name: "shop", leaseDuration: "15500ms" })).toEqual([
      expect.stringMatching(/^ {2}leaseDuration must be whole seconds .* 15500 ms/),
    ]);
  });
});
