/** The chart and the image on a real node: what operators do to a fleet, and what happens to it, each with its figures. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { ImageBuild } from "../support/image.ts";
import { say } from "../support/integration.ts";
import { KubernetesNode, nodeMissing, requireNode } from "../support/node.ts";
import { until } from "../support/waiting.ts";
import { DeployedFleet, NAMESPACE, SHARDS } from "./fleet.ts";

const RESTRICTED = "pod-security.kubernetes.io/enforce=restricted";
const SETUP_MS = 600_000;
const TEST_MS = 300_000;

let node: KubernetesNode;
let fleet: DeployedFleet;
let sinceNs = 0n;

beforeAll(async () => {
  if (nodeMissing() !== undefined) return;
  const build = new ImageBuild();
  try {
    const [archive, started] = await Promise.all([build.archive(), KubernetesNode.start()]);
    node = started;
    await node.load(archive);
  } finally {
    build.close();
  }
  await node.kubectl(["create", "namespace", NAMESPACE]);
  await node.kubectl(["label", "namespace", NAMESPACE, RESTRICTED]);
  fleet = new DeployedFleet(node);
  await fleet.createObjects();
  await fleet.deploy("install", "one");
  await fleet.balanced(3);
}, SETUP_MS);
afterAll(async () => {
  fleet?.logs.stop();
  await node?.stop();
}, SETUP_MS);

beforeEach((context) => {
  requireNode(context);
  sinceNs = process.hrtime.bigint();
});
afterEach(async ({ task }) => {
  if (fleet === undefined) return;
  if (task.result?.state === "fail") process.stdout.write(`${fleet.report()}\nfaults:\n${fleet.faults().join("\n")}\n`);
  else say(fleet.figures(task.name, sinceNs));
}, TEST_MS);

/** Each shard was opened once since the test began. */
const ONCE = Array.from({ length: SHARDS }, () => 1);

async function nothingIsLost(): Promise<void> {
  await fleet.everyKeyIsWorkedOn();
  expect(fleet.faults()).toEqual([]);
}

it(
  "installed, a pod breaks a rule of restricted namespaces, or a key is never worked on",
  async () => {
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "scaled up and down, shards stay where they were, or have two owners",
  async () => {
    const scale = (replicas: number) =>
      node.kubectl(["scale", "deployment/shop-electorate", "-n", NAMESPACE, `--replicas=${replicas}`]);
    await scale(5);
    await fleet.balanced(5);
    await scale(2);
    await fleet.balanced(2);
    await scale(3);
    await fleet.balanced(3);
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "upgraded, a shard moves more than once",
  async () => {
    await fleet.deploy("upgrade", "two");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs).values()]).toEqual(ONCE);
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "upgraded with the same values, a shard moves",
  async () => {
    await fleet.deploy("upgrade", "two");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs)]).toEqual([]);
  },
  TEST_MS,
);

it(
  "tested by helm, a handoff is not survived",
  async () => {
    expect(await fleet.helm("test", "--timeout", "180s", "--logs")).toMatch(
      /ok: the \d+ shards of .* were handed over, and all 16 are owned/,
    );
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "rolled back, a shard moves more than once",
  async () => {
    await fleet.balanced(3);
    sinceNs = process.hrtime.bigint();
    await fleet.helm("rollback", "--wait", "--timeout", "180s", "1");
    await fleet.balanced(3);
    expect([...fleet.openings(sinceNs).values()]).toEqual(ONCE);
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "evicted, two pods are away at once, or their shards wait for the Leases to expire",
  async () => {
    const [first, second] = await fleet.balanced(3);
    const evict = (pod: string) => {
      const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: NAMESPACE } };
      const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod}/eviction`;
      return node.run(["kubectl", "create", "--raw", path, "-f", "-"], JSON.stringify(eviction));
    };
    expect(await evict(first!.name)).toMatchObject({ code: 0 });
    expect((await evict(second!.name)).stderr).toMatch(
      /Cannot evict pod as it would violate the pod's disruption budget/,
    );
    await fleet.balanced(3, first!.name);
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "deleted without grace, a pod and its successor act for one shard",
  async () => {
    const [pod] = await fleet.balanced(3);
    fleet.logs.killed(pod!.name);
    await node.kubectl(["delete", "pod", pod!.name, "-n", NAMESPACE, "--grace-period=0", "--force"]);
    await fleet.balanced(3, pod!.name);
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "killed, a container does not come back to its share",
  async () => {
    const [pod] = await fleet.balanced(3);
    fleet.logs.killed(pod!.name);
    await node.exec(["ctr", "tasks", "kill", "--signal", "SIGKILL", pod!.containerId]);
    await fleet.balanced(3);
    await nothingIsLost();
  },
  TEST_MS,
);

it.each(["both", "answers"] as const)(
  "cut off (%s), a pod acts for a shard that another has taken",
  async (what) => {
    // Another pod than the one before: one that goes too often is given nothing for a while.
    const pod = (await fleet.balanced(3)).at(what === "both" ? 1 : 2);
    await node.kubectl(["config", "set-context", "--current", `--namespace=${NAMESPACE}`]);
    await node.cut(pod!.name, what);
    await fleet.owned(pod!.name);
    await node.heal(pod!.name);
    await fleet.balanced(3);
    await nothingIsLost();
  },
  TEST_MS,
);

it.each([5, 30])(
  "without an API server for %i s, a shard has two owners or is never owned again",
  async (seconds) => {
    await node.exec(["bash", "-c", "kill -STOP $(pidof kube-apiserver)"]);
    await delay(seconds * 1_000);
    await node.exec(["bash", "-c", "kill -CONT $(pidof kube-apiserver)"]);
    // Not evenly, perhaps: whoever was blind saw all others go, and gives those that go too often nothing for a while.
    await fleet.owned();
    await nothingIsLost();
  },
  TEST_MS,
);

it(
  "uninstalled, more is left behind than released Leases",
  async () => {
    // Rights go with the release: replicas that are to give their Leases back stop first.
    await node.kubectl(["scale", "deployment/shop-electorate", "-n", NAMESPACE, "--replicas=0"]);
    await node.kubectl([
      "wait",
      "--for=delete",
      "pod",
      "-n",
      NAMESPACE,
      "-l",
      "app.kubernetes.io/name=electorate",
      "--timeout=60s",
    ]);
    await fleet.helm("uninstall", "--wait", "--timeout", "120s");
    const kinds =
      "all,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,clusterroles,clusterrolebindings,flowschemas,validatingadmissionpolicies";
    const ours = ["get", kinds, "-n", NAMESPACE, "-l", "app.kubernetes.io/instance=shop", "-o", "name"];
    // Pods outlive their Deployment by the time that they take to stop.
    await until("no object of the release", 60_000, async () => (await node.kubectl(ours)) === "");
    const holder = '{range .items[*]}{.metadata.labels.electorate\\.dev/role} {.spec.holderIdentity}{"\\n"}{end}';
    const leases = await node.kubectl(["get", "leases", "-n", NAMESPACE, "-o", `jsonpath=${holder}`]);
    expect(leases.split("\n").filter((line) => line.startsWith("shard") && line !== "shard ")).toEqual([]);
    expect(fleet.faults()).toEqual([]);
  },
  TEST_MS,
);
