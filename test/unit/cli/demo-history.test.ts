import { describe, expect, it } from "vitest";
import {
  type Deaths,
  fallingEpochs,
  gateTerms,
  isHigherEpoch,
  openTerms,
  ownerGaps,
  parseTransition,
  type RecordedTransition,
  sharedOwnership,
} from "../../../src/cli/demo/history.ts";

/** `1.5 r1 opens a 7`: at 1.5 ms replica r1 opens the gate of shard a with epoch 7. */
function told(text: string): { transitions: RecordedTransition[]; deaths: Deaths } {
  const transitions: RecordedTransition[] = [];
  const deaths = new Map<string, bigint>();
  for (const line of text.split("\n").map((part) => part.trim())) {
    if (line === "") continue;
    const [at = "", replica = "", verb = "", shard = "", epoch = "", margin] = line.split(" ");
    const ns = BigInt(Math.round(Number(at) * 1e6));
    if (verb === "dies") {
      deaths.set(replica, ns);
      continue;
    }
    const marginMs = margin === undefined ? undefined : Number(margin);
    transitions.push({
      replica,
      event: verb === "opens" ? "gate-opened" : "gate-closed",
      shard,
      epoch,
      reason: "test",
      marginMs,
      ns,
    });
  }
  return { transitions, deaths };
}

const termsOf = (text: string) => {
  const { transitions, deaths } = told(text);
  return gateTerms(transitions, deaths);
};

const gapsOf = (text: string) => ownerGaps(termsOf(text)).map(({ shard, from, to, gapMs }) => [shard, from, to, gapMs]);

describe("a transition line", () => {
  const line = (fields: object): string =>
    JSON.stringify({
      level: "info",
      event: "gate-opened",
      shard: "configmaps-00",
      identity: "liar_uuid",
      epoch: "12",
      reason: "acquired",
      at: 1,
      monotonicNs: "9007199254740993",
      ...fields,
    });

  it("is credited to whoever it names instead of the pipe it came from", () => {
    expect(parseTransition("replica-1", line({}))?.replica).toBe("replica-1");
  });

  it("loses nanoseconds because they were read as a number", () => {
    expect(parseTransition("replica-1", line({}))?.ns).toBe(9007199254740993n);
  });

  it.each([
    ["text", "hello"],
    ["half a line", '{"event":"gate-open'],
    ["a list", "[]"],
    ["null", "null"],
    ["a log line without event", '{"level":"info","msg":"x"}'],
    ["an unknown event", line({ event: "gate-ajar" })],
    ["a time that is a number", line({ monotonicNs: 12 })],
    ["a time that is not decimal", line({ monotonicNs: "12.5" })],
    ["no shard", line({ shard: undefined })],
  ])("is believed to be in %s", (_name, text) => {
    expect(parseTransition("replica-1", text)).toBeUndefined();
  });
});

describe("gaps between owners", () => {
  it("a planned handoff is measured from close to open, whatever the order in which the lines arrived", () => {
    expect(
      gapsOf(`
        13.5 r2 opens a 8
        1 r1 opens a 7
        10 r1 closes a 7`),
    ).toEqual([["a", "r1", "r2", 3.5]]);
  });

  it("a crash is measured from the kill, since the dead say nothing", () => {
    const terms = termsOf(`
      1 r1 opens a 7
      100 r1 dies
      3100 r2 opens a 9`);
    expect(ownerGaps(terms)).toEqual([
      { shard: "a", from: "r1", to: "r2", epoch: "9", openedNs: 3_100_000_000n, gapMs: 3000, crash: true },
    ]);
  });

  it("a gate that lapsed before it was noticed counts as open too long", () => {
    expect(
      gapsOf(`
        0 r1 opens a 7
        50 r1 closes a 7 -20
        60 r2 opens a 8`),
    ).toEqual([["a", "r1", "r2", 30]]);
  });

  it("the validity that was left at a close is taken for an earlier close", () => {
    expect(
      gapsOf(`
        0 r1 opens a 7
        50 r1 closes a 7 1900
        60 r2 opens a 8`),
    ).toEqual([["a", "r1", "r2", 10]]);
  });

  it("one shard's owner is compared with another shard's", () => {
    expect(
      gapsOf(`
        1 r1 opens a 1
        2 r2 opens b 2
        3 r1 closes a 1
        5 r2 opens a 3`),
    ).toEqual([["a", "r1", "r2", 2]]);
  });

  it("an owner that lost the shard and took it back leaves no trace", () => {
    expect(
      gapsOf(`
        1 r1 opens a 1
        2 r1 closes a 1
        4 r1 opens a 3`),
    ).toEqual([["a", "r1", "r1", 2]]);
  });

  it("a replica that closed its gate and died much later is charged with the time between", () => {
    const [gap] = ownerGaps(
      termsOf(`
        1 r1 opens a 1
        5 r1 closes a 1
        8 r2 opens a 2
        100 r1 dies`),
    );
    expect(gap).toMatchObject({ gapMs: 3, crash: false });
  });

  it("a close without an open invents a term", () => {
    expect(termsOf("5 r1 closes a 1")).toEqual([]);
  });
});

describe("two owners at once", () => {
  it("pass unseen when the second opens before the first closes", () => {
    const shared = sharedOwnership(
      termsOf(`
        1 r1 opens a 7
        10 r2 opens a 8
        11 r1 closes a 7`),
    );
    expect(shared.map(({ first, second }) => [first.replica, second.replica])).toEqual([["r1", "r2"]]);
    expect(
      gapsOf(`
        1 r1 opens a 7
        10 r2 opens a 8
        11 r1 closes a 7`),
    ).toEqual([["a", "r1", "r2", -1]]);
  });

  it("pass unseen when the first never closes", () => {
    expect(sharedOwnership(termsOf("1 r1 opens a 7\n10 r2 opens a 8"))).toHaveLength(1);
  });

  it("pass unseen when a short term lies between the two", () => {
    const shared = sharedOwnership(
      termsOf(`
        1 r1 opens a 7
        10 r2 opens a 8
        11 r2 closes a 8
        12 r3 opens a 9
        20 r1 closes a 7`),
    );
    expect(shared.map(({ first, second }) => `${first.replica}${second.replica}`)).toEqual(["r1r2", "r1r3"]);
  });

  it("are seen in an exact handoff, in a gate that had lapsed, or after a death", () => {
    expect(
      sharedOwnership(
        termsOf(`
          1 r1 opens a 7
          10 r1 closes a 7
          10 r2 opens a 8
          30 r2 closes a 8 -15
          20 r3 opens a 9
          40 r3 dies
          41 r4 opens a 10`),
      ),
    ).toEqual([]);
  });
});

describe("owners at the end", () => {
  it("are those who died or closed", () => {
    const owners = openTerms(
      termsOf(`
        1 r1 opens a 1
        1 r2 opens b 2
        1 r3 opens c 3
        2 r1 closes a 1
        3 r2 dies`),
    );
    expect([...owners].map(([shard, term]) => [shard, term.replica])).toEqual([["c", "r3"]]);
  });
});

describe("epochs", () => {
  it.each([
    ["10", "9", true],
    ["9", "10", false],
    ["9", "9", false],
    ["9007199254740993", "9007199254740992", true],
    ["", "1", false],
    ["1", "", false],
    ["x", "1", false],
    ["-2", "1", false],
  ])("%s over %s is compared as a number or as mere text", (later, earlier, higher) => {
    expect(isHigherEpoch(later, earlier)).toBe(higher);
  });

  it("that stand still or fall pass unseen", () => {
    const falling = fallingEpochs(
      termsOf(`
        1 r1 opens a 7
        2 r1 closes a 7
        3 r2 opens a 7
        4 r2 closes a 7
        5 r3 opens a 10
        6 r3 closes a 10
        7 r1 opens a 9
        1 r1 opens b 1`),
    );
    expect(falling.map((term) => term.epoch)).toEqual(["7", "9"]);
  });
});
