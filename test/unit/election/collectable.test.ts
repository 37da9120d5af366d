import { describe, expect, it } from "vitest";
import { collectable, type Estate, type Stray } from "../../../src/election/collectable.ts";
import { type LeaseVersion, parseLease } from "../../../src/lease/record.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";

const L = 15_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const MAP = "hashring-1/8";

interface Described {
  /** Monotonic; when it was seen to change last. */
  readonly seenMs?: number;
  readonly seconds?: number;
  readonly state?: string;
  readonly protocol?: string;
  readonly resources?: Readonly<Record<string, string>>;
  readonly channel?: "watch" | "list";
  readonly name?: string;
}

function memberLease(identity: string, rv: number, described: Described): LeaseVersion {
  const { seconds = 15, state = "ready", protocol = "1", resources = { configmaps: MAP } } = described;
  const annotations = {
    "electorate.dev/identity": identity,
    "electorate.dev/protocol": protocol,
    "electorate.dev/state": state,
    "electorate.dev/resources": JSON.stringify(resources),
  };
  const labels = { "electorate.dev/coordinator": "shop", "electorate.dev/role": "member" };
  const { name = `shop-member-${identity.slice(identity.indexOf("_") + 1)}` } = described;
  return parseLease({
    metadata: { name, uid: `uid-${name}`, resourceVersion: String(rv), labels, annotations },
    spec: { holderIdentity: identity, leaseDurationSeconds: seconds, renewTime: "2026-01-01T00:00:00.000001Z" },
  });
}

function rosterOf(members: Readonly<Record<string, Described>>): Roster {
  return Object.entries(members).reduce(
    (roster, [identity, described], index) =>
      observeMember(
        roster,
        memberLease(identity, index + 1, described),
        described.channel ?? "watch",
        described.seenMs ?? 0,
        L,
      ),
    EMPTY_ROSTER,
  );
}

interface DescribedStray {
  readonly resource?: string;
  readonly bucket?: number;
  readonly holder?: string;
  readonly seenMs?: number;
  readonly waitMs?: number;
  readonly renewal?: string;
  readonly keyMap?: string | null;
  readonly name?: string;
}

function stray(described: DescribedStray = {}): Stray {
  const {
    resource = "secrets",
    bucket = 0,
    holder = "",
    seenMs = 0,
    waitMs = L,
    renewal = "per-shard",
    keyMap = MAP,
  } = described;
  const id = `${resource}-0${bucket}`;
  const version = parseLease({
    metadata: {
      name: described.name ?? `shop-${id}`,
      uid: `uid-${id}`,
      resourceVersion: "900",
      labels: {
        "electorate.dev/coordinator": "shop",
        "electorate.dev/role": "shard",
        "electorate.dev/bucket": `0${bucket}`,
      },
      annotations: {
        "electorate.dev/resource": resource,
        "electorate.dev/renewal": renewal,
        ...(keyMap === null ? {} : { "electorate.dev/key-map": keyMap }),
      },
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: 1 },
  });
  return { version, sinceMs: seenMs, waitMs };
}

const ME = "me_m1";

/** What is litter at `monotonicMs`, with this replica alive. */
function litter(
  monotonicMs: number,
  estate: {
    readonly members?: Readonly<Record<string, Described>>;
    readonly strays?: readonly Stray[];
    readonly holders?: readonly string[];
    readonly identity?: string;
  },
): string[] {
  const own = { [ME]: { seenMs: monotonicMs - 1 } };
  const about: Estate = {
    coordinator: "shop",
    identity: estate.identity ?? ME,
    monotonicMs,
    roster: rosterOf({ ...own, ...estate.members }),
    strays: estate.strays ?? [],
    holders: new Set(estate.holders),
  };
  return collectable(about).map(({ name }) => name);
}

describe("the Leases of dead members", () => {
  const dead = { dead_d1: {} };

  it("pile up for ever, one for each process that was killed", () => {
    expect(litter(L + 10 * MINUTE, { members: dead })).toEqual(["shop-member-d1"]);
  });

  it("are taken from a member that is only slow, cut off or suspended for a while", () => {
    expect(litter(L + 10 * MINUTE - 1, { members: dead })).toEqual([]);
    const long = { dead_d1: { seconds: 120 } };
    expect(litter(120_000 + 20 * MINUTE - 1, { members: long })).toEqual([]);
    expect(litter(120_000 + 20 * MINUTE, { members: long })).toEqual(["shop-member-d1"]);
  });

  it("are taken away from those who judge by them whether its shards are free", () => {
    expect(litter(HOUR, { members: dead, holders: ["dead_d1"] })).toEqual([]);
  });

  it("of another protocol are judged by rules that it does not follow", () => {
    expect(litter(HOUR, { members: { dead_d1: { protocol: "2" } } })).toEqual([]);
  });

  it("stay for ever once somebody has edited the identity away", () => {
    expect(litter(HOUR, { members: { "": { name: "shop-member-d1" } }, holders: [""] })).toEqual(["shop-member-d1"]);
  });

  it("are taken for such because of their labels", () => {
    expect(litter(HOUR, { members: { dead_d1: { name: "payroll" } } })).toEqual([]);
  });

  it("are deleted by a replica for its own death", () => {
    expect(litter(HOUR, { members: { ...dead, [ME]: { seenMs: 0 } } })).toEqual([]);
  });
});

describe("the Leases of shards that nobody serves", () => {
  it("stay for ever after a resource or a bucket is taken out of the configuration", () => {
    const strays = [stray(), stray({ resource: "configmaps", bucket: 8 })];
    expect(litter(HOUR + L, { strays })).toEqual(["shop-secrets-00", "shop-configmaps-08"]);
  });

  it("are deleted under a holder, or a moment after it", () => {
    expect(litter(HOUR + L - 1, { strays: [stray()] })).toEqual([]);
    const held = stray({ holder: "client-go", seenMs: 10 * MINUTE, waitMs: 60_000 });
    expect(litter(HOUR + 11 * MINUTE - 1, { strays: [held] })).toEqual([]);
    expect(litter(HOUR + 11 * MINUTE, { strays: [held] })).toEqual(["shop-secrets-00"]);
  });

  it.each([
    ["serves the bucket", { resources: { secrets: "hashring-1/1" } }],
    ["drains, and serves it until then", { state: "draining", resources: { secrets: "hashring-1/1" } }],
    ["is silent for some minutes only", { seenMs: HOUR - 5 * MINUTE, resources: { secrets: "hashring-1/1" } }],
    ["is known from a list only", { channel: "list", resources: { secrets: "hashring-1/1" } }],
    ["serves it under a key map that cannot be read", { resources: { secrets: "newer" } }],
    ["does not say yet what it serves", { resources: {} }],
    ["speaks another protocol, whatever it says", { protocol: "2" }],
  ] as const)("are taken from a member that %s", (_, described) => {
    expect(litter(HOUR + L, { members: { other_o1: { seenMs: HOUR, ...described } }, strays: [stray()] })).toEqual([]);
  });

  it("are kept alive by a member that died long ago, or serves fewer buckets", () => {
    const members = {
      dead_d1: { seenMs: 0, resources: { secrets: MAP } },
      other_o1: { seenMs: HOUR, resources: { secrets: "hashring-1/4" } },
    };
    const strays = [stray({ bucket: 3 }), stray({ bucket: 4 })];
    expect(litter(HOUR + L, { members, strays, holders: ["dead_d1"] })).toEqual(["shop-secrets-04"]);
  });

  it("that stand by their holder's member Lease are taken from a member that never writes them", () => {
    const held = stray({ holder: "other_o1", renewal: "per-member" });
    const alive = { other_o1: { seenMs: 2 * HOUR - 1 } };
    expect(litter(2 * HOUR, { members: alive, strays: [held], holders: ["other_o1"] })).toEqual([]);
    const dead = { other_o1: { seenMs: HOUR } };
    expect(litter(2 * HOUR + L - 1, { members: dead, strays: [held], holders: ["other_o1"] })).toEqual([]);
    expect(litter(2 * HOUR + L, { members: dead, strays: [held], holders: ["other_o1"] })).toEqual(["shop-secrets-00"]);
    // Its Lease is gone, and since when is not known.
    expect(litter(9 * HOUR, { strays: [held], holders: ["other_o1"] })).toEqual([]);
  });

  it("of somebody else are deleted because of their labels", () => {
    const strays = [stray({ keyMap: null }), stray({ name: "payroll" }), stray({ name: "shop-secrets-07" })];
    expect(litter(9 * HOUR, { strays })).toEqual([]);
  });
});

describe("who clears", () => {
  const strays = Array.from({ length: 8 }, (_, bucket) => stray({ bucket }));
  const alive = (monotonicMs: number): Record<string, Described> => ({
    a_a1: { seenMs: monotonicMs - 1 },
    b_b1: { seenMs: monotonicMs - 1 },
    [ME]: { seenMs: monotonicMs - 1 },
  });
  const shares = (monotonicMs: number): string[][] =>
    ["a_a1", "b_b1", ME].map((identity) => litter(monotonicMs, { members: alive(monotonicMs), strays, identity }));

  it("every replica sends the same DELETE, or none does", () => {
    const all = shares(HOUR + L).flat();
    expect(all.toSorted()).toEqual(strays.map(({ version }) => version.name));
  });

  it("a replica that may not delete leaves its share for ever", () => {
    for (const share of shares(HOUR + L + 2 * MINUTE)) expect(share).toHaveLength(8);
  });

  it("a replica that drains, or that has not been seen alive, clears", () => {
    const monotonicMs = 2 * HOUR;
    for (const described of [{ state: "draining" }, { channel: "list" }, { seenMs: 0 }] as const) {
      const members = { ...alive(monotonicMs), [ME]: { seenMs: monotonicMs - 1, ...described } };
      expect(litter(monotonicMs, { members, strays })).toEqual([]);
    }
  });
});
