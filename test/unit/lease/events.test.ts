import { describe, expect, it } from "vitest";
import { ApiServerCore } from "../../../src/embedded/core.ts";
import { coreTransport } from "../../../src/embedded/transport.ts";
import { EVENTS, type KubeApi } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { type EventPlace, LeaseEvents, type OwnPod } from "../../../src/lease/events.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { SeededRandomness } from "../../simulation/world.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const POD: OwnPod = { name: "pod-a", namespace: "web", uid: "pod-uid" };

function world(identity: string, wrap: (api: KubeClient) => KubeApi = (api) => api, ownPod?: OwnPod) {
  const clock = new VirtualClock();
  const randomness = new SeededRandomness(1);
  const api = new KubeClient(coreTransport(new ApiServerCore({ clock, randomness, namespaces: ["web"] }), { clock }), {
    clock,
    randomness,
  });
  const warnings: string[] = [];
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void warnings.push(message) };
  const trouble = new TroubleLog(log);
  const of = (who: string): LeaseEvents =>
    new LeaseEvents({ api: wrap(api), namespace: "default", identity: who, ownPod, deadlineMs: 2_000, clock, trouble });
  const stored = async () => {
    const list = api.list(EVENTS, {});
    await clock.advance(1);
    return (await list).objects;
  };
  const tell = async (
    once = "uid-1/7",
    lease = "shop-configmaps-00",
    who = identity,
    at?: EventPlace,
  ): Promise<void> => {
    const event = {
      lease,
      uid: "uid-1",
      reason: "ShardUnowned",
      action: "WatchShard",
      note: "Shard configmaps-00 has been without a live owner for 30 s.",
      once,
    };
    const told = of(who).tell(event, at);
    await clock.advance(1);
    await told;
  };
  return { tell, stored, warnings };
}

describe("Events about Leases", () => {
  it("the API server refuses them, or kubectl does not show them at their Lease", async () => {
    const { tell, stored, warnings } = world("pod-a_1");
    await tell();
    expect(warnings).toEqual([]);
    expect(await stored()).toMatchObject([
      {
        regarding: { kind: "Lease", namespace: "default", name: "shop-configmaps-00", uid: "uid-1" },
        type: "Warning",
        reason: "ShardUnowned",
        action: "WatchShard",
        reportingController: "electorate.dev/coordinator",
        reportingInstance: "pod-a_1",
        note: "Shard configmaps-00 has been without a live owner for 30 s.",
      },
    ]);
  });

  it("kubectl describe pod does not show them, or the API server refuses them there", async () => {
    const { tell, stored, warnings } = world("pod-a_1", undefined, POD);
    const pod = { apiVersion: "v1", kind: "Pod", ...POD };
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace: "default",
      name: "shop-configmaps-00",
      uid: "uid-1",
    };
    await tell();
    expect(warnings).toEqual([]);
    expect(await stored()).toMatchObject([
      { metadata: { namespace: "default" }, regarding: lease, related: pod, reason: "ShardUnowned" },
      { metadata: { namespace: "web" }, regarding: pod, related: lease, reason: "ShardUnowned" },
    ]);
    await tell("only the Lease", undefined, undefined, "lease");
    await tell("only the Pod", undefined, undefined, "pod");
    expect((await stored()).map(({ regarding }) => (regarding as { kind: string }).kind)).toEqual([
      ...["Lease", "Lease"],
      ...["Pod", "Pod"],
    ]);
  });

  it("two replicas that do not agree who is to tell tell the same thing twice", async () => {
    const { tell, stored, warnings } = world("a_1");
    await tell("uid-1/7", "shop-configmaps-00", "a_1");
    await tell("uid-1/7", "shop-configmaps-00", "b_1");
    expect(await stored()).toHaveLength(1);
    expect(warnings).toEqual([]);
    await tell("uid-1/9");
    expect(await stored()).toHaveLength(2);
  });

  it("the longest names of Leases and replicas are more than an Event may hold", async () => {
    const { tell, stored, warnings } = world(`${"p".repeat(253)}_${"u".repeat(36)}`);
    // Cut where it may be, this name would end in a dash.
    await tell("x", `${"l".repeat(229)}-${"m".repeat(20)}-00`);
    expect(warnings).toEqual([]);
    expect(await stored()).toHaveLength(1);
  });

  it("a missing right is said at every Event, or ends the replica", async () => {
    const denied = new ElectorateError("forbidden", "may not create events");
    const { tell, warnings } = world("a_1", (api) => Object.assign(api, { create: () => Promise.reject(denied) }));
    await tell("x");
    await tell("y");
    expect(warnings).toEqual(["creating an Event about Lease shop-configmaps-00 failed: may not create events"]);
  });
});
