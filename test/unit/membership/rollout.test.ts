import { describe, expect, it } from "vitest";
import { NO_ROLLOUT, observeVersions, rolloutEndMs } from "../../../src/membership/rollout.ts";

const WINDOW = 600_000;
const of = (...versions: readonly string[]) => versions.map((version) => ({ version }));

describe("how long two versions are alive together", () => {
  it("one version is a rollout", () => {
    expect(rolloutEndMs(NO_ROLLOUT, WINDOW)).toBe(Number.POSITIVE_INFINITY);
    expect(rolloutEndMs(observeVersions(NO_ROLLOUT, of("v1", "v1"), 5), WINDOW)).toBe(Number.POSITIVE_INFINITY);
  });

  it("a member that comes or goes without changing the versions begins the window anew", () => {
    const begun = observeVersions(NO_ROLLOUT, of("v1", "v2"), 1_000);
    const later = observeVersions(begun, of("v2", "v1", "v2"), 300_000);
    expect(later).toBe(begun);
    expect(rolloutEndMs(later, WINDOW)).toBe(601_000);
  });

  it("a second rollout on top of the first has no window of its own", () => {
    const first = observeVersions(NO_ROLLOUT, of("v1", "v2"), 1_000);
    const second = observeVersions(first, of("v2", "v3"), 500_000);
    expect(rolloutEndMs(second, WINDOW)).toBe(1_100_000);
    expect(rolloutEndMs(observeVersions(second, of("v3"), 600_000), WINDOW)).toBe(Number.POSITIVE_INFINITY);
  });
});
