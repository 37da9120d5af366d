import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "../../../src/embedded/index.ts";
import { LEASES } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { connect } from "../../../src/kube/connection.ts";
import { createKeyMap } from "../../../src/placement/key-map.ts";
import { type Ended, electorate as run } from "../../support/command.ts";
import { shard } from "../../support/status-leases.ts";

let server: Awaited<ReturnType<typeof startApiServer>>;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "questions-"));
  server = await startApiServer();
  await writeFile(join(folder, "kubeconfig"), JSON.stringify(server.kubeconfig().object));
  const connection = await connect({ component: "test", content: server.kubeconfig().object });
  const client = new KubeClient(connection.objects);
  const keyMap = "hashring-1/2";
  for (const [coordinator, id] of [
    ["shop", "configmaps-00"],
    ["shop", "configmaps-01"],
    ["shop", "nodes-00"],
    ["blog", "secrets-00"],
  ] as const) {
    const { object } = shard(id, {
      coordinator,
      holder: "a_u-a",
      keyMap: id.startsWith("c") ? keyMap : "hashring-1/1",
    });
    const { name, labels = {}, annotations = {} } = object.metadata;
    await client.create(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: "default", labels, annotations },
      spec: object.spec,
    });
  }
  await connection.close();
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const electorate = (line: string): Promise<Ended> =>
  run([...line.split(" "), "--kubeconfig", "kubeconfig"], { cwd: folder });

describe("electorate where", () => {
  it("finds a resource by the names that kubectl knows, and the only coordinator that has it", async () => {
    const [long, short] = await Promise.all([
      electorate("where configmaps default/cart -o json"),
      electorate("where cm default/cart"),
    ]);
    const name = `configmaps-0${createKeyMap(2).bucketOf("default/cart")}`;
    expect(JSON.parse(long.stdout)).toMatchObject({
      coordinator: "shop",
      resource: "configmaps",
      shards: [{ shard: name }],
    });
    expect(short.stdout.split("\n")[1]).toMatch(new RegExp(`^${name} `));
    expect([long.code, short.code]).toEqual([0, 0]);
  });

  it.concurrent.each([
    ["where confgmaps default/cart", 2, /no resource "confgmaps"; did you mean configmaps/],
    ["where configmaps cart", 2, /configmaps live in namespaces: write NAMESPACE\/NAME, such as default\/cart/],
    ["where nodes default/n1", 2, /nodes live in no namespace: write the name alone, n1/],
    ["where configmaps a/b/c", 2, /"a\/b\/c" names no object/],
    [
      "where pods default/cart",
      1,
      /several coordinators in namespace default \(blog, shop\); name one with --coordinator/,
    ],
    [
      "where pods default/cart --coordinator shop",
      1,
      /"shop" in namespace default has no shard of pods: it has shards of configmaps, nodes/,
    ],
    [
      "where configmaps default/cart --coordinator shp",
      1,
      /no Lease of coordinator "shp" is in namespace default: there are blog, shop/,
    ],
    ["where configmaps default/cart -n empty", 1, /no coordinator in namespace empty/],
    ["members", 1, /several coordinators/],
    ["members --coordinator shp", 1, /there are blog, shop/],
    ["where configmaps", 2, /missing required argument 'key'/],
  ])("refuses `electorate %s`, naming the remedy", async (line, exit, says) => {
    const { code, stdout, stderr } = await electorate(line);
    expect(stderr).toMatch(says);
    expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
  });
});
