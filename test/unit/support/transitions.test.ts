import { expect, test } from "vitest";
import type { RecordedTransition } from "../../../src/cli/demo/history.ts";
import {
  doubleWork,
  gapsSince,
  ownershipFaults,
  ownersOf,
  parseSinkLine,
  quantile,
  runsOf,
  type SinkLine,
} from "../../support/transitions.ts";

const NOBODY_DIED = new Map<string, bigint>();

function line(
  atMs: number,
  replica: string,
  event: RecordedTransition["event"],
  epoch: string,
  marginMs?: number,
): RecordedTransition {
  return { replica, event, shard: "pods-00", epoch, reason: "test", marginMs, ns: BigInt(atMs) * 1_000_000n };
}

function sinkLine(atMs: number, pid: number, phase: SinkLine["phase"], key = "ns/x"): SinkLine {
  const text = { phase, resource: "pods", key, shard: "pods-00", epoch: "1", round: "", note: "", pid };
  return parseSinkLine(JSON.stringify({ ...text, ns: String(atMs * 1_000_000) }));
}

test("an oracle that sees no overlap: a gate that opens before the other one closed", () => {
  const lines = [
    line(0, "a", "gate-opened", "5"),
    line(90, "b", "gate-opened", "6"),
    line(100, "a", "gate-closed", "5"),
  ];
  expect(ownershipFaults(lines, NOBODY_DIED)).toEqual([
    "pods-00: b opened term 6 10 ms before the gate of a (term 5) closed",
  ]);
  expect(ownershipFaults(lines.slice(0, 2), NOBODY_DIED)).toEqual([
    "pods-00: b opened term 6 while the gate of a (term 5) was open",
  ]);
  expect(ownershipFaults(lines.slice(0, 2), new Map([["a", 80_000_000n]]))).toEqual([]);
});

test("a gate that closed by its deadline counts until its line was written", () => {
  const late = [
    line(0, "a", "gate-opened", "5"),
    line(90, "b", "gate-opened", "6"),
    line(100, "a", "gate-closed", "5", -20),
  ];
  expect(ownershipFaults(late, NOBODY_DIED)).toEqual([]);
  expect(gapsSince(late, NOBODY_DIED, 0n)).toEqual([10]);
});

test("an epoch that falls is not noticed", () => {
  const lines = [
    line(0, "a", "gate-opened", "10"),
    line(50, "a", "gate-closed", "10"),
    line(90, "b", "gate-opened", "9"),
  ];
  expect(ownershipFaults(lines, NOBODY_DIED)).toEqual(["pods-00: the epoch fell to 9 at b"]);
  expect(ownersOf(lines, NOBODY_DIED).get("pods-00")?.replica).toBe("b");
});

test("two processes at one key are not seen, or two keys of one are taken for it", () => {
  const lines = [sinkLine(0, 1, "begin"), sinkLine(5, 2, "begin"), sinkLine(7, 2, "end"), sinkLine(10, 1, "end")];
  expect(doubleWork(runsOf(lines, new Map()))).toHaveLength(1);
  const apart = [sinkLine(0, 1, "begin"), sinkLine(4, 1, "end"), sinkLine(5, 2, "begin"), sinkLine(7, 2, "end")];
  expect(doubleWork(runsOf(apart, new Map()))).toEqual([]);
  const other = [
    sinkLine(0, 1, "begin"),
    sinkLine(5, 1, "begin", "ns/y"),
    sinkLine(7, 1, "end", "ns/y"),
    sinkLine(10, 1, "end"),
  ];
  expect(doubleWork(runsOf(other, new Map()))).toEqual([]);
});

test("a long run hides behind a short one that began after it", () => {
  const lines = [
    sinkLine(0, 1, "begin"),
    sinkLine(5, 2, "begin"),
    sinkLine(6, 2, "end"),
    sinkLine(8, 3, "begin"),
    sinkLine(9, 3, "end"),
    sinkLine(10, 1, "end"),
  ];
  expect(doubleWork(runsOf(lines, new Map())).map(({ first, second }) => [first.begin.pid, second.begin.pid])).toEqual([
    [1, 2],
    [1, 3],
  ]);
});

test("a run that never ended ends with its process, and only then", () => {
  const lines = [sinkLine(0, 1, "begin"), sinkLine(9, 2, "begin"), sinkLine(10, 2, "end")];
  expect(doubleWork(runsOf(lines, new Map()))).toHaveLength(1);
  expect(doubleWork(runsOf(lines, new Map([[1, 8_000_000n]])))).toEqual([]);
  expect(doubleWork(runsOf(lines, new Map([[1, 9_500_000n]])))).toHaveLength(1);
});

test("one process that begins a key twice without ending it", () => {
  const lines = [sinkLine(0, 1, "begin"), sinkLine(5, 1, "begin"), sinkLine(7, 1, "end")];
  expect(doubleWork(runsOf(lines, new Map()))).toHaveLength(1);
});

test("a quantile beyond the values", () => {
  expect([quantile([1, 2, 3, 4], 0.5), quantile([1, 2, 3, 4], 1), quantile([], 0.5)]).toEqual([3, 4, Number.NaN]);
});
