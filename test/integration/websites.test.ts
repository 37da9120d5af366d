import { expect, test } from "vitest";
import { createKeyMap } from "../../src/placement/key-map.ts";
import { integration, type Scene } from "../support/integration.ts";
import { RIGHTS, Websites, websiteResources } from "../support/websites.ts";

/** The worked example, as `electorate run` runs it with the rights that its README names, on a real API server. */

const scene = integration();
const NAMES = Array.from({ length: 16 }, (_, index) => `site-${index}`);

async function start(on: Scene, replicas: readonly string[]): Promise<Websites> {
  const { plane, namespace } = on;
  const websites = new Websites((...request) => plane.must(...request), namespace);
  await websites.define();
  const { kubeconfigPath: kubeconfig } = await plane.serviceAccount(namespace, "websites", RIGHTS);
  for (const name of replicas)
    on.start(name, { kubeconfig, coordinator: "websites", configuration: { resources: websiteResources(namespace) } });
  await on.allOwned(8);
  if (replicas.length > 1) await on.balanced(8);
  return websites;
}

test("a child that is edited or deleted, or a secret that is watched, is not looked at by the replica of its website", async (context) => {
  const on = await scene(context, "websites");
  const websites = await start(on, ["a", "b"]);
  await websites.create(NAMES);
  await websites.built(NAMES);
  for (const name of NAMES.slice(0, 4)) {
    const { metadata } = (await websites.get("configmaps", name))!;
    const { metadata: owner } = (await websites.get("websites", name))!;
    expect(metadata.ownerReferences).toMatchObject([{ kind: "Website", name, uid: owner.uid, controller: true }]);

    await websites.patch("configmaps", name, { data: { "index.html": "defaced" } });
    await websites.until("the right page", "configmaps", name, ({ data }) => JSON.stringify(data).includes("<h1>"));
    await websites.remove("deployments", name);
    await websites.until("new pods", "deployments", name, () => true);
    await websites.becomesReady(name, 2);
    await websites.until("two ready pods", "websites", name, ({ status }) =>
      JSON.stringify(status ?? {}).includes('"readyReplicas":2'),
    );

    const keyOf = (object: unknown) =>
      /"examples.electorate.dev\/key":"([^"]*)"/.exec(JSON.stringify(object))?.[1] ?? "";
    await websites.putSecret(name, "1");
    const first = keyOf(await websites.until("a key", "deployments", name, (object) => keyOf(object) !== ""));
    await websites.putSecret(name, "2");
    await websites.until("another key", "deployments", name, (object) => !["", first].includes(keyOf(object)));

    await websites.patch("websites", name, { spec: { replicas: 3 } });
    await websites.until("three pods", "deployments", name, ({ spec }) =>
      JSON.stringify(spec).includes('"replicas":3'),
    );
  }
  expect(on.faults()).toEqual([]);
});

test("a child that is deleted while the shard of its website has no owner is not made again", async (context) => {
  const on = await scene(context, "websites-crash");
  const websites = await start(on, ["a", "b"]);
  await websites.create(NAMES);
  await websites.built(NAMES);
  const keyMap = createKeyMap(8);
  const held = on.heldBy("a");
  const lost = NAMES.filter((name) => {
    return held.includes(`websites.examples.electorate.dev-0${keyMap.bucketOf(`websites-crash/${name}`)}`);
  });
  expect(lost.length).toBeGreaterThan(0);
  on.fleet.replicas[0]?.kill();
  for (const name of lost) await websites.remove("configmaps", name);
  for (const name of lost) await websites.until("a page", "configmaps", name, () => true);
  expect(on.faults()).toEqual([]);
});
