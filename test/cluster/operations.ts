import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { say } from "../support/integration.ts";
import type { KubernetesNode } from "../support/node.ts";
import { until } from "../support/waiting.ts";
import { DeployedFleet, LEASE_MS, NAMESPACE, SHARDS, valuesOf } from "./fleet.ts";
import { Prometheus } from "./prometheus.ts";

const SETUP_MS = 600_000;
const TEST_MS = 300_000;
const BOUND_MS = 60_000;

/** Each shard was opened once since the story began. */
const ONCE = Array.from({ length: SHARDS }, () => 1);

/** Alerts that a fleet to which nothing happens must not raise. Those of shares of failures remember how it came up. */
const CALM =
  /^Electorate(NoReplica|ShardUnowned|Overrun|ShardsBlocked|TooFewMembers|MemberDrains|GateMarginLow|IdentityLost)$/;

/**
 * What is done to a release by those who operate it, and what befalls it, one after the other: 3 replicas, 2 kinds, 16 shards, 500 objects.
 * The API server is taken away only when `apart` has resolved.
 */
export function operations(nodeOf: () => KubernetesNode | undefined, apart: () => Promise<void>): void {
  let node: KubernetesNode;
  let fleet: DeployedFleet;
  let prometheus: Prometheus;
  let sinceNs = 0n;

  beforeAll(async () => {
    const given = nodeOf();
    if (given === undefined) return;
    node = given;
    fleet = new DeployedFleet(node);
    await fleet.createObjects();
    await fleet.deploy("install", "one");
    const pods = await fleet.balanced(3);
    say(`ready ${pods.map(({ startSeconds }) => startSeconds).join(", ")} s after the pods were placed, three at once`);
    prometheus = await Prometheus.start(node, NAMESPACE, valuesOf("one"));
    fleet.seen = (seen) => prometheus.reads(seen);
    fleet.seen(pods);
  }, SETUP_MS);
  afterAll(() => fleet?.logs.stop());
  beforeEach(() => {
    sinceNs = process.hrtime.bigint();
  });
  afterEach(({ task }) => {
    if (fleet === undefined) return;
    if (task.result?.state === "fail")
      process.stdout.write(`${fleet.report()}\nfaults:\n${fleet.faults().join("\n")}\n`);
    else say(fleet.figures(task.name, sinceNs));
  }, TEST_MS);

  const story = (title: string, body: () => Promise<void>): void =>
    it(title, { concurrent: false, timeout: TEST_MS }, body);

  /** Every object is changed; while it is, the story goes on. */
  async function nothingIsLost(changed: Promise<string> = fleet.change()): Promise<void> {
    await fleet.everyKeyIsWorkedOn(await changed);
    expect(fleet.faults()).toEqual([]);
  }

  /** Whatever was planned was handed over or freed: no shard waited for a Lease to expire. */
  function nothingExpired(): void {
    expect(fleet.longestGapMs(sinceNs)).toBeLessThan(LEASE_MS);
  }

  async function fires(...alerts: readonly string[]): Promise<void> {
    let fired: readonly string[] = [];
    await until(
      `${alerts.join(", ")} to fire`,
      BOUND_MS,
      async () => {
        fired = await prometheus.firedWithin(Number(process.hrtime.bigint() - sinceNs) / 1e9);
        return alerts.every((alert) => fired.includes(alert));
      },
      () => `fired: ${fired.join(", ")}`,
    );
  }

  const scale = (replicas: number): Promise<string> =>
    node.kubectl(["scale", "deployment/shop-electorate", "-n", NAMESPACE, `--replicas=${replicas}`]);

  story("installed, a pod breaks a rule of restricted namespaces, or a key is never worked on", async () => {
    await nothingIsLost();
    await prometheus.hasRead(3);
    expect((await prometheus.firing()).filter((alert) => CALM.test(alert))).toEqual([]);
  });

  story("scaled up and down, shards stay where they were, have two owners, or wait for a Lease to expire", async () => {
    const changed = fleet.change();
    await scale(5);
    await fleet.balanced(5);
    await scale(2);
    await fleet.balanced(2);
    await scale(3);
    await fleet.balanced(3);
    await nothingIsLost(changed);
    nothingExpired();
  });

  story("upgraded, a shard moves more than once", async () => {
    const changed = fleet.change();
    await fleet.deploy("upgrade", "two");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs).values()]).toEqual(ONCE);
    await nothingIsLost(changed);
    nothingExpired();
  });

  story("upgraded with the same values, a shard moves", async () => {
    await fleet.deploy("upgrade", "two");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs)]).toEqual([]);
  });

  story("tested by helm, a handoff is not survived", async () => {
    const changed = fleet.change();
    expect(await fleet.helm("test", "--timeout", "180s", "--logs")).toMatch(
      /ok: the \d+ shards of .* were handed over, and all 16 are owned/,
    );
    await nothingIsLost(changed);
    nothingExpired();
  });

  story("rolled back, a shard moves more than once", async () => {
    // The test has drained a replica, which gets its share back.
    await fleet.balanced(3);
    sinceNs = process.hrtime.bigint();
    const changed = fleet.change();
    await fleet.helm("rollback", "--wait", "--timeout", "180s", "1");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs).values()]).toEqual(ONCE);
    await nothingIsLost(changed);
    nothingExpired();
  });

  story("evicted in turn, two pods are away at once, or their shards wait for the Leases to expire", async () => {
    const changed = fleet.change();
    let alive = await fleet.balanced(3);
    for (const { name } of alive) {
      const other = alive.find((pod) => pod.name !== name)?.name ?? "";
      expect(await evict(name)).toMatchObject({ code: 0 });
      // At once: as soon as another pod is there in its place it is allowed.
      expect((await evict(other)).stderr).toMatch(
        /\(TooManyRequests\): Cannot evict pod as it would violate the pod's disruption budget/,
      );
      alive = await fleet.balanced(3, name);
    }
    await nothingIsLost(changed);
    nothingExpired();
  });

  const evict = (pod: string) => {
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: NAMESPACE } };
    const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`;
    return node.run(["kubectl", "create", "--raw", path, "-f", "-"], JSON.stringify(eviction));
  };

  story("deleted without grace, a pod and its successor act for one shard", async () => {
    const [pod] = await fleet.balanced(3);
    const changed = fleet.change();
    fleet.logs.killed(pod!.name);
    await node.kubectl(["delete", "pod", pod!.name, "-n", NAMESPACE, "--grace-period=0", "--force"]);
    await fleet.balanced(3, pod!.name);
    await nothingIsLost(changed);
  });

  story("killed, a container does not come back to its share", async () => {
    const [pod] = await fleet.balanced(3);
    const changed = fleet.change();
    fleet.logs.killed(pod!.name);
    await node.exec(["ctr", "tasks", "kill", "--signal", "SIGKILL", pod!.containerId]);
    await fleet.balanced(3);
    await nothingIsLost(changed);
  });

  it.for(["both", "answers"] as const)(
    "cut off (%s), a pod acts for a shard that another has taken",
    { concurrent: false, timeout: TEST_MS },
    async (what) => {
      // Another pod than the one before: one that goes too often is given nothing for a while.
      const pod = (await fleet.balanced(3)).at(what === "both" ? 1 : 2);
      const changed = fleet.change();
      await node.cut(pod!.name, what);
      await fleet.owned(pod!.name);
      await fires("ElectorateTooFewMembers");
      await node.heal(pod!.name);
      await fleet.balanced(3);
      await nothingIsLost(changed);
    },
  );

  it.for([
    ["frozen", 5],
    ["ended", 30],
  ] as const)(
    "without an API server, which is %s for %i s, a shard has two owners or is never owned again",
    { concurrent: false, timeout: TEST_MS },
    async ([how, seconds]) => {
      await apart();
      const bringBack = await node.loseApiServer(how);
      await delay(seconds * 1_000);
      await bringBack();
      // Not evenly, perhaps: whoever was blind saw all others go, and gives those that go too often nothing for a while.
      await fleet.owned();
      await node.isReady();
      await nothingIsLost();
      if (how === "ended") await fires("ElectorateShardUnowned", "ElectorateTooFewMembers");
    },
  );

  story("uninstalled, more is left behind than released Leases", async () => {
    // Rights go with the release: replicas that are to give their Leases back stop first.
    await scale(0);
    const pods = ["pod", "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=shop"];
    await node.kubectl(["wait", "--for=delete", ...pods, "--timeout=60s"]);
    await fires("ElectorateNoReplica");
    await fleet.helm("uninstall", "--wait", "--timeout", "120s");
    const kinds =
      "all,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,clusterroles,clusterrolebindings,flowschemas," +
      "validatingadmissionpolicies,validatingadmissionpolicybindings";
    const ours = ["get", kinds, "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=shop", "-o", "name"];
    // Pods outlive their Deployment by the time that they take to stop.
    await until("no object of the release", BOUND_MS, async () => (await node.kubectl(ours)) === "");
    const leases = ["leases", "-n", NAMESPACE, "-l", "electorate.dev/coordinator=shop-electorate"];
    const holder = '{range .items[*]}{.metadata.labels.electorate\\.dev/role} {.spec.holderIdentity}{"\\n"}{end}';
    const left = (await node.kubectl(["get", ...leases, "-o", `jsonpath=${holder}`])).split("\n").filter(Boolean);
    expect(left.filter((line) => line.startsWith("shard"))).toEqual(Array.from({ length: SHARDS }, () => "shard "));
    await node.kubectl(["delete", ...leases]);
    expect(fleet.faults()).toEqual([]);
  });
}
