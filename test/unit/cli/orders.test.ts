import { describe, expect, it } from "vitest";
import * as orders from "../../../src/cli/intents/orders.ts";
import type { Fleet } from "../../../src/cli/intents/outlook.ts";
import {
  ANNOTATION_FREEZE,
  ANNOTATION_IDENTITY,
  ANNOTATION_INTENT,
  ANNOTATION_KEY_MAP,
  ANNOTATION_PIN,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RESOURCE,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  LABEL_COORDINATOR,
  LABEL_ROLE,
} from "../../../src/lease/names.ts";
import { formatMicroTime, type LeaseVersion, parseLease } from "../../../src/lease/record.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const KEY_MAP = "ring-1/12";

type Annotations = Readonly<Record<string, string>>;

function lease(name: string, role: string, annotations: Annotations, holder = "", secondsAgo = 1): LeaseVersion {
  const renewTime = formatMicroTime((NOW - secondsAgo * 1_000) * 1_000);
  const labels = { [LABEL_COORDINATOR]: "shop", [LABEL_ROLE]: role };
  const spec = { holderIdentity: holder, leaseDurationSeconds: 15, renewTime, acquireTime: renewTime };
  return parseLease({ metadata: { name: `shop-${name}`, resourceVersion: "7", labels, annotations }, spec });
}

function member(name: string, annotations: Annotations = {}, secondsAgo = 1, uuid = `u${name}`): LeaseVersion {
  const identity = `${name}_${uuid}`;
  const said = {
    [ANNOTATION_IDENTITY]: identity,
    [ANNOTATION_PROTOCOL]: "1",
    [ANNOTATION_STATE]: "ready",
    [ANNOTATION_RESOURCES]: JSON.stringify({ pods: KEY_MAP }),
    ...annotations,
  };
  return lease(`member-${uuid}`, "member", said, identity, secondsAgo);
}

function control(text?: string): LeaseVersion {
  return lease("control", "control", text === undefined ? {} : { [ANNOTATION_FREEZE]: text });
}

/** Shards of pods in order, each held by the member of that letter; `-` for nobody. */
function shards(holders: string, pins: Readonly<Record<string, string>> = {}): readonly LeaseVersion[] {
  return [...holders].map((holder, bucket) => {
    const id = `pods-${String(bucket).padStart(2, "0")}`;
    const pin = pins[id];
    const annotations = { [ANNOTATION_RESOURCE]: "pods", [ANNOTATION_KEY_MAP]: KEY_MAP };
    return lease(
      id,
      "shard",
      pin === undefined ? annotations : { ...annotations, [ANNOTATION_PIN]: pin },
      holder === "-" ? "" : `${holder}_u${holder}`,
    );
  });
}

function fleet(...versions: readonly (LeaseVersion | readonly LeaseVersion[])[]): Fleet {
  return { coordinator: "shop", versions: versions.flat(), wallMs: NOW };
}

const ABC = [member("a"), member("b"), member("c")];
const EVEN = fleet(ABC, shards("aaaabbbbcccc"));

/** What stands in the order, and what it says. */
function told(order: orders.Order) {
  const { lease: name, annotation, value, changes, says } = order;
  return { writes: changes ? `${name} ${annotation}=${value}` : "nothing", says: says.join(" ") };
}

describe("drain", () => {
  it("says how many shards will move, and to whom, as the replicas will plan it", () => {
    const order = orders.drain(EVEN, "c");
    expect(told(order)).toEqual({
      writes: "shop-member-uc electorate.dev/intent=drain",
      says: "c is asked to drain: 4 shards will move to 2 members (a 2, b 2).",
    });
    expect(order.moves.map(({ shard, from }) => `${shard} ${from}`).toSorted()).toEqual([
      "pods-08 c_uc",
      "pods-09 c_uc",
      "pods-10 c_uc",
      "pods-11 c_uc",
    ]);
  });

  it("a member drained already is drained twice", () => {
    const drained = fleet(member("a"), member("b", { [ANNOTATION_INTENT]: "drain" }), shards("aaaaaaaaaaaa"));
    expect(told(orders.drain(drained, "b"))).toEqual({
      writes: "nothing",
      says: "b is asked to drain already: it holds no shard, and is given none.",
    });
  });

  it("the last member is drained without a word that nobody takes its shards", () => {
    const alone = fleet(member("a"), member("b", { [ANNOTATION_INTENT]: "cordon" }), shards("aab"));
    expect(told(orders.drain(alone, "a")).says).toBe(
      "a is asked to drain: nothing moves. 2 shards stay with it until another member may take what it holds.",
    );
  });

  it("is waited for until no Lease names the member, whatever becomes of the member itself", () => {
    const { progress } = orders.drain(EVEN, "c");
    expect(progress(fleet(ABC, shards("aaaabbbbabcc")))).toEqual({
      done: false,
      text: "c holds 2 of 4 shards: pods-10, pods-11",
    });
    expect(progress(fleet(ABC.slice(0, 2), shards("aaaabbbbaabb"))).done).toBe(true);
  });
});

describe("cordon and uncordon", () => {
  it("say what the member keeps, and what it gets when it takes part again", () => {
    expect(told(orders.cordon(EVEN, "c_uc"))).toEqual({
      writes: "shop-member-uc electorate.dev/intent=cordon",
      says: "c is cordoned: it has 4 shards and is given no more.",
    });
    const drained = fleet(member("a"), member("b", { [ANNOTATION_INTENT]: "drain" }), shards("aaaa"));
    expect(told(orders.cordon(drained, "b")).says).toBe(
      "b is cordoned instead of drained: it has 0 shards and is given no more.",
    );
    expect(told(orders.uncordon(drained, "b"))).toEqual({
      writes: "shop-member-ub electorate.dev/intent=null",
      says: "b takes part again: it was asked to drain; 2 shards will move to b.",
    });
    expect(told(orders.uncordon(EVEN, "c"))).toEqual({
      writes: "nothing",
      says: "nothing is asked of c; nothing moves.",
    });
  });

  it("a frozen fleet gives nothing to who takes part again, and nobody says why", () => {
    const frozen = fleet(member("a"), member("b", { [ANNOTATION_INTENT]: "drain" }), shards("aaaa"), control("by ada"));
    expect(told(orders.uncordon(frozen, "b")).says).toBe(
      "b takes part again: it was asked to drain; nothing moves. It is frozen (by ada): nothing moves for the sake of the load.",
    );
  });
});

describe("pin and unpin", () => {
  it("say where the shard is, and what else will move for it", () => {
    const order = orders.pin(EVEN, "pods-00", "b");
    expect(told(order)).toEqual({
      writes: "shop-pods-00 electorate.dev/pin=b",
      says: "pods-00 is pinned to b: it will move there from a. To keep the load even, 1 shard will move to a.",
    });
    expect(order.progress(EVEN)).toEqual({ done: false, text: "pods-00 is held by a" });
    expect(order.progress(fleet(ABC, shards("baaabbbbcccc"))).done).toBe(true);
    expect(told(orders.pin(EVEN, "shop-pods-00", "a_ua")).says).toBe("pods-00 is pinned to a: it is there.");
    expect(told(orders.pin(fleet(ABC, shards("-aaabbbbcccc")), "pods-00", "b")).says).toContain("b will take it");
  });

  it.each([
    [{ [ANNOTATION_INTENT]: "cordon" }, "b is cordoned"],
    [{ [ANNOTATION_STATE]: "draining" }, "b is draining"],
    [{ [ANNOTATION_RESOURCES]: "{}" }, "b does not serve pods"],
    [{ [ANNOTATION_RESOURCES]: '{"pods":"ring-1/8"}' }, "b serves pods with another number of buckets"],
    [{ [ANNOTATION_PROTOCOL]: "2" }, "b speaks another version of the protocol"],
  ])("a pin that binds nothing looks like one that does: %j", (annotations, why) => {
    const order = orders.pin(fleet(member("a"), member("b", annotations), shards("aa")), "pods-00", "b");
    expect(told(order)).toEqual({
      writes: "shop-pods-00 electorate.dev/pin=b",
      says: `pods-00 is pinned to b, but the pin binds nothing: ${why}.`,
    });
  });

  it("take a pin off once, and say whose it was", () => {
    const pinned = fleet(ABC, shards("aaaabbbbcccc", { "pods-05": "b" }));
    expect(told(orders.unpin(pinned, "pods-05"))).toEqual({
      writes: "shop-pods-05 electorate.dev/pin=null",
      says: "pods-05 is no longer pinned to b; nothing moves.",
    });
    expect(told(orders.unpin(EVEN, "pods-05"))).toEqual({
      writes: "nothing",
      says: "pods-05 is not pinned; nothing moves.",
    });
    expect(told(orders.pin(pinned, "pods-05", "b"))).toEqual({
      writes: "nothing",
      says: "pods-05 is pinned to b already: it is there.",
    });
  });
});

describe("freeze and unfreeze", () => {
  const UNEVEN = [member("a"), member("b"), shards("aaaa")] as const;

  it("a second freeze hides who asked for the first, or since when", () => {
    expect(told(orders.freeze(fleet(UNEVEN.flat()), "by ada"))).toMatchObject({
      writes: "shop-control electorate.dev/freeze=by ada",
    });
    const again = told(orders.freeze(fleet(UNEVEN.flat(), control("by ada")), "by bob"));
    expect(again.writes).toBe("nothing");
    expect(again.says).toContain("shop is frozen already (by ada)");
    expect(orders.freeze(fleet(UNEVEN.flat(), control("false")), "by bob").changes).toBe(true);
  });

  it("the end of a freeze moves shards that nobody expected to move", () => {
    const order = orders.unfreeze(fleet(UNEVEN.flat(), control("by ada")));
    expect(told(order)).toEqual({
      writes: "shop-control electorate.dev/freeze=null",
      says: "shop is no longer frozen (by ada); 2 shards will move to b.",
    });
    expect(order.progress(fleet(UNEVEN.flat()))).toEqual({ done: false, text: "2 shards still to move" });
    expect(order.progress(fleet(member("a"), member("b"), shards("aabb"))).done).toBe(true);
    expect(told(orders.unfreeze(fleet(UNEVEN.flat())))).toMatchObject({ writes: "nothing" });
  });
});

describe("names", () => {
  it("a slip of the pen drains somebody else, or is answered without saying who is there", () => {
    expect(() => orders.drain(EVEN, "d")).toThrow('no live member of shop is called "d"; there are a, b, c');
    const pods = fleet(member("shop-0"), member("shop-1"), shards("--"));
    expect(() => orders.cordon(pods, "shop1")).toThrow('there are shop-0, shop-1 (did you mean "shop-1"?)');
    expect(() => orders.pin(EVEN, "pods-0", "b")).toThrow(
      /no shard of shop is called "pods-0"; there are pods-00, .* \(did you mean "pods-00"\?\)/,
    );
    expect(() => orders.pin(EVEN, "pods-00", "z")).toThrow('no live member of shop is called "z"');
    expect(() => orders.unpin(fleet(ABC), "pods-00")).toThrow("there is none yet");
  });

  it("a member that is gone is drained, and whoever asked believes that it was", () => {
    expect(() => orders.drain(fleet(member("a"), member("b", {}, 16)), "b")).toThrow("there is a");
  });

  it("one of two members of a name is drained by chance", () => {
    const twice = fleet(member("a"), member("b"), member("b", {}, 1, "v"));
    expect(() => orders.drain(twice, "b")).toThrow(
      '2 live members are called "b"; name one by its identity: b_ub, b_v',
    );
    expect(told(orders.drain(twice, "b_v")).writes).toBe("shop-member-v electorate.dev/intent=drain");
  });
});
