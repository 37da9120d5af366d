import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXAMPLE_CONFIGURATION } from "../../../src/config/example.ts";
import { type Configuration, loadConfiguration } from "../../../src/config/load.ts";
import { configurationJsonSchema, KNOWN_KEYS } from "../../../src/config/schema.ts";
import { hasCode } from "../../../src/runtime/errors.ts";

/** A right configuration, one key per line, so that the line of a wrong value is known. */
const RIGHT = [
  "coordinator: shop",
  "namespace: default",
  "lease:",
  "  duration: 15s",
  "  renewDeadline: 10s",
  "  retryPeriod: 2s",
  "  clockRatio: 1.25",
  "  renewal: per-member",
  "  proofOfDeath: true",
  "  static: true",
  "drainTimeout: 20s",
  "shutdownTimeout: 25s",
  "onOverrun: exit",
  "leaderElection: shards",
  "rolloutWindow: 10m",
  "respread: 3",
  "http:",
  '  address: "0.0.0.0:8080"',
  "  authorizeMetrics: true",
  "weight: 2",
  "zone: eu-1a",
  "version: v1.4.2",
  "resources:",
  "  - resource: configmaps",
  "    namespaces: [default, shop]",
  "    labelSelector: app=shop",
  "    fieldSelector: metadata.name=shop",
  "    metadataOnly: true",
  "    buckets: 8",
  "    workers: 4",
  "    updates: [generation]",
  "    owns: [deployments.apps]",
  "    watches: [{ resource: secrets, map: ./handlers.ts#ofSecret }]",
  "    reconcileTimeout: 30s",
  "    handler: ./handlers.ts#reconcileConfigMap",
];

function refusal(text: string): string[] {
  try {
    loadConfiguration(text, "electorate.yaml");
  } catch (error) {
    if (!hasCode(error, "invalid-configuration")) throw error;
    return error.message.split("\n").slice(1);
  }
  throw new Error("the configuration was accepted");
}

/** RIGHT with the value of one line replaced; the key is what stands before the first colon. */
function withLine(key: string, value: string): { text: string; line: number } {
  const index = RIGHT.findIndex((line) => line.trim().replace(/^- /, "").startsWith(`${key}:`));
  if (index < 0) throw new Error(`no line for ${key}`);
  const lines = RIGHT.map((line, at) => (at === index ? `${line.slice(0, line.indexOf(":"))}: ${value}` : line));
  return { text: lines.join("\n"), line: index + 1 };
}

const R = "resources[0]";
/** Line to change, wrong value, path that must be named, what the message must say. */
const WRONG: readonly (readonly [key: string, value: string, path: string, says: RegExp])[] = [
  ["coordinator", "", "coordinator", /must be a name.*but is empty/],
  ["coordinator", "42", "coordinator", /is the number 42/],
  ["coordinator", "Shop", "coordinator", /DNS label.*"Shop"/],
  ["coordinator", "shop_1", "coordinator", /"shop_1"/],
  ["coordinator", "a".repeat(64), "coordinator", /at most 63 characters/],
  ["coordinator", "-shop", "coordinator", /"-shop"/],
  ["namespace", "kube system", "namespace", /DNS label.*"kube system"/],
  ["namespace", "[a]", "namespace", /a list of 1/],
  ["duration", "15", "lease.duration", /bare number 15; write 15s.*15ms/],
  ["duration", '"15"', "lease.duration", /bare number 15/],
  ["duration", "15 seconds", "lease.duration", /"15 seconds"/],
  ["duration", "-15s", "lease.duration", /"-15s"/],
  ["duration", "15500ms", "lease.duration", /whole seconds.*15500/],
  ["duration", "0s", "lease.duration", /longer than 0/],
  ["duration", "12s", "lease.duration", /too little time to stop work.*12000 ms.*10000 ms/],
  ["duration", "25h", "lease.duration", /at most 24h/],
  ["duration", "true", "lease.duration", /the boolean true/],
  ["renewDeadline", "10", "lease.renewDeadline", /bare number/],
  ["renewDeadline", "2s", "lease.renewDeadline", /1.2 x retryPeriod/],
  ["retryPeriod", "2sec", "lease.retryPeriod", /"2sec"/],
  ["retryPeriod", "0ms", "lease.retryPeriod", /longer than 0/],
  ["renewal", "per-lease", "lease.renewal", /"per-shard" or "per-member".*"per-lease"/],
  ["clockRatio", '"1.25"', "lease.clockRatio", /the string "1.25"/],
  ["clockRatio", "0.9", "lease.clockRatio", /between 1 and 2.*0.9/],
  ["clockRatio", ".nan", "lease.clockRatio", /NaN/],
  ["clockRatio", "2.5", "lease.clockRatio", /between 1 and 2/],
  ["drainTimeout", "20", "drainTimeout", /bare number 20/],
  ["drainTimeout", "26s", "drainTimeout", /drainTimeout \(26s\) is longer than shutdownTimeout \(25s\)/],
  ["drainTimeout", "0.5ms", "drainTimeout", /whole milliseconds/],
  ["shutdownTimeout", "[25s]", "shutdownTimeout", /a list/],
  ["shutdownTimeout", "0s", "shutdownTimeout", /longer than 0s/],
  ["onOverrun", "crash", "onOverrun", /"exit" or "report".*"crash"/],
  ["leaderElection", "false", "leaderElection", /"shards" or "none".*the boolean false/],
  ["rolloutWindow", "10", "rolloutWindow", /bare number 10/],
  ["rolloutWindow", "25h", "rolloutWindow", /at most 24h/],
  ["respread", "0", "respread", /from 1 to 1000, but is 0/],
  ["respread", "yes", "respread", /the string "yes"/],
  ["address", "8080", "http.address", /the number 8080/],
  ["address", '"8080"', "http.address", /"host:port"/],
  ["address", '"0.0.0.0:70000"', "http.address", /between 0 and 65535/],
  ["authorizeMetrics", "1", "http.authorizeMetrics", /true or false, but is the number 1/],
  ["resource", "ConfigMap", `${R}.resource`, /plural.*"ConfigMap"/],
  ["resource", "configmaps/latest", `${R}.resource`, /"configmaps\/latest"/],
  ["resource", "", `${R}.resource`, /empty/],
  ["resource", "7", `${R}.resource`, /the number 7/],
  ["namespaces", "default", `${R}.namespaces`, /a list of namespaces.*the string "default"/],
  ["namespaces", "[]", `${R}.namespaces`, /leave the key out for all/],
  ["namespaces", "[default, default]", `${R}.namespaces[1]`, /"default" again/],
  ["namespaces", "[default, Shop]", `${R}.namespaces[1]`, /"Shop"/],
  ["namespaces", "[default, 1]", `${R}.namespaces[1]`, /the number 1/],
  ["proofOfDeath", "1", "lease.proofOfDeath", /true or false, but is the number 1/],
  ["static", '"yes"', "lease.static", /true or false, but is the string "yes"/],
  ["weight", "0", "weight", /from 1 to 1000, but is 0/],
  ["weight", "1.5", "weight", /1\.5/],
  ["weight", '"2"', "weight", /the string "2"/],
  ["zone", "7", "zone", /the name of a zone such as eu-1a, but is the number 7/],
  ["zone", '" "', "zone", /is empty; leave the key out/],
  ["version", "1.4", "version", /the number 1.4/],
  ["version", `"${"v".repeat(254)}"`, "version", /at most 253 characters/],
  ["labelSelector", '"app=shop,"', `${R}.labelSelector`, /empty requirement/],
  ["labelSelector", '"app in (a"', `${R}.labelSelector`, /app in \(a/],
  ["labelSelector", '"app=a b"', `${R}.labelSelector`, /app=a b/],
  ["labelSelector", '""', `${R}.labelSelector`, /leave the key out/],
  ["labelSelector", "{app: shop}", `${R}.labelSelector`, /a map/],
  ["fieldSelector", "metadata.name", `${R}.fieldSelector`, /metadata.name=shop/],
  ["metadataOnly", '"yes"', `${R}.metadataOnly`, /true or false.*"yes"/],
  ["buckets", "0", `${R}.buckets`, /from 1 to 1024, but is 0/],
  ["buckets", "1025", `${R}.buckets`, /1025/],
  ["buckets", "2.5", `${R}.buckets`, /2.5/],
  ["buckets", '"8"', `${R}.buckets`, /the string "8"/],
  ["workers", "0", `${R}.workers`, /from 1 to 1000, but is 0/],
  ["workers", "1001", `${R}.workers`, /1001/],
  ["workers", "many", `${R}.workers`, /"many"/],
  ["updates", "[spec]", `${R}.updates[0]`, /"generation", "labels" or "annotations".*"spec"/],
  ["owns", "deployments.apps", `${R}.owns`, /a list of resources such as \[deployments.apps\]/],
  ["watches", "[{ resource: secrets }]", `${R}.watches[0].map`, /is required: give a module and its export/],
  ["reconcileTimeout", "30", `${R}.reconcileTimeout`, /30s for seconds/],
  ["handler", "./handlers.ts", `${R}.handler`, /names no export/],
  ["handler", '"#reconcile"', `${R}.handler`, /names no module/],
  ["handler", "./handlers#reconcile", `${R}.handler`, /no .js, .mjs/],
  ["handler", "https://example.com/a.js#x", `${R}.handler`, /by a URL/],
  ["handler", "[]", `${R}.handler`, /a list of 0/],
];

describe("every field of the YAML, wrong in turn, is named with its line", () => {
  it.each(WRONG)("%s: %s", (key, value, path, says) => {
    const { text, line } = withLine(key, value);
    const problems = refusal(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^electorate\\.yaml:${line}:\\d+ `));
    expect(problems[0]).toContain(` ${path}: `);
    expect(problems[0]).toMatch(says);
  });

  it("covers every key that there is", () => {
    const tried = new Set(WRONG.map(([key]) => key));
    const parents = new Set(["lease", "http", "queue", "resources"]);
    // Those of the queue, and of owned and watched kinds, have tests of their own.
    const places = [...KNOWN_KEYS].filter(([place]) => !/^(?:queue|resources\[\]\.)/.test(place));
    const keys = places.flatMap(([, names]) => names).filter((key) => !parents.has(key));
    expect(keys.filter((key) => !tried.has(key))).toEqual([]);
  });

  it.each([
    ["lease", "15s", /a map with duration/],
    ["lease", "[1]", /a map with duration/],
    ["http", "true", /a map with address/],
    ["resources", "configmaps", /a list of resources/],
    ["resources", "[]", /at least one resource/],
    ["resources", "[configmaps]", /a map with resource and handler/],
  ])("%s: %s instead of its map or list", (key, value, says) => {
    const lines = [
      ...(key === "resources" ? [] : ["resources: [{resource: pods, handler: a.ts#b}]"]),
      "coordinator: shop",
      `${key}: ${value}`,
    ];
    const problems = refusal(lines.join("\n"));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^electorate\\.yaml:${lines.length}:\\d+ ${key}`));
    expect(problems[0]).toMatch(says);
  });
});

describe("a configuration", () => {
  it("lists every problem at once, in the order of the lines, so that nobody fixes them one by one", () => {
    const problems = refusal(
      [
        "coordinator: Shop",
        "drainTimeout: 5m",
        "lease: { duration: 14s, renewDeadline: 12s }",
        "resources:",
        "  - { resource: pods, buckets: 0 }",
      ].join("\n"),
    );
    expect(problems.map((line) => line.replace(/^electorate.yaml:(\d+):\d+ ([^:]+): .*/, "$1 $2"))).toEqual([
      "1 coordinator",
      "2 drainTimeout",
      "3 lease.duration",
      "5 resources[0].handler",
      "5 resources[0].buckets",
    ]);
  });

  it("says which required key is missing, and where", () => {
    expect(refusal("namespace: a\nresources:\n  - buckets: 2\n")).toEqual([
      expect.stringMatching(/^electorate.yaml:1:1 coordinator: is required: give a name such as shop$/),
      expect.stringMatching(/^electorate.yaml:3:5 resources\[0\].resource: is required/),
      expect.stringMatching(/^electorate.yaml:3:5 resources\[0\].handler: is required/),
    ]);
    expect(refusal("coordinator: shop")).toEqual([expect.stringMatching(/:1:1 resources: is required/)]);
  });

  it.each([
    ["drain-timeout: 5s", "drain-timeout", /did you mean "drainTimeout"\?/],
    ["ressources: []", "ressources", /did you mean "resources"\?/],
    ["duration: 15s", "duration", /it belongs in lease/],
    ["lease: { renewdeadline: 9s }", "lease.renewdeadline", /did you mean "renewDeadline"\?/],
    ["lease: { drainTimeout: 9s }", "lease.drainTimeout", /it belongs at the top level/],
    ["renewal: per-member", "renewal", /it belongs in lease/],
    ["replicas: 3", "replicas", /remove it \(keys here: coordinator, namespace/],
    ["__proto__: {}", "__proto__", /is not a key/],
  ])("refuses the unknown key of %j, and says what was probably meant", (line, path, says) => {
    const problems = refusal(`coordinator: shop\nresources: [{resource: pods, handler: a.ts#b}]\n${line}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^electorate.yaml:3:\d+ /);
    expect(problems[0]).toContain(` ${path}: `);
    expect(problems[0]).toMatch(says);
  });

  it("refuses a key that is given twice, because the last would win silently", () => {
    const problems = refusal(
      "coordinator: shop\nresources:\n  - resource: pods\n    buckets: 2\n    buckets: 4\n    handler: a.ts#b\n",
    );
    expect(problems).toEqual([expect.stringMatching(/^electorate.yaml:5:5 resources\[0\].buckets: is given twice/)]);
  });

  it("refuses one resource in two entries, however its version is written", () => {
    const text = ["deployments.apps", "deployments.v1.apps", "deployments.apps/v1", "pods", "pods/v1"].map(
      (resource) => `  - { resource: ${resource}, handler: a.ts#b }`,
    );
    const problems = refusal(["coordinator: shop", "resources:", ...text].join("\n"));
    expect(problems.map((line) => Number(/yaml:(\d+)/.exec(line)?.[1]))).toEqual([4, 5, 7]);
    expect(problems[0]).toContain("resources[0] has already");
  });

  it("refuses names whose Leases could not exist", () => {
    const group = `${"g".repeat(60)}.${"h".repeat(60)}.${"i".repeat(60)}`;
    const problems = refusal(
      `coordinator: ${"a".repeat(63)}\nresources:\n  - { resource: widgets.${group}, handler: a.ts#b }`,
    );
    expect(problems).toEqual([expect.stringMatching(/resources\[0\].resource: .*not a DNS subdomain of at most 253/)]);
  });

  it.each([
    ["", /is empty/],
    ["# nothing\n", /is empty/],
    ["- a\n", /must be a map/],
    ["a: [1\nb: 2\n", /:2:1 is not YAML/],
    ["a: *x\n", /is not YAML: Unresolved alias/],
    ["a: 1\n---\nb: 2\n", /:2:1 a second document|:3:1 a second document/],
    ["\tcoordinator: x\n", /is not YAML/],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\n${["b", "c", "d", "e"].map((key, index) => `${key}: &${key} [${`*${"abcd"[index]},`.repeat(9)}]\n`).join("")}`,
      /is not YAML/,
    ],
  ])("of %j is refused in a line", (text, says) => {
    const problems = refusal(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(says);
  });

  it("never throws anything but its refusal, whatever text it is given", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.json(), fc.stringMatching(/^[-a-z:{}[\], \n&*?|>#"'0-9]{0,60}$/)),
        (text) => {
          try {
            loadConfiguration(text, "f.yaml");
          } catch (error) {
            expect(hasCode(error, "invalid-configuration")).toBe(true);
            expect(String(error)).toContain("f.yaml");
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a right configuration", () => {
  it("is complete with defaults, and its modules are looked for beside it", () => {
    const configuration = loadConfiguration(
      "coordinator: shop\nresources:\n  - { resource: pods, handler: ../h.mjs#default }\n",
      "/etc/shop/electorate.yaml",
    );
    expect(configuration).toEqual({
      coordinator: "shop",
      namespace: undefined,
      lease: {
        durationMs: 15_000,
        renewDeadlineMs: 10_000,
        retryPeriodMs: 2_000,
        clockRatio: 1.25,
        renewal: "per-shard",
        proofOfDeath: false,
        static: false,
      },
      drainTimeoutMs: 20_000,
      shutdownTimeoutMs: 25_000,
      onOverrun: "exit",
      leaderElection: "shards",
      rolloutWindowMs: 600_000,
      respread: undefined,
      httpAddress: "0.0.0.0:8080",
      authorizeMetrics: false,
      weight: 1,
      zone: undefined,
      version: undefined,
      queue: undefined,
      resources: [
        {
          resource: "pods",
          namespaces: undefined,
          labelSelector: undefined,
          fieldSelector: undefined,
          metadataOnly: false,
          updates: undefined,
          buckets: 1,
          workers: 1,
          owns: [],
          watches: [],
          reconcileTimeoutMs: undefined,
          handler: {
            file: "/etc/h.mjs",
            exportName: "default",
            place: "/etc/shop/electorate.yaml:3:32 resources[0].handler",
          },
        },
      ],
    } satisfies Configuration);
  });

  it("is the example, with every key that there is", () => {
    const configuration = loadConfiguration(EXAMPLE_CONFIGURATION, "electorate.yaml");
    expect(configuration).toMatchObject({
      coordinator: "shop",
      resources: [{ buckets: 8, workers: 4, namespaces: ["default"] }],
    });
    for (const key of [...KNOWN_KEYS.values()].flat()) expect(EXAMPLE_CONFIGURATION).toMatch(new RegExp(`\\b${key}:`));
  });

  it("reads durations as Kubernetes writes them, flow and block style, anchors and comments", () => {
    const text =
      "coordinator: shop # the shop\nlease: {duration: 60s, renewDeadline: 40s, retryPeriod: 1.5s}\ndrainTimeout: &d 1m30s\nshutdownTimeout: *d\nhttp: {address: none}\nresources:\n- resource: widgets.example.com/v1\n  handler: /opt/h.js#a\n";
    expect(loadConfiguration(text, "e.yaml")).toMatchObject({
      lease: { durationMs: 60_000, renewDeadlineMs: 40_000, retryPeriodMs: 1_500 },
      drainTimeoutMs: 90_000,
      shutdownTimeoutMs: 90_000,
      httpAddress: undefined,
      resources: [{ resource: "widgets.example.com/v1", handler: { file: "/opt/h.js", exportName: "a" } }],
    });
  });

  it("has a JSON Schema that names every key", () => {
    const schema = JSON.stringify(configurationJsonSchema());
    for (const key of [...KNOWN_KEYS.values()].flat()) expect(schema).toContain(`"${key}":`);
  });
});
