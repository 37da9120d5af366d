import { describe, expect, test } from "vitest";
import { Api, LEASES } from "./requests.ts";

const create = (spec: unknown) => new Api().post(LEASES, { metadata: { name: "a" }, spec });

describe("the six-digit trap", () => {
  test.each([
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0000000Z",
    "2026-01-01 00:00:00.000000Z",
    "2026-13-01T00:00:00.000000Z",
    "2026-02-30T00:00:00.000000Z",
    "2026-01-01T24:00:00.000000Z",
    "garbage",
    "",
  ])(
    "renewTime %j is refused with 400, as the real server does, so that toISOString() is found out here",
    (renewTime) => {
      const answer = create({ renewTime });
      expect(answer.status).toBe(400);
      expect(answer.body.message).toMatch(/^Lease in version "v1" cannot be handled as a Lease: parsing time/);
    },
  );

  test.each([
    ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z"],
    ["2026-01-01T00:00:00.123456+02:00", "2025-12-31T22:00:00.123456Z"],
    ["2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z"],
    ["2026-01-31T23:30:00.000001-01:30", "2026-02-01T01:00:00.000001Z"],
  ])("renewTime %s is kept to the microsecond, in UTC", (given, kept) => {
    expect(create({ renewTime: given, acquireTime: given }).body.spec).toEqual({ acquireTime: kept, renewTime: kept });
  });
});

describe("the spec", () => {
  test.each([
    [{ leaseDurationSeconds: 0 }, 422, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    [{ leaseDurationSeconds: -1 }, 422, "must be greater than 0"],
    [{ leaseTransitions: -1 }, 422, "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"],
    [
      { leaseDurationSeconds: "15" },
      400,
      "cannot unmarshal string into Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32",
    ],
    [{ leaseDurationSeconds: 1.5 }, 400, "cannot unmarshal number 1.5"],
    [{ leaseDurationSeconds: 2 ** 31 }, 400, "of type int32"],
    [
      { holderIdentity: 5 },
      400,
      "cannot unmarshal number into Go struct field LeaseSpec.spec.holderIdentity of type string",
    ],
    [{ renewTime: 5 }, 400, "of type string"],
    ["text", 400, "cannot unmarshal string"],
  ])("%j answers %i", (spec, status, message) => {
    const answer = create(spec);
    expect(answer.status).toBe(status);
    expect(answer.body.message).toContain(message);
  });

  test("both problems of one Lease are told at once", () => {
    const { body } = create({ leaseDurationSeconds: 0, leaseTransitions: -1 });
    expect(body.details).toMatchObject({
      causes: [{ field: "spec.leaseDurationSeconds" }, { field: "spec.leaseTransitions" }],
    });
  });

  test("a Lease without a spec, or with null fields, is a Lease that nobody holds", () => {
    expect(create(undefined).body.spec).toEqual({});
    expect(create(null).body.spec).toEqual({});
    expect(create({ holderIdentity: null, renewTime: null, leaseTransitions: 0 }).body.spec).toEqual({
      leaseTransitions: 0,
    });
  });

  test("an empty holder is kept: it is a release and not the same as none", () => {
    expect(create({ holderIdentity: "", leaseDurationSeconds: 1 }).body.spec).toEqual({
      holderIdentity: "",
      leaseDurationSeconds: 1,
    });
  });

  test("strategy and preferredHolder are dropped, as the real server does with its default feature gates", () => {
    expect(create({ strategy: "OldestEmulationVersion", preferredHolder: "x" }).body.spec).toEqual({});
    expect(create({ strategy: 5 }).status).toBe(400);
  });

  test("a patch that makes a Lease nonsense is refused and changes nothing", () => {
    const api = new Api();
    const made = api.made(LEASES, "a", { spec: { leaseDurationSeconds: 15 } });
    for (const spec of [{ leaseDurationSeconds: 0 }, { leaseDurationSeconds: "x" }, { renewTime: "x" }]) {
      expect(api.patch(`${LEASES}/a`, { spec }).status).toBe(422);
    }
    expect(api.get(`${LEASES}/a`).body).toEqual(made);
  });
});
