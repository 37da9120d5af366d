import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Change, Collection, type Entry } from "../../../src/embedded/collection.ts";
import { Api, CONFIG_MAPS, LEASES, names } from "./requests.ts";

function filled(count: number): Api {
  const api = new Api();
  for (let index = 0; index < count; index += 1) {
    const name = `m${String(index).padStart(3, "0")}`;
    api.made(CONFIG_MAPS, name, { metadata: { labels: { n: String(index), odd: String(index % 2) } } });
  }
  return api;
}

describe("paging", () => {
  test("all pages together are the list as it was at the first page, or a relist would drop or invent objects", () => {
    const api = filled(10);
    const seen: string[] = [];
    const versions = new Set<string>();
    let query = "limit=3";
    for (let page = 0; query !== ""; page += 1) {
      const { body } = api.get(`${CONFIG_MAPS}?${query}`);
      seen.push(...body.items.map((item) => item.metadata.name));
      versions.add(body.metadata.resourceVersion);
      query = body.metadata.continue === undefined ? "" : `limit=3&continue=${body.metadata.continue}`;
      api.delete(`${CONFIG_MAPS}/m00${9 - page}`);
      api.made(CONFIG_MAPS, `m00${page}x`);
    }
    expect(seen).toEqual(names({ status: 200, body: filled(10).get(CONFIG_MAPS).body }));
    expect(versions.size).toBe(1);
  });

  test("remainingItemCount is told without a selector and left out with one", () => {
    const api = filled(10);
    expect(api.get(`${CONFIG_MAPS}?limit=3`).body.metadata.remainingItemCount).toBe(7);
    const selected = api.get(`${CONFIG_MAPS}?limit=3&labelSelector=odd%3D1`);
    expect(names(selected)).toEqual(["m001", "m003", "m005"]);
    expect(selected.body.metadata.remainingItemCount).toBeUndefined();
    expect(selected.body.metadata.continue).toBeDefined();
    expect(api.get(`${CONFIG_MAPS}?limit=5&labelSelector=odd%3D1`).body.metadata.continue).toBeUndefined();
  });

  test("a page of compacted data is 410 Expired with a token to go on from, inconsistently", () => {
    const api = filled(6);
    const first = api.get(`${CONFIG_MAPS}?limit=2`).body.metadata.continue;
    api.delete(`${CONFIG_MAPS}/m003`);
    api.core.compact();
    const expired = api.get(`${CONFIG_MAPS}?limit=2&continue=${first}`);
    expect(expired).toMatchObject({ status: 410, body: { reason: "Expired" } });
    const rest = api.get(`${CONFIG_MAPS}?continue=${expired.body.metadata.continue}`);
    expect(names(rest)).toEqual(["m002", "m004", "m005"]);
  });

  test.each(["garbage", "e30", Buffer.from('{"v":"meta.k8s.io/v1","rv":0,"start":"/a"}').toString("base64url")])(
    "a token that this server did not give (%s) is 400",
    (token) => {
      expect(filled(1).get(`${CONFIG_MAPS}?limit=1&continue=${token}`).status).toBe(400);
    },
  );
});

describe("versions of a list", () => {
  test("Exact shows the past, NotOlderThan the present", () => {
    const api = filled(2);
    const past = api.core.resourceVersion;
    api.delete(`${CONFIG_MAPS}/m000`);
    const exact = api.get(`${CONFIG_MAPS}?resourceVersion=${past}&resourceVersionMatch=Exact`);
    expect(names(exact)).toEqual(["m000", "m001"]);
    expect(exact.body.metadata.resourceVersion).toBe(past);
    expect(names(api.get(`${CONFIG_MAPS}?resourceVersion=${past}&resourceVersionMatch=NotOlderThan`))).toEqual([
      "m001",
    ]);
    expect(names(api.get(`${CONFIG_MAPS}?resourceVersion=${past}`))).toEqual(["m001"]);
    expect(names(api.get(`${CONFIG_MAPS}?resourceVersion=${past}&limit=9`))).toEqual(["m000", "m001"]);
    api.core.compact();
    expect(api.get(`${CONFIG_MAPS}?resourceVersion=${past}&resourceVersionMatch=Exact`).status).toBe(410);
  });

  test("any past state that is still known is rebuilt exactly", () => {
    const step = fc.record({ key: fc.constantFrom("a/x", "a/y", "ab/x", "b/x"), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (steps, limit) => {
        const collection = new Collection(limit);
        const states: Entry[][] = [[]];
        for (const [index, { key, remove }] of steps.entries()) {
          const previous = collection.get(key);
          if (remove && previous === undefined) {
            states.push(states.at(-1) ?? []);
            continue;
          }
          const object = { metadata: { name: key } };
          const entry: Entry = { key, object, json: `${index}`, revision: index + 1 };
          const type = remove ? "DELETED" : previous === undefined ? "ADDED" : "MODIFIED";
          collection.apply(new Change(type, entry, previous));
          states.push(collection.scan(""));
        }
        for (const [revision, state] of states.entries()) {
          const rebuilt = collection.scanAt(revision, "");
          if (revision < collection.floor) expect(rebuilt).toBeUndefined();
          else expect(rebuilt).toEqual(state);
          const inside = collection.scanAt(revision, "a/");
          if (revision >= collection.floor) expect(inside).toEqual(state.filter(({ key }) => key.startsWith("a/")));
        }
        const last = states.at(-1) ?? [];
        expect(last.map(({ key }) => key)).toEqual(last.map(({ key }) => key).sort());
      }),
    );
  });
});

describe("selectors", () => {
  const api = filled(4);
  api.made(CONFIG_MAPS, "bare");

  test.each([
    ["n=1", ["m001"]],
    ["n==1", ["m001"]],
    ["n!=1", ["bare", "m000", "m002", "m003"]],
    ["n in (1, 3)", ["m001", "m003"]],
    ["n notin (1,3)", ["bare", "m000", "m002"]],
    ["n", ["m000", "m001", "m002", "m003"]],
    ["!n", ["bare"]],
    ["odd=1,n>1", ["m003"]],
    ["n<2", ["m000", "m001"]],
    ["n=", []],
    ["", ["bare", "m000", "m001", "m002", "m003"]],
  ])("label selector %j", (selector, expected) => {
    expect(names(api.get(`${CONFIG_MAPS}?labelSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
  });

  test.each([
    "a b",
    "a===b",
    "a in b",
    "a in (b",
    "(",
    "a,,b",
    "=b",
    "a=b c",
    "a in (b))",
    "a!b",
    "a>x",
    "-a=b",
    "a=b!",
  ])("label selector %j is refused instead of selecting everything", (selector) => {
    expect(api.get(`${CONFIG_MAPS}?labelSelector=${encodeURIComponent(selector)}`).status).toBe(400);
  });

  test("field selectors know the metadata, and of each kind its own fields", () => {
    expect(names(api.get(`${CONFIG_MAPS}?fieldSelector=metadata.name%3Dm001`))).toEqual(["m001"]);
    expect(names(api.get("/api/v1/configmaps?fieldSelector=metadata.namespace%21%3Ddefault"))).toEqual([]);
    expect(api.get(`${CONFIG_MAPS}?fieldSelector=data.k%3Dv`).status).toBe(400);
    expect(api.get(`${LEASES}?fieldSelector=spec.holderIdentity%3Dx`).status).toBe(400);
    expect(api.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn,status.phase%21%3DRunning").status).toBe(200);
  });
});

describe("forms", () => {
  const table = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
  const partial = (as: string) => ({ accept: `application/json;as=${as};v=v1;g=meta.k8s.io,application/json` });

  test("items of a typed list carry no kind, as on the real server: a client that needs it must add it itself", () => {
    const [item] = filled(1).get(CONFIG_MAPS).body.items;
    expect(item).not.toHaveProperty("kind");
    expect(item).not.toHaveProperty("apiVersion");
  });

  test("a Table for kubectl get", async () => {
    const api = new Api();
    api.made(LEASES, "a", { spec: { holderIdentity: "me" } });
    await api.clock.advance(150_000);
    const { body } = api.get(LEASES, table);
    expect(body).toMatchObject({ kind: "Table", rows: [{ cells: ["a", "me", "2m30s"] }] });
  });

  test("metadata alone, in gets, lists and watches", () => {
    const api = filled(1);
    const one = api.get(`${CONFIG_MAPS}/m000`, partial("PartialObjectMetadata")).body;
    expect(one.kind).toBe("PartialObjectMetadata");
    expect(one).not.toHaveProperty("data");
    expect(api.get(CONFIG_MAPS, partial("PartialObjectMetadataList")).body.items).toEqual([one]);
    const watched = api.watch(CONFIG_MAPS, partial("PartialObjectMetadata"));
    expect(watched.events[0]?.object).toEqual(one);
    expect(api.get(CONFIG_MAPS, partial("PartialObjectMetadata")).status).toBe(406);
    expect(api.get(CONFIG_MAPS, { accept: "text/html" }).status).toBe(406);
  });
});
