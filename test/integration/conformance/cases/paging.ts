/** Pages of lists: limit, continue tokens, and what they promise. */
import { expect } from "vitest";
import type { Body } from "../client.ts";
import {
  type Case,
  configMap,
  created,
  eventAbout,
  itemsOf,
  metadataOf,
  namesOf,
  newer,
  ok,
  refused,
  versionOf,
  type World,
} from "../world.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];

async function fill({ api, namespace, configMaps }: World): Promise<void> {
  for (const name of NAMES)
    await created(
      api,
      configMaps,
      configMap(name, undefined, { labels: { parity: name < "d" ? "low" : "high", of: namespace } }),
    );
}

function tokenOf(list: Body): string {
  const token = metadataOf(list)["continue"];
  return typeof token === "string" ? token : "";
}

export const pagingCases: readonly Case[] = [
  {
    title: "pages hold at most limit items, say how many remain, and together hold everything once",
    async run(world) {
      await fill(world);
      const { api, configMaps } = world;
      const first = ok(await api.list(configMaps, { limit: "3" }));
      expect(namesOf(first)).toEqual(["a", "b", "c"]);
      expect(metadataOf(first)["remainingItemCount"]).toBe(4);
      const second = ok(await api.list(configMaps, { limit: "3", continue: tokenOf(first) }));
      expect(namesOf(second)).toEqual(["d", "e", "f"]);
      expect(metadataOf(second)["remainingItemCount"]).toBe(1);
      const third = ok(await api.list(configMaps, { limit: "3", continue: tokenOf(second) }));
      expect(namesOf(third)).toEqual(["g"]);
      expect(metadataOf(third)).not.toHaveProperty("continue");
      expect(metadataOf(third)).not.toHaveProperty("remainingItemCount");
    },
  },
  {
    title: "all pages show one state, that of the first, and carry its resourceVersion",
    async run(world) {
      await fill(world);
      const { api, configMaps } = world;
      const first = ok(await api.list(configMaps, { limit: "3" }));
      ok(await api.delete(`${configMaps}/e`));
      await created(api, configMaps, configMap("dd"));
      ok(await api.patch(`${configMaps}/f`, { data: { changed: "yes" } }));
      const rest = ok(await api.list(configMaps, { limit: "10", continue: tokenOf(first) }));
      expect(namesOf(rest)).toEqual(["d", "e", "f", "g"]);
      expect(itemsOf(rest)[2]).not.toHaveProperty("data");
      expect(versionOf(rest)).toBe(versionOf(first));
    },
  },
  {
    title: "a limit that holds everything gives no continue token",
    async run(world) {
      await fill(world);
      const list = ok(await world.api.list(world.configMaps, { limit: "7" }));
      expect(namesOf(list)).toEqual(NAMES);
      expect(metadataOf(list)).not.toHaveProperty("continue");
    },
  },
  {
    title: "limit=0 is no limit",
    async run(world) {
      await fill(world);
      expect(namesOf(ok(await world.api.list(world.configMaps, { limit: "0" })))).toEqual(NAMES);
    },
  },
  {
    title: "a selector holds on every page; the number of what remains is not told then",
    async run(world) {
      await fill(world);
      const { api, configMaps } = world;
      const query = { labelSelector: "parity=high", limit: "3" };
      const first = ok(await api.list(configMaps, query));
      expect(namesOf(first)).toEqual(["d", "e", "f"]);
      expect(metadataOf(first)).not.toHaveProperty("remainingItemCount");
      const second = ok(await api.list(configMaps, { ...query, continue: tokenOf(first) }));
      expect(namesOf(second)).toEqual(["g"]);
    },
  },
  {
    title: "pages run over all namespaces in order of namespace and name",
    async run(world) {
      await fill(world);
      const { api, namespace } = world;
      // By label: the real server makes tokens that lead astray when pages and metadata.namespace meet on this path.
      const query = { labelSelector: `of=${namespace}`, limit: "4" };
      const first = ok(await api.list("/api/v1/configmaps", query));
      const second = ok(await api.list("/api/v1/configmaps", { ...query, continue: tokenOf(first) }));
      expect([...namesOf(first), ...namesOf(second)]).toEqual(NAMES);
    },
  },
  {
    title: "a continue token that the server did not make is 400",
    async run(world) {
      await fill(world);
      refused(await world.api.list(world.configMaps, { limit: "3", continue: "nonsense" }), 400, "BadRequest");
    },
  },
  {
    title: "a continue token together with a resourceVersion is refused",
    async run(world) {
      await fill(world);
      const first = ok(await world.api.list(world.configMaps, { limit: "3" }));
      const query = { limit: "3", continue: tokenOf(first), resourceVersion: versionOf(first) };
      refused(await world.api.list(world.configMaps, query), 400, "BadRequest");
    },
  },
  {
    title: "a limit that is no number is 400",
    async run({ api, configMaps }) {
      refused(await api.list(configMaps, { limit: "many" }), 400, "BadRequest");
    },
  },
  {
    title: "a watch from the resourceVersion of a paged list sees what changed between its pages",
    async run(world) {
      await fill(world);
      const { api, configMaps } = world;
      const first = ok(await api.list(configMaps, { limit: "3" }));
      const between = await created(api, configMaps, configMap("between"));
      const rest = ok(await api.list(configMaps, { limit: "9", continue: tokenOf(first) }));
      const watch = await api.watch(configMaps, { resourceVersion: versionOf(rest) });
      expect(await watch.next()).toEqual({ type: "ADDED", object: between });
      watch.close();
    },
  },
  {
    title: "a page at an exact version begins where that version was",
    async run(world) {
      await fill(world);
      const { api, configMaps } = world;
      const version = versionOf(ok(await api.list(configMaps)));
      ok(await api.delete(`${configMaps}/a`));
      const query = { limit: "2", resourceVersion: version, resourceVersionMatch: "Exact" };
      const first = ok(await api.list(configMaps, query));
      expect(namesOf(first)).toEqual(["a", "b"]);
      expect(versionOf(first)).toBe(version);
    },
  },
  {
    title: "a continue token that compaction took is 410 Expired, with a token to go on with what there is now",
    async run({ api, namespace, events, subject }) {
      for (const name of ["a", "b", "c", "d"]) await created(api, events, eventAbout(namespace, name));
      const first = ok(await api.list(events, { limit: "2" }));
      expect(namesOf(first)).toEqual(["a", "b"]);
      ok(await api.delete(`${events}/c`));
      await created(api, events, eventAbout(namespace, "e"));
      await subject.compact();
      const expired = await api.list(events, { limit: "2", continue: tokenOf(first) });
      refused(expired, 410, "Expired");
      const token = tokenOf(expired.body);
      expect(token).not.toBe("");
      const rest = ok(await api.list(events, { limit: "2", continue: token }));
      expect(namesOf(rest)).toEqual(["d", "e"]);
      expect(newer(versionOf(rest), versionOf(first))).toBe(true);
    },
  },
  {
    title: "a limit is no limit for a list of any version: resourceVersion=0 answers everything at once",
    async run(world) {
      await fill(world);
      // Any version may be one from before the last creation: a list at the newest one waits until the server's cache has it.
      const resourceVersion = versionOf(ok(await world.api.list(world.configMaps)));
      ok(await world.api.list(world.configMaps, { resourceVersion }));
      const list = ok(await world.api.list(world.configMaps, { limit: "3", resourceVersion: "0" }));
      expect(metadataOf(list)).not.toHaveProperty("continue");
      expect(namesOf(list)).toEqual(NAMES);
    },
  },
];
