import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RedisSettings } from "../../../src/queue/bull/index.ts";
import { makeCertificates } from "../../support/control-plane-certificates.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { RedisServer, type RedisServerOptions, requireRedis } from "../../support/redis-server.ts";
import { until } from "../../support/waiting.ts";

const BOUND_MS = 40_000;

describe("a Redis that is not one open port", () => {
  let folder: string;
  let ended: (() => unknown)[] = [];

  beforeEach((context) => {
    ended = [];
    requireRedis(context);
    folder = mkdtempSync(join(tmpdir(), "electorate-secrets-"));
    ended.push(() => rmSync(folder, { recursive: true }));
  });

  afterEach(async () => {
    for (const end of ended.toReversed()) await end();
  });

  async function redis(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.start(options);
    ended.push(() => server.close());
    return server;
  }

  async function connected(settings: RedisSettings): Promise<RedisReplica> {
    const replica = await RedisReplica.connect(settings);
    ended.push(() => replica.queues.close());
    return replica;
  }

  it("has users, and a password that changes while we run", async () => {
    const server = await redis();
    const admin = server.client();
    await admin.acl("SETUSER", "shop", "on", ">first", "~electorate:*", "&electorate:*", "+@all", "-@admin", "+info");
    await admin.acl("SETUSER", "default", "on", ">admin", "~*", "&*", "+@all");
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, "first\n");
    const replica = await connected({ addresses: [server.address], username: "shop", passwordFile });
    const queue = replica.open("100");
    queue.add("default/a");
    expect(await queue.take()).toBe("default/a");
    queue.done("default/a");

    await admin.acl("SETUSER", "shop", "resetpass", ">second");
    await admin.call("CLIENT", "KILL", "USER", "shop");
    await until("trouble", BOUND_MS, () => replica.queues.problem !== undefined);
    writeFileSync(passwordFile, "second\n");
    queue.add("default/b");
    // The end of the work on the first key may have been lost with the connection.
    for (let key = await queue.take(); key !== "default/b"; key = await queue.take()) queue.done(key ?? "");
  });

  it.each([
    ["touch no key of ours", ["~other:*", "&*"]],
    ["not listen", ["~electorate:*", "resetchannels"]],
  ])("has a user who may %s, and nobody says so", async (_what, rules) => {
    const server = await redis();
    await server.client().acl("SETUSER", "shop", "on", ">first", "+@all", ...rules);
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, "first");
    const replica = await connected({ addresses: [server.address], username: "shop", passwordFile });
    replica.open("100").add("default/a");
    await until("trouble", BOUND_MS, () => /NOPERM|permission/i.test(replica.queues.problem ?? ""));
  });

  it("has a password in a file that is not there", async () => {
    const connecting = RedisReplica.connect({ addresses: ["127.0.0.1:1"], passwordFile: join(folder, "nothing") });
    await expect(connecting).rejects.toThrow(/queue.redis.passwordFile: cannot read .*nothing/);
  });

  it("speaks TLS only, and asks for our certificate", async () => {
    const { caFile, ca, servingCertificateFile, servingKeyFile, ...admin } = await makeCertificates(folder);
    const server = await redis({
      tls: { certFile: servingCertificateFile, keyFile: servingKeyFile, caFile },
      client: { tls: { ca, cert: admin.adminCertificate, key: admin.adminKey } },
    });
    const certFile = join(folder, "client.crt");
    const keyFile = join(folder, "client.key");
    writeFileSync(certFile, admin.adminCertificate);
    writeFileSync(keyFile, admin.adminKey);
    const files = { caFile, certFile, keyFile };
    const replica = await connected({ addresses: [server.address], tls: { ...files, serverName: "localhost" } });
    const queue = replica.open("100");
    queue.add("default/a");
    expect(await queue.take()).toBe("default/a");

    const trusting = await connected({ addresses: [server.address], tls: { serverName: "localhost" } });
    trusting.open("1", { shard: "configmaps-01" });
    await until("distrust", BOUND_MS, () => /certificate/.test(trusting.queues.problem ?? ""));
  });

  it("is a cluster, where keys of one script must be on one node", async () => {
    const server = await redis({ settings: ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1"] });
    const admin = server.client();
    await admin.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await until("the cluster", BOUND_MS, async () =>
      String(await admin.call("CLUSTER", "INFO")).includes("cluster_state:ok"),
    );
    const replica = await connected({ addresses: [server.address], cluster: true });
    const queue = replica.open("100", { workers: 2 });
    queue.add("default/a");
    queue.addAfter("default/b", 100);
    expect([await queue.take(), await queue.take()]).toEqual(["default/a", "default/b"]);
    const keys = await admin.keys("*");
    expect(keys.filter((key) => !key.startsWith("electorate:cluster-1:{default/shop-configmaps-00}:"))).toEqual([]);
  });

  it("has sentinels, and the master dies", async () => {
    const master = await redis();
    const other = await redis({ settings: ["--replicaof", "127.0.0.1", String(master.port)] });
    const sentinel = await redis({
      sentinel: [
        `sentinel monitor shop 127.0.0.1 ${master.port} 1`,
        "sentinel down-after-milliseconds shop 1000",
        "sentinel failover-timeout shop 3000",
      ],
    });
    const replicas = () => sentinel.client().call("SENTINEL", "REPLICAS", "shop");
    await until("the replica to be known", BOUND_MS, async () =>
      JSON.stringify(await replicas()).includes(String(other.port)),
    );
    const replica = await connected({ addresses: [sentinel.address], sentinelMaster: "shop" });
    const refilled: string[] = [];
    const queue = replica.open("100", {
      refill: () => {
        refilled.push("again");
        queue.add("default/known-to-the-source", "resync");
      },
    });
    queue.add("default/a");
    expect(await queue.take()).toBe("default/a");
    queue.done("default/a");
    await master.kill();
    queue.add("default/b");
    const owed = new Set(["default/b", "default/known-to-the-source"]);
    while (owed.size > 0) {
      const key = (await queue.take()) ?? "";
      owed.delete(key);
      queue.done(key);
    }
    expect(refilled.length).toBeGreaterThan(0);
    await until("an end of the trouble", BOUND_MS, () => replica.queues.problem === undefined);
  });

  it("has 64 shards of this replica, and every one opens three connections", async () => {
    const server = await redis();
    const replica = await connected({ addresses: [server.address] });
    const queues = Array.from({ length: 64 }, (_, index) => replica.open("100", { shard: `configmaps-${index}` }));
    for (const queue of queues) queue.add("default/a");
    expect(await Promise.all(queues.map((queue) => queue.take()))).toEqual(queues.map(() => "default/a"));
    // One to command, one to listen, one for each shard to wait on; the last is this test's.
    const admin = server.client();
    const clients = String(await admin.client("LIST"))
      .trim()
      .split("\n");
    expect(clients).toHaveLength(2 + 64 + 1);
  });
});
