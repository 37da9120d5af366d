import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reachableAddress } from "../../../src/config/address.ts";
import { formatDuration, parseDuration } from "../../../src/config/duration.ts";
import { handlerProblem, resourceProblem, unversionedResource } from "../../../src/config/fields.ts";
import { nearest } from "../../../src/config/near-miss.ts";
import { fieldSelectorProblem, labelSelectorProblem } from "../../../src/config/selectors.ts";

describe("a duration", () => {
  it.each([
    ["15s", 15_000],
    ["500ms", 500],
    ["1m30s", 90_000],
    ["2h", 7_200_000],
    ["1.5s", 1_500],
    ["0s", 0],
    ["24h", 86_400_000],
    ["0.1s0.2s", 300],
    ["1h0m0.001s", 3_600_001],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    "",
    "15",
    "1.5",
    "s",
    "-1s",
    "+1s",
    "1 s",
    "1S",
    "1d",
    "1us",
    "1s ",
    "1e3s",
    "0x1s",
    "1.s",
    ".5s",
    "1m30",
    "25h",
    "0.0001s",
    "９s",
  ])("%j is refused with a reason that shows it", (text) => {
    const parsed = parseDuration(text);
    expect(typeof parsed === "number" ? "accepted" : parsed.problem).toContain(
      `"${text}"`.replace(/^"(\d+(\.\d+)?)"$/, "$1"),
    );
  });

  it("is written so that it is read back as the same", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 86_400_000 }), (ms) => parseDuration(formatDuration(ms)) === ms));
    expect([0, 15_000, 90_000, 250, 3_661_001].map(formatDuration)).toEqual([
      "0s",
      "15s",
      "1m30s",
      "250ms",
      "1h1m1s1ms",
    ]);
  });
});

describe("where others reach a replica", () => {
  it.each([
    ["0.0.0.0:8080", "10.1.2.3", "10.1.2.3:8080"],
    ["[::]:8080", "10.1.2.3", "10.1.2.3:8080"],
    ["[::]:8080", "fd00::7", "[fd00::7]:8080"],
    ["127.0.0.1:8080", "10.1.2.3", "127.0.0.1:8080"],
    ["0.0.0.0:8080", undefined, "0.0.0.0:8080"],
    ["0.0.0.0:8080", "", "0.0.0.0:8080"],
  ])("%s in the pod %s is %s", (bound, podIp, address) => expect(reachableAddress(bound, podIp)).toBe(address));
});

describe("a selector", () => {
  it.each([
    "app=shop",
    "app==shop",
    "app = shop",
    "tier!=web",
    "a=b,c!=d",
    "app in (a,b)",
    "app notin (a, b)",
    "app",
    "!app",
    "! app",
    "a.b/c=d",
    "x>3",
    "x<10",
    "app=",
    "app in ()",
    "a in (x,y),b,!c",
  ])("%j is a label selector", (selector) => expect(labelSelectorProblem(selector)).toBeUndefined());

  it.each([
    "",
    " ",
    ",",
    "a=b,",
    "=b",
    "a=b=c",
    "a in b",
    "a in (b",
    "a in b)",
    "a of (b)",
    "a=(b)",
    "-a=b",
    "a=b!",
    `a=${"x".repeat(64)}`,
    "A/b/c=d",
    "Up/a=b",
    "x>y",
    "a b",
    "!",
    "!a=b",
    "a=ü",
  ])("%j is none", (selector) => expect(labelSelectorProblem(selector)).toBeDefined());

  it("is split at commas in linear time, whatever it holds", () => {
    expect(labelSelectorProblem(`a in (${"x,".repeat(20_000)}x`)).toBeDefined();
    expect(labelSelectorProblem(`a in (${"x,".repeat(20_000)}x)`)).toBeUndefined();
  });

  it.each(["metadata.name=shop", "spec.nodeName!=a", "a==b,c=d", "status.phase="])(
    "%j is a field selector",
    (selector) => expect(fieldSelectorProblem(selector)).toBeUndefined(),
  );
  it.each(["", "metadata.name", "=x", "a=b,", "a in (b)"])("%j is no field selector", (selector) =>
    expect(fieldSelectorProblem(selector)).toBeDefined(),
  );
});

describe("names", () => {
  it.each([
    "configmaps",
    "deployments.apps",
    "deployments.v1.apps",
    "deployments.apps/v1",
    "widgets.example.com/v1alpha1",
    "pods/v1",
  ])("%s may be a resource", (name) => expect(resourceProblem(name)).toBeUndefined());
  it.each([
    "",
    "Pods",
    "pods/",
    "pods/1",
    "pods/v0",
    "/v1",
    "pods.",
    ".apps",
    "pods status",
    "pods/v1/status",
    "../pods",
    "-pods",
  ])("%j may not", (name) => expect(resourceProblem(name)).toContain(JSON.stringify(name)));
  it("are compared without their version", () => {
    const names = [
      "pods",
      "pods/v1",
      "deployments.apps",
      "deployments.v1.apps",
      "deployments.v1beta1.apps",
      "deployments.apps/v1",
      "a.v1x.b",
    ];
    expect(names.map(unversionedResource)).toEqual([
      "pods",
      "pods",
      ...Array<string>(4).fill("deployments.apps"),
      "a.v1x.b",
    ]);
  });

  it.each(["./a.ts#b", "a.js#b", "../a.mjs#default", "/opt/a.cjs#b", "a b/c.mts#d"])("%s may be a handler", (handler) =>
    expect(handlerProblem(handler)).toBeUndefined(),
  );
  it.each(["", "a.ts", "#b", "a.ts#", "a#b", "a.json#b", "a.ts#b#c", "a.ts#b c", "http://x/a.js#b", "node:fs#x"])(
    "%j may not",
    (handler) => expect(handlerProblem(handler)).toBeDefined(),
  );

  it("that were mistyped are recognised, and wild guesses are not made", () => {
    const keys = ["coordinator", "drainTimeout", "shutdownTimeout", "http"];
    expect(
      ["cordinator", "DRAIN_TIMEOUT", "shutdown-timeout", "htpp", "renewal", "", "x"].map((key) => nearest(key, keys)),
    ).toEqual(["coordinator", "drainTimeout", "shutdownTimeout", "http", undefined, undefined, undefined]);
  });
});
