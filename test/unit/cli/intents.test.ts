import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createCoordinator } from "../../../src/coordinator.ts";
import { type EmbeddedApiServer, type RequestRecord, startApiServer } from "../../../src/embedded/index.ts";
import { type KubernetesObject, LEASES } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { connect, type KubeConnection } from "../../../src/kube/connection.ts";
import { ANNOTATION_FREEZE, ANNOTATION_INTENT, ANNOTATION_PIN } from "../../../src/lease/names.ts";
import { parseLease } from "../../../src/lease/record.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { type Ended, electorate } from "../../support/command.ts";
import { until } from "../../support/waiting.ts";

/** The commands as processes, against an API server on which two replicas run. */

const LEASE = { durationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 500 };
const BUCKETS = 6;

let folder = "";
let server: EmbeddedApiServer;
let connection: KubeConnection;
const requests: RequestRecord[] = [];
const stop = new AbortController();
let ended: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "intents-"));
  const tokens = { all: { name: "operator" }, reader: { name: "reader" } };
  const authorize = ({ user, verb }: { user: { name: string }; verb: string }): boolean =>
    user.name !== "reader" || verb === "list";
  server = await startApiServer({ tokens, authorize, onRequest: (record) => void requests.push(record) });
  for (const token of Object.keys(tokens)) await writeFile(join(folder, token), server.kubeconfig(token).text);
  connection = await connect({ component: "replicas", content: server.kubeconfig().object });
  const replicas = ["shop-0", "shop-1"].map((identity) =>
    createCoordinator({
      coordinator: "shop",
      identity,
      connection,
      telemetry: silentTelemetry,
      lease: LEASE,
      resources: [{ resource: "configmaps", buckets: BUCKETS, reconcile: async () => {} }],
    }).run(stop.signal),
  );
  ended = Promise.all(replicas);
  await evenSpread();
});

afterAll(async () => {
  stop.abort();
  await ended;
  await connection.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => void requests.splice(0));

/** Whatever became of a test, the next one finds a fleet of which nothing is asked. */
afterEach(async () => {
  const annotations = Object.fromEntries(
    [ANNOTATION_INTENT, ANNOTATION_PIN, ANNOTATION_FREEZE].map((name) => [name, null]),
  );
  for (const { metadata } of await leases()) {
    if (Object.keys(annotations).every((name) => metadata.annotations?.[name] === undefined)) continue;
    await client().patch(LEASES, "default", metadata.name, { metadata: { annotations } });
  }
  await evenSpread();
});

function ask(line: string, token = "all"): Promise<Ended> {
  return electorate([...line.split(" "), "--kubeconfig", join(folder, token)]);
}

function client(): KubeClient {
  return new KubeClient(connection.objects, { deadlineMs: 5_000 });
}

async function leases(): Promise<KubernetesObject[]> {
  return (await client().list(LEASES, { namespace: "default" })).objects;
}

async function evenSpread(): Promise<void> {
  await until("an even spread", 20_000, async () => (await heldBy("shop-0")) === 3 && (await heldBy("shop-1")) === 3);
}

async function heldBy(name: string): Promise<number> {
  const shards = (await leases()).filter(({ metadata }) => metadata.name.includes("configmaps"));
  return shards.filter((lease) => parseLease(lease).record.holder.startsWith(`${name}_`)).length;
}

/** What the command itself wrote. */
function written(): string[] {
  return requests
    .filter(({ userAgent, verb }) => userAgent.includes("operator") && !["list", "watch"].includes(verb))
    .map(({ verb, name, status }) => `${verb} ${name?.replace(/member-.*/, "member") ?? "a Lease"} ${status}`);
}

describe("commands on a running fleet", () => {
  it("drain ends before the member holds nothing, or asks twice, or touches more than an annotation", async () => {
    const drained = await ask("drain shop-1 --wait --timeout 20s");
    expect(drained).toMatchObject({ code: 0, stderr: "" });
    expect(drained.stdout).toMatch(
      /^shop-1 is asked to drain: 3 shards will move to shop-0\.\n[\s\S]*shop-1 holds no shard: it may be stopped, or take part again with uncordon\n$/,
    );
    expect([await heldBy("shop-0"), await heldBy("shop-1")]).toEqual([BUCKETS, 0]);
    expect(written()).toEqual(["patch shop-member 200"]);
    const again = await ask("drain shop-1 --coordinator shop -o json");
    expect(JSON.parse(again.stdout)).toMatchObject({ coordinator: "shop", changed: false, moves: [], value: "drain" });
    expect(written()).toEqual(["patch shop-member 200"]);

    const back = await ask("uncordon shop-1 --wait --timeout 20s -o json");
    expect(back.code).toBe(0);
    expect(JSON.parse(back.stdout)).toMatchObject({ changed: true, value: null, waited: { done: true } });
    expect([await heldBy("shop-0"), await heldBy("shop-1")]).toEqual([3, 3]);
  });

  it("pin ends before the shard is where it was asked for, or moves others than it says", async () => {
    const holder = (await leases()).find(({ metadata }) => metadata.name === "shop-configmaps-02");
    if (holder === undefined) throw new Error("no Lease");
    const to = parseLease(holder).record.holder.startsWith("shop-0") ? "shop-1" : "shop-0";
    const pinned = await ask(`pin configmaps-02 ${to} --wait --timeout 20s`);
    expect(pinned).toMatchObject({ code: 0, stderr: "" });
    expect(pinned.stdout).toContain(`configmaps-02 is held by ${to}\n`);
    expect(written()).toEqual(["patch shop-configmaps-02 200"]);
    expect((await ask("status")).stdout).toMatch(new RegExp(`configmaps-02 +${to} .* ${to}\n`));
    expect((await ask("unpin configmaps-02")).stdout).toContain(`no longer pinned to ${to}`);
  });

  it("freeze makes a Lease that is held, or a second one, or one that outlives unfreeze as a freeze", async () => {
    const frozen = await ask("freeze --by ada");
    expect(frozen.stdout).toMatch(/^shop is frozen: no shard /);
    expect(written()).toEqual(["patch shop-control 404", "create a Lease 201"]);
    const control = (await leases()).find(({ metadata }) => metadata.name === "shop-control");
    expect(control).toMatchObject({
      metadata: { labels: { "electorate.dev/coordinator": "shop", "electorate.dev/role": "control" } },
    });
    expect(control?.spec ?? {}).toEqual({});
    expect((await ask("freeze --by bob")).stdout).toMatch(/^shop is frozen already \(since \S+Z by ada\)/);
    expect((await ask("status")).stdout).toMatch(/\n\nFROZEN since \S+Z by ada: /);
    const thawed = await ask("unfreeze --wait");
    expect(thawed.stdout).toMatch(/^shop is no longer frozen \(since \S+Z by ada\); nothing moves\.\n/);
    expect((await ask("unfreeze")).stdout).toMatch(/^shop is not frozen/);
    expect(written().slice(2)).toEqual(["patch shop-control 200"]);
  });

  it("what takes too long looks done, or is taken back", async () => {
    await ask("cordon shop-0");
    const { code, stdout, stderr } = await ask("drain shop-1 --wait --timeout 1500ms");
    expect(code).toBe(1);
    expect(stdout).toContain("3 shards stay with it until another member may take what it holds.");
    expect(stderr).toMatch(/^error: 1s500ms have passed: shop-1 holds 3 of 3 shards: configmaps-/);
    expect((await ask("status")).stdout).toContain("Every ready member is drained or cordoned");
  });
});

describe("commands that cannot do what they are asked", () => {
  it.each([
    ["drain shop-2", "all", 1, /no live member of shop is called "shop-2"; there are shop-0, shop-1 \(did you mean/],
    ["pin configmaps-77 shop-0", "all", 1, /no shard of shop is called "configmaps-77"; there are configmaps-00, /],
    [
      "drain shop-1 --coordinator shup",
      "all",
      1,
      /no Lease of coordinator "shup" is in namespace default: there are shop/,
    ],
    ["drain shop-1 -n kube-system", "all", 2, /name the coordinator with --coordinator.*there is none/],
    ["drain shop-1 --wait --timeout 20", "all", 2, /bare number 20/],
    ["cordon shop-1 --wait", "all", 2, /unknown option '--wait'/],
    ["drain", "all", 2, /missing required argument 'member'/],
    [
      "drain shop-1",
      "reader",
      1,
      /may not list, watch, create, patch leases[\s\S]*create role electorate-operator -n default/,
    ],
    ["freeze", "reader", 1, /create role electorate-operator/],
  ])("`electorate %s` of %s ends with %i and leaves everybody guessing", async (line, token, code, says) => {
    const answer = await ask(line, token);
    expect(answer.stderr).toMatch(says);
    expect(answer.stderr).not.toMatch(/\n\s+at /);
    expect(answer).toMatchObject({ code, stdout: "" });
    expect(written().filter((request) => !request.endsWith("403"))).toEqual([]);
  });
});
