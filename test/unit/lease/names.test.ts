import { describe, expect, it } from "vitest";
import { createIdentity, resourceLabel, shardLabels, shardsOf } from "../../../src/lease/names.ts";

const apps = { group: "apps", plural: "deployments" };

describe("names of Leases", () => {
  it("are built so that people, dashboards and other replicas find them", () => {
    expect(shardsOf("shop", apps, 2, "m").map(({ leaseName }) => leaseName)).toEqual([
      "shop-deployments.apps-00",
      "shop-deployments.apps-01",
    ]);
    expect(shardsOf("shop", { group: "", plural: "configmaps" }, 1, "m")[0]).toMatchObject({
      id: "configmaps-00",
      leaseName: "shop-configmaps-00",
    });
  });

  it("sort by bucket up to a hundred, and do not collide beyond", () => {
    const shards = shardsOf("shop", apps, 120, "m");
    expect(shards[7]?.id).toBe("deployments.apps-07");
    expect(shards[119]?.id).toBe("deployments.apps-119");
    expect(new Set(shards.map(({ leaseName }) => leaseName)).size).toBe(120);
  });

  it("253 characters are taken and 254 refused at the start, not by the API server later", () => {
    const group = "example.com";
    const coordinator = "c".repeat(253 - `-widgets.${group}-00`.length);
    expect(shardsOf(coordinator, { group, plural: "widgets" }, 1, "m")[0]?.leaseName).toHaveLength(253);
    expect(() => shardsOf(`${coordinator}c`, { group, plural: "widgets" }, 1, "m")).toThrow(/254 characters/);
  });

  it("the bucket that makes the name too long is the one that is refused: more buckets need more room", () => {
    const coordinator = "c".repeat(253 - "-widgets-00".length);
    expect(() => shardsOf(coordinator, { group: "", plural: "widgets" }, 100, "m")).not.toThrow();
    expect(() => shardsOf(coordinator, { group: "", plural: "widgets" }, 101, "m")).toThrow(/widgets-100/);
  });

  it.each(["shop_1", "-shop", "shop.", "shop..x", "späti", "a b"])(
    "a coordinator called %j cannot have Leases",
    (coordinator) => {
      expect(() => shardsOf(coordinator, apps, 1, "m")).toThrow(/DNS subdomain/);
    },
  );

  it("upper case in a coordinator's name does not make a Lease that the API server refuses", () => {
    expect(shardsOf("Shop", apps, 1, "m")[0]?.leaseName).toBe("shop-deployments.apps-00");
  });
});

describe("labels", () => {
  it("63 characters are the name itself, 64 are not a label any more and become head and hash", () => {
    const fits = `${"p".repeat(51)}.example.com`;
    expect(fits).toHaveLength(63);
    expect(resourceLabel(fits)).toBe(fits);
    const long = `p${fits}`;
    expect(resourceLabel(long)).toHaveLength(63);
    expect(resourceLabel(long)).toMatch(/^p{52}\.e-[0-9a-f]{8}$/);
  });

  it("two long names with one head are two labels", () => {
    const head = "p".repeat(60);
    expect(resourceLabel(`${head}.a.example.com`)).not.toBe(resourceLabel(`${head}.b.example.com`));
  });

  it("say coordinator, role, resource and bucket", () => {
    const [shard] = shardsOf("shop", apps, 1, "m");
    if (shard === undefined) throw new Error("no shard");
    expect(shardLabels("shop", shard)).toEqual({
      "electorate.dev/coordinator": "shop",
      "electorate.dev/role": "shard",
      "electorate.dev/resource": "deployments.apps",
      "electorate.dev/bucket": "00",
    });
  });
});

describe("identities", () => {
  it("two starts of one pod are two identities", () => {
    expect(createIdentity("pod-1", "a").text).not.toBe(createIdentity("pod-1", "b").text);
    expect(createIdentity("pod-1", "a")).toEqual({ text: "pod-1_a", name: "pod-1", uuid: "a" });
  });

  it.each(["", "a_b", " a", "a\n"])("a name of %j would make the identity ambiguous", (name) => {
    expect(() => createIdentity(name, "uuid")).toThrow(/identity must be/);
  });
});
