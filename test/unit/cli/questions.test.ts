import { describe, expect, it } from "vitest";
import { reportOf } from "../../../src/cli/status/report.ts";
import { membersText, placeText } from "../../../src/cli/status/text.ts";
import { placeOfKey } from "../../../src/cli/status/where.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { createKeyMap } from "../../../src/placement/key-map.ts";
import { at, member, NOW, shard } from "../../support/status-leases.ts";

const report = (...versions: LeaseVersion[]) => reportOf("shop", versions, "web", NOW);
const KEY = "shop/cart";
const bucket = (count: number): string => String(createKeyMap(count).bucketOf(KEY)).padStart(2, "0");
const place = (...versions: LeaseVersion[]) =>
  placeOfKey(report(...versions), "pods", KEY).shards.map(({ shard: name, state }) => `${name} ${state}`);

/** Every bucket of a count, held by `a`. */
const held = (count: number, holder = "a_u-a"): LeaseVersion[] =>
  Array.from({ length: count }, (_, index) =>
    shard(`pods-${String(index).padStart(2, "0")}`, { holder, epoch: "77", keyMap: `hashring-1/${count}` }),
  );

describe("whose a key is", () => {
  it("is answered with the shard, its holder, the epoch and since when", () => {
    const found = placeOfKey(report(...held(4), member("a")), "pods", KEY);
    expect(placeText(found, "table")).toBe(
      `SHARD    BUCKET  HOLDER  STATE  EPOCH  SINCE                        TERM   VALID FOR  KEY MAP
pods-${bucket(4)}  ${Number(bucket(4))}       a       owned  77     ${at(100)}  1m40s  14s        hashring-1/4
`,
    );
    expect(JSON.parse(placeText(found, "json"))).toMatchObject({
      coordinator: "shop",
      namespace: "web",
      resource: "pods",
      key: KEY,
      shards: [
        { shard: `pods-${bucket(4)}`, bucket: Number(bucket(4)), holder: "a_u-a", epoch: "77", termMs: 100_000 },
      ],
    });
  });

  it("is answered by the replicas' own hash, or the answer is another shard's", () => {
    for (const count of [1, 2, 8, 16]) {
      expect(place(...held(count), member("a"))).toEqual([`pods-${bucket(count)} owned`]);
    }
  });

  it("is answered by Leases that are left over from another number of buckets", () => {
    const leftOver = Array.from({ length: 16 }, (_, index) =>
      shard(`pods-${String(index).padStart(2, "0")}`, { seconds: 1, keyMap: "hashring-1/16" }),
    );
    expect(place(...leftOver.slice(4), ...held(4), member("a"))).toEqual([`pods-${bucket(4)} owned`]);
  });

  it("hides one of its two owners' maps while the number of buckets is being changed", () => {
    const other = `pods-${bucket(16)}`;
    expect(bucket(16)).not.toBe(bucket(4));
    const mixed = [...held(4).filter(({ name }) => name !== `shop-${other}`)];
    expect(
      place(...mixed, shard("pods-09", { holder: "c_u-c", keyMap: "hashring-1/16" }), member("a"), member("c")),
    ).toEqual([`${other} missing`, `pods-${bucket(4)} owned`]);
  });

  it("is unknown as soon as nobody holds anything", () => {
    expect(place(member("a"))).toEqual([`pods-${bucket(4)} missing`]);
    const released = shard(`pods-${bucket(2)}`, { seconds: 1, keyMap: "hashring-1/2" });
    expect(place(released)).toEqual([`pods-${bucket(2)} released`]);
  });

  it("is answered for a resource that the coordinator has nothing to do with", () => {
    expect(() => placeOfKey(report(...held(1)), "secrets", KEY)).toThrow(
      'coordinator "shop" in namespace web has no shard of secrets: it has shards of pods',
    );
    expect(() => placeOfKey(report(), "secrets", KEY)).toThrow("it has no shard at all yet");
  });

  it("is answered by a hash that this version does not have", () => {
    const newer = shard("pods-00", { holder: "x", keyMap: "range-1/4" });
    expect(() => placeOfKey(report(newer), "pods", KEY)).toThrow(/the key map "range-1\/4", which this version/);
  });
});

describe("the members of a coordinator", () => {
  const said = {
    "electorate.dev/intent": "drain",
    "electorate.dev/weight": "3",
    "electorate.dev/zone": "eu-1a",
    "electorate.dev/version": "v2",
    "electorate.dev/address": "10.0.0.7:8080",
  };
  const {
    coordinator,
    namespace,
    at: readAt,
    members,
  } = report(...held(2), member("a", "draining", 1, "1", said), member("b", "ready", 20));
  const list = { coordinator, namespace, at: readAt, members };

  it("are shown with what they say of themselves and what is wanted of them", () => {
    expect(membersText(list, "table")).toBe(
      `MEMBER  STATE     INTENT  WEIGHT  ZONE   VERSION  ADDRESS        SHARDS  AGE   RENEWED
a       draining  drain   3       eu-1a  v2       10.0.0.7:8080  2       1h1m  1s ago
b       gone      -       1       -      -        -              0       1h1m  20s ago
`,
    );
    expect(membersText(list, "wide")).toContain("a_u-a");
  });

  it("are the same data as JSON", () => {
    expect(JSON.parse(membersText(list, "json"))).toMatchObject({
      coordinator: "shop",
      members: [
        { identity: "a_u-a", intent: "drain", weight: 3, zone: "eu-1a", address: "10.0.0.7:8080", seenMsAgo: 1_000 },
        { identity: "b_u-b", state: "gone", weight: 1 },
      ],
    });
  });

  it("are none, which is said", () => {
    expect(membersText({ ...list, members: [] }, "table")).toBe("No member of coordinator shop has a Lease in web.\n");
  });
});
