import { afterEach, describe, expect, it, vi } from "vitest";
import { settingsOf } from "../../../src/config/settings.ts";

const options = {
  coordinator: "shop",
  resources: [{ resource: "configmaps", reconcile: async () => {} }],
};

afterEach(() => vi.unstubAllEnvs());

describe("a resource", () => {
  it("that is told of events in a wrong way is taken, or its problems are told one after the other", () => {
    const wrong = {
      resource: "configmaps",
      reconcile: async () => {},
      updates: ["generation"],
      owns: ["secrets", { resource: "pods", updates: true }],
      watches: [{ resource: "nodes", map: "./handlers.ts#map", updates: "labels" }],
      sources: [[]],
      reconcileTimeoutMs: 0,
      rateLimiter: { kind: "item-fixed", delayMs: 0 },
    };
    const places = [
      "reconcileTimeout must be longer than 0",
      "rateLimiter.delayMs must be a finite number of at least 1",
      "updates must be a function such as generationChanged, but is a list",
      "owns\\[1\\].updates must be a function such as generationChanged, but is boolean",
      "watches\\[0\\].updates must be a function such as generationChanged, but is string",
      "watches\\[0\\].map must be a function, but is string",
      "sources\\[0\\] must be an async iterable, but is a list",
    ];
    expect(() => settingsOf({ ...options, resources: [wrong as never] })).toThrow(
      new RegExp(places.map((place) => `resources\\[0\\]\\.${place}`).join("[^\\n]*\\n +")),
    );
  });
});

describe("what a replica knows of itself", () => {
  it("its environment goes before what its program says, or is not read at all", () => {
    vi.stubEnv("ELECTORATE_ZONE", "eu-1a");
    vi.stubEnv("POD_TEMPLATE_HASH", "7f9c");
    expect(settingsOf(options).traits).toEqual({ weight: 1, zone: "eu-1a", version: "7f9c" });
    expect(settingsOf({ ...options, weight: 2, zone: "b", version: "v2" }).traits).toEqual({
      weight: 2,
      zone: "b",
      version: "v2",
    });
  });

  it("its Pod is asked for although deaths are not to be proven", () => {
    expect(settingsOf(options).pod).toBeUndefined();
    expect(settingsOf({ ...options, lease: { proofOfDeath: false } }).pod).toBeUndefined();
  });

  it("deaths are to be proven by a Pod that nobody knows, and a dead replica is waited for without a word", () => {
    vi.stubEnv("POD_NAME", "shop-0");
    vi.stubEnv("POD_NAMESPACE", "");
    vi.stubEnv("CONTAINER_NAME", undefined);
    const lease = { proofOfDeath: true };
    expect(() => settingsOf({ ...options, lease })).toThrow(
      /lease\.proofOfDeath needs to know the container of this process: set POD_NAMESPACE, CONTAINER_NAME in its environment/,
    );
    vi.stubEnv("POD_NAMESPACE", "web");
    vi.stubEnv("CONTAINER_NAME", "manager");
    expect(settingsOf({ ...options, lease }).pod).toMatchObject({
      name: "shop-0",
      namespace: "web",
      container: "manager",
    });
  });
});
