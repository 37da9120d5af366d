/** Label and field selectors of lists. */
import { expect } from "vitest";
import { type Case, configMap, created, namesOf, ok, refused, type World, widget } from "../world.ts";

const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  a: { app: "shop", tier: "web" },
  b: { app: "shop", tier: "db" },
  c: { app: "bank" },
  d: {},
};

async function fill({ api, configMaps }: World): Promise<void> {
  for (const [name, labels] of Object.entries(LABELS))
    await created(api, configMaps, configMap(name, undefined, { labels }));
}

/** A case that lists the objects above by a label selector. */
function selects(title: string, labelSelector: string, names: readonly string[]): Case {
  return {
    title,
    async run(world) {
      await fill(world);
      expect(namesOf(ok(await world.api.list(world.configMaps, { labelSelector })))).toEqual(names);
    },
  };
}

function refusesLabelSelector(title: string, labelSelector: string): Case {
  return {
    title,
    async run({ api, configMaps }) {
      refused(await api.list(configMaps, { labelSelector }), 400, "BadRequest");
    },
  };
}

export const selectorCases: readonly Case[] = [
  selects("a label equals a value", "app=shop", ["a", "b"]),
  selects("== is the same as =", "app==shop", ["a", "b"]),
  selects("!= holds for objects without the label too", "app!=shop", ["c", "d"]),
  selects("requirements are joined by and", "app=shop,tier=db", ["b"]),
  selects("in takes any of a set", "app in (shop, bank)", ["a", "b", "c"]),
  selects("notin holds for objects without the label too", "tier notin (web)", ["b", "c", "d"]),
  selects("a bare key asks for its existence", "tier", ["a", "b"]),
  selects("! asks for absence", "!tier", ["c", "d"]),
  selects("an empty selector selects everything", "", ["a", "b", "c", "d"]),
  selects("blanks around operators do not matter", " app = shop , tier != db ", ["a"]),
  selects("a selector that nothing matches gives an empty list", "app=none", []),
  refusesLabelSelector("a selector that ends in the middle is 400", "app in (shop"),
  refusesLabelSelector("a selector with a bad value is 400", "app=a b"),
  refusesLabelSelector("a selector with a bad key is 400", "a/b/c=d"),
  {
    title: "> and < compare whole numbers",
    async run({ api, configMaps }) {
      for (const size of ["5", "10", "x"])
        await created(api, configMaps, configMap(`s${size}`, undefined, { labels: { size } }));
      expect(namesOf(ok(await api.list(configMaps, { labelSelector: "size>5" })))).toEqual(["s10"]);
      expect(namesOf(ok(await api.list(configMaps, { labelSelector: "size<10" })))).toEqual(["s5"]);
    },
  },
  {
    title: "metadata.name is a field selector of every kind",
    async run(world) {
      await fill(world);
      const { api, configMaps, widgets } = world;
      expect(namesOf(ok(await api.list(configMaps, { fieldSelector: "metadata.name=b" })))).toEqual(["b"]);
      expect(namesOf(ok(await api.list(configMaps, { fieldSelector: "metadata.name!=b" })))).toEqual(["a", "c", "d"]);
      for (const name of ["x", "y"]) await created(api, widgets, widget(name));
      expect(namesOf(ok(await api.list(widgets, { fieldSelector: "metadata.name=y" })))).toEqual(["y"]);
    },
  },
  {
    title: "metadata.namespace is a field selector over all namespaces",
    async run(world) {
      await fill(world);
      const list = await world.api.list("/api/v1/configmaps", {
        fieldSelector: `metadata.namespace=${world.namespace}`,
      });
      expect(namesOf(ok(list))).toEqual(["a", "b", "c", "d"]);
    },
  },
  {
    title: "label and field selectors hold together",
    async run(world) {
      await fill(world);
      const query = { labelSelector: "app=shop", fieldSelector: "metadata.name!=a" };
      expect(namesOf(ok(await world.api.list(world.configMaps, query)))).toEqual(["b"]);
    },
  },
  {
    title: "a field selector of an unknown field is 400",
    async run({ api, configMaps, leases, widgets }) {
      refused(await api.list(configMaps, { fieldSelector: "data.k=v" }), 400, "BadRequest");
      refused(await api.list(leases, { fieldSelector: "spec.holderIdentity=x" }), 400, "BadRequest");
      refused(await api.list(widgets, { fieldSelector: "spec.size=1" }), 400, "BadRequest");
    },
  },
  {
    title: "a Secret can be selected by its type",
    async run({ api, secrets }) {
      await created(api, secrets, { metadata: { name: "a" } });
      await created(api, secrets, { metadata: { name: "b" }, type: "electorate.dev/other" });
      expect(namesOf(ok(await api.list(secrets, { fieldSelector: "type=electorate.dev/other" })))).toEqual(["b"]);
    },
  },
];
