/** The chart and the image on a real node: what operators do to a fleet, and what happens to it, each with its figures. */
import { statSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import { ImageBuild } from "../support/image.ts";
import { say } from "../support/integration.ts";
import { KubernetesNode, nodeMissing, requireNode } from "../support/node.ts";
import { disconnections } from "./disconnections.ts";
import { NAMESPACE } from "./fleet.ts";
import { operations } from "./operations.ts";

const RESTRICTED = "pod-security.kubernetes.io/enforce=restricted";
const SETUP_MS = 600_000;

let node: KubernetesNode | undefined;

beforeAll(async () => {
  if (nodeMissing() !== undefined) return;
  const build = new ImageBuild();
  try {
    const [archive, started] = await Promise.all([build.archive(), KubernetesNode.start()]);
    node = started;
    say(`the image is ${(statSync(archive).size / 1e6).toFixed(0)} MB, uncompressed`);
    await node.load(archive);
  } finally {
    build.close();
  }
  await node.kubectl(["create", "namespace", NAMESPACE]);
  await node.kubectl(["label", "namespace", NAMESPACE, RESTRICTED]);
  // Where the node's program looks for the pods that it cuts off.
  await node.kubectl(["config", "set-context", "--current", `--namespace=${NAMESPACE}`]);
}, SETUP_MS);
afterAll(() => node?.stop(), SETUP_MS);
beforeEach((context) => requireNode(context));

/** Who takes away what both stand on waits for the other. */
let apart: Promise<void> = Promise.resolve();

// Both wait for Leases most of the time, and neither knows of the other.
describe("a release", { concurrent: true }, () => {
  operations(
    () => node,
    () => apart,
  );
});
describe("two replicas of a controller", { concurrent: true }, () => {
  disconnections(
    () => node,
    (over) => {
      apart = over;
    },
  );
});
