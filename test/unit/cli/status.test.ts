import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { CoordinatorStatus } from "../../../src/cli/status/model.ts";
import { reportOf, reportsOf } from "../../../src/cli/status/report.ts";
import { ageText } from "../../../src/cli/status/table.ts";
import { overviewText, statusText } from "../../../src/cli/status/text.ts";
import {
  ANNOTATION_FREEZE,
  ANNOTATION_INTENT,
  ANNOTATION_PIN,
  ANNOTATION_RESOURCES,
  LABEL_COORDINATOR,
  LABEL_ROLE,
} from "../../../src/lease/names.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { at, lease, member, NOW, shard } from "../../support/status-leases.ts";

const report = (...versions: LeaseVersion[]): CoordinatorStatus => reportOf("shop", versions, "web", NOW);
const stateOf = (version: LeaseVersion, ...others: LeaseVersion[]) =>
  report(version, ...others).shards.find(({ lease: name }) => name === version.name)?.state;

const MIXED = [
  shard("pods-00", { holder: "a_u-a", epoch: "77" }),
  shard("pods-01", { holder: "b_u-b", epoch: "90", renewed: at(16) }),
  shard("pods-02", { seconds: 1, acquired: "", renewed: at(4) }),
  shard("pods-03", { holder: "client-go-1", epoch: "12" }),
  member("a"),
  member("b", "draining", 16),
  member("c"),
];

describe("the status of a coordinator", () => {
  it("shows shards without an owner first, then foreign ones, with ages, validity and totals", () => {
    expect(statusText(report(...MIXED), "table")).toBe(
      `Coordinator shop in namespace web (ages and validity by this machine's clock, approximate)

SHARD    HOLDER       STATE     EPOCH  TERM   RENEWED  VALID FOR      KEY MAP
pods-01  b            expired   90     1m40s  16s ago  over since 1s  hashring-1/4
pods-02  -            released  -      -      4s ago   over since 4s  hashring-1/4
pods-03  client-go-1  foreign   -      1m40s  1s ago   14s            hashring-1/4
pods-00  a            owned     77     1m40s  1s ago   14s            hashring-1/4

MEMBER  STATE  SHARDS  AGE   LAST SEEN  RESOURCES
a       ready  1       1h1m  1s ago     pods=hashring-1/4
b       gone   1       1h1m  16s ago    pods=hashring-1/4
c       ready  0       1h1m  1s ago     pods=hashring-1/4

4 shards: 1 owned, 2 unowned, 1 foreign. 3 members: 2 ready, 1 gone.
`,
    );
  });

  it("shows identities, Leases, transitions and resource versions when asked for more", () => {
    const text = statusText(
      report(shard("pods-00", { holder: "a_u-a", epoch: "77", keyMap: "hashring-1/1" }), member("a")),
      "wide",
    );
    expect(text.split("\n").slice(2, 4)).toEqual([
      "SHARD    HOLDER  STATE  EPOCH  TERM   RENEWED  VALID FOR  KEY MAP       LEASE         DURATION  TRANSITIONS  RESOURCE VERSION  RENEWAL",
      "pods-00  a_u-a   owned  77     1m40s  1s ago   14s        hashring-1/1  shop-pods-00  15s       3            900               per-shard",
    ]);
  });

  it("is the same data as JSON and YAML", () => {
    const data = report(...MIXED);
    expect(JSON.parse(statusText(data, "json"))).toEqual(JSON.parse(JSON.stringify(data)));
    expect(parse(statusText(data, "yaml"))).toEqual(JSON.parse(JSON.stringify(data)));
    expect(data.totals).toEqual({
      shards: 4,
      owned: 1,
      foreign: 1,
      unclear: 0,
      unowned: 2,
      ready: 2,
      draining: 0,
      gone: 1,
    });
    expect(data.shards[0]).toMatchObject({
      shard: "pods-01",
      holder: "b_u-b",
      termMs: 100_000,
      unownedMs: 1_000,
      renewedMsAgo: 16_000,
      validForMs: -1_000,
      transitions: 3,
    });
  });

  it("shows a shard that members serve and that has no Lease, or nobody would see that it has no owner", () => {
    const [first, ...rest] = report(shard("pods-00", { holder: "a_u-a", keyMap: "hashring-1/2" }), member("a")).shards;
    expect(first).toMatchObject({ shard: "pods-01", lease: "shop-pods-01", state: "missing", holder: "" });
    expect(rest.map((shard) => shard.state)).toEqual(["owned"]);
    expect(report(member("a")).totals).toMatchObject({ shards: 4, owned: 0, unowned: 4 });
    expect(report(member("a", "ready", 16)).totals).toMatchObject({ shards: 0, unowned: 0 });
  });

  it("takes no shard for expired whose Lease stands as long as its holder's member Lease does", () => {
    const lone = { holder: "a_u-a", keyMap: "hashring-1/1", renewed: at(3_600), renewal: "per-member" };
    expect(stateOf(shard("pods-00", lone), member("a"))).toBe("owned");
    expect(stateOf(shard("pods-00", lone), member("a", "ready", 16))).toBe("expired");
    expect(stateOf(shard("pods-00", { ...lone, renewal: "per-shard" }), member("a"))).toBe("expired");
  });

  it("tells a release, which is free at once, from an empty record, which is waited out", () => {
    expect(stateOf(shard("pods-00", { seconds: 1 }))).toBe("released");
    expect(stateOf(shard("pods-00", { seconds: 15 }))).toBe("empty");
    expect(stateOf(shard("pods-00", { spec: undefined }))).toBe("empty");
  });

  it("survives whatever kubectl wrote into a Lease", () => {
    for (const spec of [
      null,
      7,
      "x",
      [],
      { holderIdentity: 7 },
      { holderIdentity: "x", renewTime: "yesterday" },
      { holderIdentity: "x", leaseDurationSeconds: "15" },
    ]) {
      const data = report(
        shard("pods-00", { spec }),
        lease("x", { [LABEL_COORDINATOR]: "shop", [LABEL_ROLE]: "member" }, { [ANNOTATION_RESOURCES]: "{" }, spec),
      );
      for (const output of ["table", "wide", "json", "yaml"] as const)
        expect(statusText(data, output)).toContain("pods-00");
    }
    const unclear = report(shard("pods-00", { holder: "x", renewed: "yesterday" }));
    expect(unclear.shards[0]?.state).toBe("unclear");
    expect(statusText(unclear, "table")).toContain("1 shard: 0 owned, 0 unowned, 1 unclear.");
  });

  it("lets nothing that somebody wrote into a Lease move the cursor or fake a line", () => {
    const text = statusText(report(shard("pods-00", { holder: "evil\u001b[2J\npods-01  a  owned\u202e" })), "table");
    for (const harmful of ["\u001b", "\u202e"]) expect(text).not.toContain(harmful);
    expect(text.split("\n").filter((line) => line.startsWith("pods-01"))).toEqual([]);
  });

  it("never shows the epoch of the holder before a foreign one, and knows the epoch of a first write", () => {
    expect(report(shard("pods-00", { holder: "client-go-1", epoch: "12" })).shards[0]?.epoch).toBeUndefined();
    const first = shard("pods-00", { holder: "a_u-a", acquired: at(1), renewed: at(1), keyMap: "hashring-1/1" });
    expect(report(first, member("a")).shards[0]?.epoch).toBe("900");
    const later = shard("pods-00", { holder: "a_u-a" });
    expect(report(later, member("a")).shards[0]?.epoch).toBeUndefined();
  });

  it("shows a clock ahead of ours without negative ages", () => {
    const text = statusText(
      report(shard("pods-00", { holder: "a_u-a", renewed: at(-3) }), member("a", "ready", -3)),
      "table",
    );
    expect(text).toContain("just now");
    expect(text).toContain("18s");
  });

  it("names a shard whose id holds what the coordinator is called", () => {
    expect(report(shard("deployments.apps-07")).shards[0]?.shard).toBe("deployments.apps-07");
    expect(
      report(lease("other", { [LABEL_COORDINATOR]: "shop", [LABEL_ROLE]: "shard" }, {}, {})).shards[0]?.shard,
    ).toBe("other");
  });

  it("says so when there is nothing yet", () => {
    expect(statusText(report(), "table")).toContain(
      "No shard has a Lease yet.\n\nNo member has a Lease.\n\n0 shards: 0 owned, 0 unowned. 0 members: 0 ready.",
    );
  });
});

/** What is warned of beside Leases that are missing, because a test names one or two shards of a resource that has four. */
function others(...about: Parameters<typeof report>): readonly string[] {
  return report(...about).warnings.filter((text) => !text.startsWith("Missing Leases"));
}

describe("warnings", () => {
  it("name Leases that nobody may make, or list a thousand of them", () => {
    const [first, second, third, fourth] = ["00", "01", "02", "03"].map((bucket) =>
      shard(`pods-${bucket}`, { holder: "a_u-a" }),
    );
    expect(report(first!, second!, third!, fourth!, member("a")).warnings).toEqual([]);
    expect(report(first!, third!, member("a")).warnings).toEqual([
      expect.stringMatching(
        /^Missing Leases: shop-pods-01, shop-pods-03\. .*with lease\.static they never do: make them again/,
      ),
    ]);
    const many = shard("pods-000", { holder: "a_u-a", keyMap: "hashring-1/100" });
    const [warning = ""] = report(many, member("a")).warnings;
    expect(warning.match(/shop-pods-/g)).toHaveLength(20);
    expect(warning).toContain("and 80 more.");
  });

  it("name an absurd duration with its remedy, and leave ordinary ones alone", () => {
    const [warning, ...rest] = others(
      shard("pods-00", { holder: "x", seconds: 86_400 }),
      shard("pods-01", { holder: "a_u-a" }),
      member("a"),
    );
    expect(rest).toEqual([]);
    expect(warning).toBe(
      'Lease shop-pods-00 declares 24h and names "x": nobody takes it before that has passed. If its holder is gone, make sure that it is stopped, delete the Lease, and wait 15s.',
    );
    expect(others(shard("pods-00", { holder: "x", seconds: 60 }), member("a"))).toEqual([]);
  });

  it("name a resource that is held under two key maps, and one that is not", () => {
    const eight = shard("pods-00", { holder: "a_u-a", keyMap: "hashring-1/8" });
    const released = shard("pods-02", { seconds: 1, keyMap: "hashring-1/16" });
    const four = shard("pods-01", { holder: "a_u-a" });
    expect(others(eight, four, member("a"))).toEqual([
      expect.stringMatching(/pods are held under different key maps \(hashring-1\/4, hashring-1\/8\)/),
    ]);
    expect(others(eight, released, member("a"))).toEqual([]);
  });

  it("name a Lease that another program filled, and a member of another protocol", () => {
    expect(others(shard("pods-00", { holder: "x", renewed: "" }))).toEqual([
      expect.stringContaining('names "x" without a valid renewTime'),
    ]);
    expect(others(member("a", "ready", 1, "2"))).toEqual([expect.stringContaining('"a_u-a" speaks another version')]);
  });

  it("stand under the table", () => {
    expect(statusText(report(shard("pods-00", { holder: "x", seconds: 86_400 })), "table")).toContain(
      "\n\nWARNING: Lease shop-pods-00 declares 24h",
    );
  });
});

describe("several coordinators of a namespace", () => {
  const others = [shard("pods-00", { coordinator: "blog", holder: "z" }), lease("foreign", {}, {}, {})];

  it("are listed a line each, without what is nobody's", () => {
    expect(overviewText(reportsOf([...MIXED, ...others], "web", NOW), "table")).toBe(
      `COORDINATOR  SHARDS  OWNED  UNOWNED  FOREIGN  READY  DRAINING  WARNINGS
blog         1       0      0        1        0      0         0
shop         4       1      2        1        2      0         0

Name one with --coordinator to see its shards and members.
`,
    );
  });

  it("are shown in full when there is one, and are always a list to programs", () => {
    const one = reportsOf(MIXED, "web", NOW);
    expect(overviewText(one, "table")).toBe(statusText(report(...MIXED), "table"));
    expect(JSON.parse(overviewText(one, "json"))).toMatchObject({ coordinators: [{ coordinator: "shop" }] });
    expect(parse(overviewText([], "yaml"))).toEqual({ coordinators: [] });
  });
});

describe("an age", () => {
  it.each([
    [undefined, "-"],
    [0, "0s"],
    [340, "0.3s"],
    [9_999, "9.9s"],
    [10_000, "10s"],
    [59_999, "59s"],
    [125_000, "2m5s"],
    [11 * 60_000 + 5_000, "11m"],
    [3 * 3_600_000 + 240_000, "3h4m"],
    [12 * 86_400_000, "12d"],
    [-1_500, "-1.5s"],
  ])("%s is %s", (ms, text) => expect(ageText(ms)).toBe(text));
});

describe("what somebody asked for", () => {
  function asked(version: LeaseVersion, annotation: string, value: string): LeaseVersion {
    return { ...version, annotations: { ...version.annotations, [annotation]: value } };
  }
  const control = lease("shop-control", { [LABEL_COORDINATOR]: "shop", [LABEL_ROLE]: "control" }, {}, undefined);
  const text = (...versions: LeaseVersion[]): string => statusText(report(...versions), "table");

  it("is hidden: a freeze, a pin, a drain", () => {
    const lines = text(
      asked(shard("pods-00", { holder: "a_u-a" }), ANNOTATION_PIN, "a"),
      shard("pods-01", { holder: "b_u-b" }),
      member("a"),
      asked(member("b"), ANNOTATION_INTENT, "drain"),
      asked(control, ANNOTATION_FREEZE, "since noon by ada\u001b[2J"),
    ).split("\n");
    expect(lines[2]).toBe("FROZEN since noon by ada?[2J: no shard that has a live holder moves for the load's sake.");
    expect(lines[4]).toMatch(/ PIN$/);
    expect(lines.find((line) => line.startsWith("pods-00 "))).toMatch(/^pods-00 +a .* a$/);
    expect(lines.find((line) => line.startsWith("pods-01 "))).toMatch(/^pods-01 +b .* -$/);
    expect(lines.find((line) => line.startsWith("b "))).toMatch(/^b +ready,drain +1 /);
  });

  it("takes the place of a shard or a member, or makes a coordinator of nothing but a freeze", () => {
    const data = report(shard("pods-00", { holder: "a_u-a" }), member("a"), asked(control, ANNOTATION_FREEZE, "true"));
    expect(data).toMatchObject({ freeze: "true", totals: { shards: 4, owned: 1, ready: 1 } });
    expect(data.shards.map(({ shard: id }) => id)).not.toContain("control");
    expect(report(control).freeze).toBeUndefined();
  });

  it("binds nothing, and nobody says so", () => {
    const pinned = asked(shard("pods-00", { holder: "a_u-a" }), ANNOTATION_PIN, "c");
    expect(others(pinned, member("a"))).toEqual([
      'The pin of pods-00 to "c" binds nothing: no ready member of that name serves its resource. Start it, or take the pin off with electorate unpin pods-00.',
    ]);
    expect(others(pinned, member("a"), member("c"))).toEqual([]);
    const all = ["a", "b"].map((name) => asked(member(name), ANNOTATION_INTENT, "cordon"));
    expect(others(shard("pods-00", { holder: "a_u-a" }), ...all)).toEqual([
      expect.stringContaining("Every ready member is drained or cordoned"),
    ]);
    expect(others(shard("pods-00", { holder: "a_u-a" }), ...all, member("c"))).toEqual([]);
  });
});
