import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { flagsOf } from "../../../src/cli/overrides.ts";
import { EXAMPLE_CONFIGURATION } from "../../../src/config/example.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { type Ended, electorate as run } from "../../support/command.ts";

let folder = "";
const servers: Server[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "command-"));
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

function electorate(args: readonly string[], nodeArguments: readonly string[] = []): Promise<Ended> {
  return run(args, { cwd: folder, nodeArguments });
}

/** Answers every request alike, as an API server would. */
async function apiServer(status: number, body: unknown): Promise<{ kubeconfig: string; urls: string[] }> {
  const urls: string[] = [];
  const server = createServer((request, response) => {
    urls.push(request.url ?? "");
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  const kubeconfig = join(folder, `kubeconfig-${port}`);
  await writeFile(
    kubeconfig,
    `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "http://127.0.0.1:${port}" } }]
users: [{ name: u, user: { token: hush } }]
contexts: [{ name: x, context: { cluster: c, user: u, namespace: web } }]
current-context: x
`,
  );
  return { kubeconfig, urls };
}

describe("the command line", () => {
  it("says its version and helps, with examples and exit codes, as a success", async () => {
    const answers = await Promise.all(
      ["--version", "--help", "run --help", "status --help", "config --help"].map((line) =>
        electorate(line.split(" ")),
      ),
    );
    for (const { code, stderr } of answers) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(answers[0]?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const { stdout } of answers.slice(1, 4)) expect(stdout).toMatch(/Examples:[\s\S]*Exit codes:\n {2}0 /);
  });

  it.concurrent.each([
    ["rnu", /Did you mean run\?/],
    ["run --confg a.yaml", /unknown option '--confg'[\s\S]*Did you mean --config\?/],
    ["run", /--config <file>/],
    ["run -c absent.yaml", /cannot read absent\.yaml: there is no such file/],
    ["run -c .", /it is a folder/],
    ["run -c a.yaml --leader-elect=maybe", /true or false/],
    ["run -c a.yaml --log-level loud", /Allowed choices are debug, info/],
    ["run -c a.yaml more", /too many arguments/],
    ["status -o tabel", /Allowed choices are table, wide, json, yaml/],
    ["status --coordinator a --config b", /cannot be used with/],
    ["status --kubeconfig absent", /absent/],
    ["config check", /--config <file>/],
  ])("refuses `electorate %s` with exit code 2, naming the remedy", async (line, says) => {
    const { code, stdout, stderr } = await electorate(line.split(" "));
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("answers an old Node with one line, not with a stack from a dependency", async () => {
    const old = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.18.9"}})`;
    const { code, stdout, stderr } = await electorate(["demo"], ["--import", old]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^electorate needs Node\.js 22\.19 or newer, but this is 22\.18\.9;[^\n]*\n$/);
  });
});

describe("electorate run", () => {
  it("lists every problem of the configuration before anything is started", async () => {
    await writeFile(
      join(folder, "wrong.yaml"),
      "coordinator: Shop\nresources:\n  - resource: pods\n    buckets: 0\n    handler: a.ts#b\n",
    );
    const { code, stderr } = await electorate(["run", "-c", "wrong.yaml"]);
    expect(code).toBe(2);
    expect(stderr.split("\n").slice(0, 3)).toEqual([
      "error: wrong.yaml has 2 problems:",
      expect.stringMatching(/^wrong\.yaml:1:14 coordinator: .*"Shop"/),
      expect.stringMatching(/^wrong\.yaml:4:14 resources\[0\]\.buckets: .*0/),
    ]);
  });

  it("says which handler is missing, with its place in the YAML", async () => {
    await writeFile(join(folder, "handlers.mjs"), "export const reconcilePods = async () => {};");
    await writeFile(
      join(folder, "typo.yaml"),
      "coordinator: shop\nresources:\n  - resource: pods\n    handler: ./handlers.mjs#reconcilePod\n",
    );
    for (const args of [["run"], ["config", "check"]]) {
      const { code, stderr } = await electorate([...args, "-c", "typo.yaml"]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: typo\.yaml:4:14 resources\[0\]\.handler: .*did you mean "reconcilePods"\?/);
    }
  });
});

describe("the flags of controller-runtime and client-go", () => {
  const load = (overrides: Parameters<typeof flagsOf>[0], text = EXAMPLE_CONFIGURATION) =>
    loadConfiguration(text, "e.yaml", flagsOf(overrides));
  const problemsOf = (overrides: Parameters<typeof flagsOf>[0], text?: string): string[] => {
    try {
      load(overrides, text);
      return [];
    } catch (error) {
      return error instanceof Error ? error.message.split("\n") : [];
    }
  };

  it("go after the configuration, or change what they do not name", () => {
    const configuration = load({});
    expect(
      load({
        leaderElectLeaseDuration: "60s",
        leaderElectRenewDeadline: "40s",
        leaderElectRetryPeriod: "5s",
        leaderElectResourceLock: "leases",
        leaderElectResourceName: "orders",
        leaderElectResourceNamespace: "prod",
        httpAddress: "127.0.0.1:0",
      }),
    ).toEqual({
      ...configuration,
      coordinator: "orders",
      namespace: "prod",
      lease: { ...configuration.lease, durationMs: 60_000, renewDeadlineMs: 40_000, retryPeriodMs: 5_000 },
      httpAddress: "127.0.0.1:0",
    });
  });

  it("switch the election the wrong way, by either of its names", () => {
    const off = EXAMPLE_CONFIGURATION.replace("leaderElection: shards", "leaderElection: none");
    for (const name of ["leaderElect", "enableLeaderElection"] as const) {
      expect(load({ [name]: false }).leaderElection).toBe("none");
      expect(load({ [name]: true }, off).leaderElection).toBe("shards");
    }
    expect(load({ httpAddress: "none" }).httpAddress).toBeUndefined();
    expect(load({}, off).leaderElection).toBe("none");
    expect(problemsOf({ leaderElect: true, enableLeaderElection: false })).toEqual([
      "the command line with e.yaml has 1 problem:",
      "--enable-leader-election: says the opposite of --leader-elect, which is its newer name; give one of them",
    ]);
  });

  it("hide a problem behind another, or blame the file for what a flag says", () => {
    const wrong = EXAMPLE_CONFIGURATION.replace("buckets: 8", "buckets: 0");
    const [title, ...problems] = problemsOf(
      {
        leaderElectLeaseDuration: "15",
        leaderElectResourceName: "Shop",
        leaderElectResourceLock: "configmaps",
        httpAddress: "8080",
      },
      wrong,
    );
    expect(title).toBe("the command line with e.yaml has 5 problems:");
    expect(problems).toEqual([
      expect.stringMatching(/^--leader-elect-resource-lock: must be "leases", .*"configmaps".*runLeaderElection/),
      expect.stringMatching(/^--leader-elect-resource-name: .*"Shop"/),
      expect.stringMatching(/^--leader-elect-lease-duration: must be a duration with a unit.*15s/),
      expect.stringMatching(/^--http-address: .*8080/),
      expect.stringMatching(/^e\.yaml:\d+:\d+ resources\[0\]\.buckets: .*0/),
    ]);
  });

  it("do not fit to what the file says, and nobody is told which of them", () => {
    expect(problemsOf({ leaderElectRenewDeadline: "14s" })).toEqual([
      "the command line with e.yaml has 1 problem:",
      expect.stringMatching(/^--leader-elect-renew-deadline: lease\.duration leaves too little time/),
    ]);
    expect(problemsOf({ leaderElectRetryPeriod: "9s" })[1]).toMatch(
      /^--leader-elect-retry-period: lease\.renewDeadline must be longer than 1\.2 x retryPeriod/,
    );
  });

  it("give a configuration what it lacks, or are lost in one that is none", () => {
    const small = "resources: [{ resource: pods, handler: ./h.js#f }]\n";
    expect(load({ leaderElectResourceName: "shop", leaderElectRetryPeriod: "1s" }, small)).toMatchObject({
      coordinator: "shop",
      lease: { retryPeriodMs: 1_000 },
    });
    expect(problemsOf({ leaderElectRetryPeriod: "1s" }, `coordinator: shop\nlease: 5\n${small}`)).toEqual([
      "e.yaml has 1 problem:",
      expect.stringMatching(/^e\.yaml:2:8 lease: must be a map/),
    ]);
  });
});

describe("electorate config", () => {
  it("prints an example and a schema, and finds a right configuration right", async () => {
    const [example, schema] = await Promise.all([electorate(["config", "example"]), electorate(["config", "schema"])]);
    expect(example.stdout).toBe(EXAMPLE_CONFIGURATION);
    expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object", required: ["coordinator", "resources"] });
    await writeFile(
      join(folder, "handlers.js"),
      "export const reconcileConfigMap = async () => {}; export const configMapsOfSecret = () => []; setInterval(() => {}, 1000);",
    );
    await writeFile(join(folder, "right.yaml"), example.stdout);
    const check = await electorate(["config", "check", "--config", "right.yaml"]);
    expect(check).toEqual({
      code: 0,
      stdout: "right.yaml is right: coordinator shop, 8 shards of configmaps\n",
      stderr: "",
    });
  });
});

describe("electorate status", () => {
  const list = (items: unknown[]) => ({
    kind: "LeaseList",
    apiVersion: "coordination.k8s.io/v1",
    metadata: { resourceVersion: "7" },
    items,
  });
  const shardLease = {
    metadata: {
      name: "shop-pods-00",
      namespace: "web",
      uid: "u",
      resourceVersion: "5",
      labels: { "electorate.dev/coordinator": "shop", "electorate.dev/role": "shard" },
    },
    spec: { holderIdentity: "", leaseDurationSeconds: 1 },
  };

  it("lists the Leases of the context's namespace, and nothing else", async () => {
    const { kubeconfig, urls } = await apiServer(200, list([shardLease]));
    const { code, stdout, stderr } = await electorate(["status", "--coordinator", "shop", "--kubeconfig", kubeconfig]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Coordinator shop in namespace web [\s\S]*\npods-00 +- +released/);
    expect(urls).toHaveLength(1);
    expect(urls[0]).toMatch(/^\/apis\/coordination\.k8s\.io\/v1\/namespaces\/web\/leases\?.*labelSelector=/);
    const json = await electorate(["status", "-o", "json", "-n", "other", "--kubeconfig", kubeconfig]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      coordinators: [{ coordinator: "shop", namespace: "other", shards: [{ shard: "pods-00" }] }],
    });
  });

  it("names the coordinators that there are when the one asked for is not there", async () => {
    const { kubeconfig } = await apiServer(200, list([]));
    const missing = await electorate(["status", "--coordinator", "shop", "--kubeconfig", kubeconfig]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^error: no Lease of coordinator "shop" is in namespace web: there is none/);
    const none = await electorate(["status", "--kubeconfig", kubeconfig]);
    expect(none.code).toBe(0);
    expect(none.stdout).toMatch(/no coordinator in namespace web/);
  });

  it("names a missing permission by verb and resource, and bad credentials as such, never showing the token", async () => {
    const status = (code: number, reason: string, message: string) => ({
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      code,
      reason,
      message,
    });
    const forbidden = await apiServer(
      403,
      status(403, "Forbidden", 'leases.coordination.k8s.io is forbidden: User "u" cannot list resource "leases"'),
    );
    const denied = await electorate(["status", "--kubeconfig", forbidden.kubeconfig]);
    expect(denied.code).toBe(1);
    expect(denied.stderr).toMatch(
      /may not list leases\.coordination\.k8s\.io in namespace "web"[\s\S]*--verb=list --resource=leases\.coordination\.k8s\.io/,
    );
    const unauthorized = await apiServer(401, status(401, "Unauthorized", "Unauthorized"));
    const refused = await electorate(["status", "--kubeconfig", unauthorized.kubeconfig]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/credentials were not accepted/);
    expect(denied.stderr + refused.stderr).not.toContain("hush");
  });

  it("says that nobody answers when nobody does", async () => {
    const { kubeconfig } = await apiServer(200, list([]));
    const server = servers.at(-1);
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
    const { code, stderr } = await electorate(["status", "--kubeconfig", kubeconfig]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/did not answer: check that it runs/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
