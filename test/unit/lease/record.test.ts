import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  changedLease,
  formatMicroTime,
  isHeld,
  isRelease,
  newLease,
  nextRenewTime,
  parseLease,
  parseMicroTime,
  sameRecord,
} from "../../../src/lease/record.ts";

const SIX_DIGITS = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
const metadata = { name: "shop-configmaps-00", namespace: "default", uid: "uid-1", resourceVersion: "7" };

describe("renewTime", () => {
  it("has exactly six fraction digits, or the API server answers 400", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 8e12, noNaN: true }), (wallMs) => {
        expect(nextRenewTime(wallMs, "")).toMatch(SIX_DIGITS);
      }),
    );
  });

  it("grows strictly although the wall clock stands or goes back: a PUT that changes nothing proves nothing", () => {
    const wall = fc.double({ min: 0, max: 4e12, noNaN: true });
    fc.assert(
      fc.property(fc.array(wall, { minLength: 2, maxLength: 20 }), (walls) => {
        let last = "";
        for (const wallMs of walls) {
          const next = nextRenewTime(wallMs, last);
          if (last !== "") expect(parseMicroTime(next)).toBeGreaterThan(parseMicroTime(last) ?? Number.NaN);
          last = next;
        }
      }),
    );
  });

  it.each(["9999-12-31T23:59:59.999999Z", "nonsense", "", "2026-01-01", "0000-00-00T00:00:00Z"])(
    "a last one of %j, written by hand, still gives a time that the API server takes and that differs",
    (last) => {
      const next = nextRenewTime(Date.UTC(2026, 0, 1), last);
      expect(next).toMatch(SIX_DIGITS);
      expect(next).not.toBe(last);
    },
  );

  it("is read as the API server and as other programs write it", () => {
    expect(parseMicroTime("2026-01-01T00:00:00.000001Z")).toBe(Date.UTC(2026, 0, 1) * 1000 + 1);
    expect(parseMicroTime("2026-01-01T00:00:00Z")).toBe(Date.UTC(2026, 0, 1) * 1000);
    expect(parseMicroTime("2026-01-01T02:00:00.5+02:00")).toBe(Date.UTC(2026, 0, 1) * 1000 + 500_000);
    expect(parseMicroTime("2026-01-01T00:00:00.123456789Z")).toBe(Date.UTC(2026, 0, 1) * 1000 + 123_456);
    expect(parseMicroTime("yesterday")).toBeUndefined();
  });

  it("survives being written and read again to the microsecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (unixUs) => {
        expect(parseMicroTime(formatMicroTime(unixUs))).toBe(unixUs);
      }),
    );
  });
});

describe("reading a Lease", () => {
  it("does not throw at whatever kubectl put into it", () => {
    fc.assert(
      fc.property(fc.anything(), (spec) => {
        const { record } = parseLease({ metadata, spec });
        expect(typeof record.holder).toBe("string");
        expect(record.durationMs).toBeGreaterThanOrEqual(0);
        expect(record.transitions).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it.each([
    ["no spec", undefined],
    ["an empty spec", {}],
    ["null fields", { holderIdentity: null, leaseDurationSeconds: null, renewTime: null, leaseTransitions: null }],
    ["a negative duration", { holderIdentity: "", leaseDurationSeconds: -1 }],
  ])("%s is no release: it must be waited out", (_, spec) => {
    const { record } = parseLease({ metadata, spec });
    expect(isRelease(record)).toBe(false);
    expect(isHeld(record)).toBe(false);
  });

  it("a release is nobody for one second, and nothing else", () => {
    const release = parseLease({ metadata, spec: { holderIdentity: "", leaseDurationSeconds: 1 } });
    expect(isRelease(release.record)).toBe(true);
    expect(isRelease(parseLease({ metadata, spec: { holderIdentity: "a", leaseDurationSeconds: 1 } }).record)).toBe(
      false,
    );
    expect(isRelease(parseLease({ metadata, spec: { holderIdentity: "", leaseDurationSeconds: 2 } }).record)).toBe(
      false,
    );
  });

  it.each([
    ["holderIdentity", "someone-else"],
    ["leaseDurationSeconds", 16],
    ["acquireTime", "2026-01-01T00:00:01.000000Z"],
    ["renewTime", "2026-01-01T00:00:01.000000Z"],
    ["leaseTransitions", 4],
  ])("a change of %s is a change of the record, and restarts the wait", (field, value) => {
    const spec = {
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      leaseTransitions: 3,
      renewTime: "2026-01-01T00:00:00.000000Z",
    };
    const before = parseLease({ metadata, spec });
    expect(sameRecord(before.record, parseLease({ metadata, spec: { ...spec, [field]: value } }).record)).toBe(false);
    expect(sameRecord(before.record, parseLease({ metadata, spec: { ...spec, strategy: "x" } }).record)).toBe(true);
  });
});

describe("writing a Lease", () => {
  const record = { holder: "r1", durationMs: 15_000, acquireTime: "", renewTime: nextRenewTime(0, ""), transitions: 2 };

  it("keeps foreign labels, annotations, fields, finalizers and owners, or another tool's Lease breaks", () => {
    const stored = parseLease({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        ...metadata,
        labels: { team: "a", "electorate.dev/bucket": "99" },
        annotations: { note: "keep", gone: "take off" },
        finalizers: ["example.com/x"],
        ownerReferences: [{ name: "owner" }],
        managedFields: [{ manager: "kubectl" }],
      },
      spec: {
        preferredHolder: "p",
        strategy: "OldestEmulationVersion",
        future: { a: 1 },
        acquireTime: "2026-01-01T00:00:00.000000Z",
      },
    });
    const body = changedLease(stored, {
      record,
      labels: { "electorate.dev/bucket": "00" },
      annotations: { added: "yes", gone: null },
    });
    expect(body.metadata).toMatchObject({
      uid: "uid-1",
      resourceVersion: "7",
      labels: { team: "a", "electorate.dev/bucket": "00" },
      annotations: { note: "keep", added: "yes" },
      finalizers: ["example.com/x"],
      ownerReferences: [{ name: "owner" }],
    });
    expect(body.metadata.annotations).not.toHaveProperty("gone");
    expect(body.metadata).not.toHaveProperty("managedFields");
    expect(body.spec).toEqual({
      preferredHolder: "p",
      strategy: "OldestEmulationVersion",
      future: { a: 1 },
      acquireTime: "2026-01-01T00:00:00.000000Z",
      holderIdentity: "r1",
      leaseDurationSeconds: 15,
      renewTime: record.renewTime,
      leaseTransitions: 2,
    });
  });

  it("always carries uid and resourceVersion: without a uid, a PUT makes a deleted Lease again", () => {
    const body = changedLease(parseLease({ metadata, spec: {} }), { record });
    expect(body.metadata).toMatchObject({ uid: "uid-1", resourceVersion: "7" });
  });

  it("makes a Lease over a spec that is no object", () => {
    expect(changedLease(parseLease({ metadata, spec: "nonsense" }), { record }).spec).toMatchObject({
      holderIdentity: "r1",
    });
  });

  it("a new Lease has no annotation that was to be taken off", () => {
    const body = newLease("a", "default", { record, annotations: { epoch: null, map: "x" } });
    expect(body.metadata.annotations).toEqual({ map: "x" });
  });
});
