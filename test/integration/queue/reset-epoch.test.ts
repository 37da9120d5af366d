import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startApiServer } from "../../../src/embedded/index.ts";
import { RedisReplica } from "../../support/redis-queues.ts";
import { RedisServer, requireRedis } from "../../support/redis-server.ts";
import { byText, until } from "../../support/waiting.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const BOUND_MS = 20_000;

describe("electorate queue reset-epoch", () => {
  let ended: (() => unknown)[] = [];

  beforeEach((context) => {
    ended = [];
    requireRedis(context);
  });

  afterEach(async () => {
    for (const end of ended.toReversed()) await end();
  });

  it("an API server that was restored begins lower, and a shard is refused for ever", async () => {
    const server = await RedisServer.start();
    ended.push(() => server.close());
    const cluster = await startApiServer();
    ended.push(() => cluster.close());
    const folder = mkdtempSync(join(tmpdir(), "electorate-reset-"));
    ended.push(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "kubeconfig"), cluster.kubeconfig().text);
    writeFileSync(
      join(folder, "electorate.yaml"),
      [
        "coordinator: shop",
        "resources: [{resource: configmaps, handler: ./none.js#none}]",
        `queue: {driver: bull, redis: {addresses: ["${server.address}"]}}`,
      ].join("\n"),
    );
    const reset = (...more: string[]) =>
      promisify(execFile)(process.execPath, [MAIN, "queue", "reset-epoch", ...more], { cwd: folder });
    const named = ["--config", "electorate.yaml", "--kubeconfig", "kubeconfig"];
    const answer = await fetch(`${cluster.url}/api/v1/namespaces/kube-system`);
    const { metadata } = (await answer.json()) as { readonly metadata: { readonly uid: string } };

    const replica = await RedisReplica.connect({ addresses: [server.address] }, metadata.uid);
    ended.push(() => replica.queues.close());
    const before = replica.open("5000");
    before.add("default/a");
    expect(await before.take()).toBe("default/a");
    before.close();
    const restored = replica.open("700");
    restored.add("default/b");
    await until("a refusal", BOUND_MS, () =>
      /epoch 5000.*reset-epoch configmaps-00/.test(replica.queues.problem ?? ""),
    );

    await expect(reset("configmaps-07", ...named)).rejects.toThrow(/no shard configmaps-07; it has configmaps-00/);
    const { stdout } = await reset("configmaps-00", ...named);
    expect(stdout).toBe("forgot epoch 5000 of shard configmaps-00; its owner registers its own within seconds\n");
    const taken = [await restored.take()];
    restored.done(taken[0] ?? "");
    taken.push(await restored.take());
    expect(taken.toSorted(byText)).toEqual(["default/a", "default/b"]);
  });
});
