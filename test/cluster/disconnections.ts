import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { say } from "../support/integration.ts";
import type { KubernetesNode } from "../support/node.ts";
import { until } from "../support/waiting.ts";
import { NAMESPACE } from "./fleet.ts";
import { Pair, type Roles } from "./pair.ts";

const TEST_MS = 400_000;

/**
 * The local test of Kooper's documentation: two replicas are disconnected one after the other and connected again one after the other, in every
 * order, and at each moment the right one of them leads, or none. `begun` is told until when they need the API server.
 */
export function disconnections(nodeOf: () => KubernetesNode | undefined, begun: (over: Promise<void>) => void): void {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let pair: Pair;
  beforeAll(async () => {
    const node = nodeOf();
    if (node === undefined) return;
    begun(over);
    pair = new Pair(node, NAMESPACE);
    await pair.deploy();
  }, TEST_MS);
  afterAll(() => {
    pair?.logs.stop();
    resolve();
  });
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stdout.write(`${pair?.report()}\n`);
  });

  it.for<[first: keyof Roles, back: keyof Roles]>([
    ["leader", "leader"],
    ["leader", "standby"],
    ["standby", "leader"],
    ["standby", "standby"],
  ])(
    "disconnected, the %s first, and connected, the %s first: two lead, or none does who could",
    { concurrent: false, timeout: TEST_MS },
    async ([first, back]) => {
      const { node } = pair;
      const roles = await pair.fresh();
      const other = (role: keyof Roles) => (role === "leader" ? roles.standby : roles.leader);
      await node.cut(roles[first], "both");
      // A standby that cannot see the Lease changes nothing; nobody waits for it.
      await pair.ledBy(roles.standby === roles[first] ? roles.leader : roles.standby);
      await pair.everyObjectIsHandled();
      await node.cut(other(first), "both");
      await pair.ledBy(undefined);
      await node.heal(roles[back]);
      await pair.ledBy(roles[back]);
      await pair.everyObjectIsHandled();
      await node.heal(other(back));
      // It is back when it leads as the other goes.
      await node.cut(roles[back], "both");
      await pair.ledBy(other(back));
      await pair.everyObjectIsHandled();
      await node.heal(roles[back]);
      await until(
        "who lost its leadership to end",
        TEST_MS,
        () => pair.endedByLoss(roles.leader),
        () => pair.report(),
      );
      expect(pair.faults()).toEqual([]);
      say(`disconnected ${first} first, connected ${back} first: ${pair.faults().length} overlaps`);
    },
  );
}
