import { describe, expect, it } from "vitest";
import { type Attendance, NOBODY_YET, observeAttendance, probationEndMs } from "../../../src/membership/attendance.ts";

const MINUTE = 60_000;

function there(...identities: readonly string[]) {
  return identities.map((identity) => ({ identity, seenToChange: true, state: "ready" as const }));
}

/** A process of the name `pod` is there for a while, and gone at each of `times`. */
function goings(...times: readonly number[]): Attendance {
  return times.reduce((before, atMs, index) => {
    const came = observeAttendance(before, there(`pod_${index}`), atMs - 1);
    return observeAttendance(came, there(), atMs);
  }, NOBODY_YET);
}

describe("who came and went too often", () => {
  it("two restarts put a member on probation", () => {
    expect(probationEndMs(goings(1_000, 2_000), "pod_9")).toBe(Number.NEGATIVE_INFINITY);
  });

  it("a third within five minutes does not, or probation outlives five minutes from the first of the three", () => {
    expect(probationEndMs(goings(1_000, 2_000, 3_000), "pod_9")).toBe(1_000 + 5 * MINUTE);
    expect(probationEndMs(goings(1_000, 2_000, 3_000, 60_000), "pod_9")).toBe(2_000 + 5 * MINUTE);
  });

  it("restarts far apart add up over days", () => {
    const times = Array.from({ length: 50 }, (_, day) => day * 3 * MINUTE);
    const last = times.at(-1) ?? 0;
    expect(probationEndMs(goings(...times), "pod_9")).toBeLessThan(last);
  });

  it("one member's restarts are held against another name", () => {
    expect(probationEndMs(goings(1, 2, 3), "pod-2_9")).toBe(Number.NEGATIVE_INFINITY);
  });

  it("two processes of one name that go together count once", () => {
    const both = observeAttendance(NOBODY_YET, there("pod_1", "pod_2"), 0);
    const none = observeAttendance(both, there(), 10);
    expect(none.departures.get("pod")).toEqual([10, 10]);
    expect(probationEndMs(none, "pod_3")).toBe(Number.NEGATIVE_INFINITY);
  });

  it("one that comes back before its predecessor has left for good is given shards once more each time", () => {
    const leaving = [{ identity: "pod_1", seenToChange: true, state: "draining" as const }];
    const gone = observeAttendance(observeAttendance(NOBODY_YET, there("pod_1"), 0), leaving, 10);
    expect(gone.departures.get("pod")).toEqual([10]);
    expect(observeAttendance(gone, there("pod_2"), 20).departures.get("pod")).toEqual([10]);
  });

  it("Leases that dead processes left behind count as members that went", () => {
    const left = ["pod_1", "pod_2", "pod_3"].map((identity) => ({
      identity,
      seenToChange: false,
      state: "ready" as const,
    }));
    const gone = observeAttendance(observeAttendance(NOBODY_YET, left, 0), [], 20_000);
    expect(gone.departures.size).toBe(0);
  });

  it("names that are long gone fill the memory", () => {
    let attendance = NOBODY_YET;
    for (let pod = 0; pod < 1_000; pod += 1) {
      attendance = observeAttendance(attendance, there(`pod-${pod}_u`), pod * MINUTE);
    }
    expect(attendance.departures.size).toBeLessThanOrEqual(6);
    expect(goings(...Array.from({ length: 20 }, (_, at) => at)).departures.get("pod")).toHaveLength(3);
  });
});
