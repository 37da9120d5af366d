import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiServerCore } from "../../../src/embedded/core.ts";
import { coreTransport } from "../../../src/embedded/transport.ts";
import { PODS } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { parseLease } from "../../../src/lease/record.ts";
import { DeathWatch } from "../../../src/membership/death-watch.ts";
import { EMPTY_ROSTER, observeMember, type Roster } from "../../../src/membership/roster.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { SeededRandomness } from "../../simulation/world.ts";
import { type ContainerStatus, type PodShape, pod } from "../../support/pods.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

let ended = new AbortController();
beforeEach(() => {
  ended = new AbortController();
});
afterEach(() => ended.abort());

/** A replica in Pod `shop-0`, beside Pods that a test makes, on the embedded API server. */
function world() {
  const clock = new VirtualClock();
  const startMs = clock.monotonicMs();
  const randomness = new SeededRandomness(1);
  const verbs = new Set<string>();
  const core = new ApiServerCore({
    clock,
    randomness,
    authorize: ({ verb }) => {
      verbs.add(verb);
      return true;
    },
  });
  const transport = coreTransport(core, { clock });
  const api = new KubeClient(transport, { clock, randomness });
  const warnings: string[] = [];
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void warnings.push(message) };
  const claims: string[] = [];
  const seen: { roster: Roster; changes: number } = { roster: EMPTY_ROSTER, changes: 0 };
  const watch = new DeathWatch({
    transport,
    pod: { name: "shop-0", namespace: "default", container: "manager", uptimeMs: () => clock.monotonicMs() - startMs },
    clock,
    randomness,
    trouble: new TroubleLog(log),
    roster: () => seen.roster,
    claimed: (text) => void claims.push(text),
    changed: () => {
      seen.changes += 1;
    },
  });
  const settle = async (ms = 1): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) {
      await clock.advance(ms / 5);
      await setImmediate();
    }
  };
  const settled = async <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    await settle();
    return answer;
  };
  /** Makes or changes a Pod; answers its uid. */
  const tell = async (name: string, container: ContainerStatus, shape: PodShape = {}): Promise<string> => {
    const { spec, status } = pod(container, { name, ...shape });
    const metadata = { name, namespace: "default" };
    const found = await settled(api.get(PODS, "default", name).catch(() => undefined));
    const stored = found ?? (await settled(api.create(PODS, { apiVersion: "v1", kind: "Pod", metadata, spec })));
    await settled(api.updateStatus(PODS, { ...stored, status }));
    return stored.metadata.uid ?? "";
  };
  const join = (identity: string, claim: string): void => {
    const metadata = {
      name: `shop-member-${identity.slice(identity.indexOf("_") + 1)}`,
      uid: "u",
      resourceVersion: "5",
    };
    const annotations = { "electorate.dev/identity": identity, "electorate.dev/container": claim };
    seen.roster = observeMember(
      seen.roster,
      parseLease({ metadata: { ...metadata, annotations } }),
      "watch",
      0,
      15_000,
    );
  };
  const run = (): void => void watch.run(ended.signal).catch(() => {});
  const remove = (name: string): Promise<void> => settled(api.delete(PODS, "default", name, {}));
  const ask = async () => settled(api.list(PODS, { namespace: "default" }));
  return { clock, watch, warnings, claims, seen, settle, tell, join, run, remove, verbs, ask };
}

/** RFC 3339 in whole seconds, as a kubelet writes it. */
const secondsText = (wallMs: number): string => `${new Date(wallMs).toISOString().slice(0, 19)}Z`;

describe("watching for deaths", () => {
  it("a member whose container was killed is waited for like one that is cut off", async () => {
    const { watch, seen, clock, settle, tell, join, run } = world();
    await tell("shop-0", { running: secondsText(clock.wallMs()) });
    const uid = await tell("shop-1", { running: secondsText(clock.wallMs()) });
    join("shop-1_u", `${uid}/manager/containerd://1`);
    run();
    await settle(1_000);
    expect(watch.isDead("shop-1_u")).toBe(false);
    await tell("shop-1", { ended: ["containerd://1", "OOMKilled"] });
    await settle();
    expect(watch.isDead("shop-1_u")).toBe(true);
    expect(watch.isDead("shop-0_u")).toBe(false);
    expect(seen.changes).toBe(1);
  });

  it("a death from before the watch, or one that is seen before the member Lease, is missed", async () => {
    const { watch, clock, settle, tell, join, run } = world();
    await tell("shop-0", { running: secondsText(clock.wallMs()) });
    const uid = await tell("shop-1", { id: "containerd://2", running: "x", endedBefore: ["containerd://1", "Error"] });
    run();
    await settle(1_000);
    join("shop-1_u", `${uid}/manager/containerd://1`);
    join("shop-1_v", `${uid}/manager/containerd://2`);
    expect([watch.isDead("shop-1_u"), watch.isDead("shop-1_v")]).toEqual([true, false]);
  });

  it("a Pod that was deleted by force, with its container still running somewhere, proves a death", async () => {
    const { watch, clock, settle, tell, join, run, remove } = world();
    await tell("shop-0", { running: secondsText(clock.wallMs()) });
    const uid = await tell("shop-1", { running: secondsText(clock.wallMs()) });
    join("shop-1_u", `${uid}/manager/containerd://1`);
    run();
    await settle(1_000);
    await remove("shop-1");
    await settle();
    expect(watch.isDead("shop-1_u")).toBe(false);
  });

  it("Pods of every other controller of the namespace are watched, or more rights are needed than get and watch", async () => {
    const { watch, seen, clock, settle, tell, join, run, verbs } = world();
    await tell("shop-0", { running: secondsText(clock.wallMs()) });
    verbs.clear();
    run();
    await settle(40_000);
    expect([...verbs].toSorted()).toEqual(["get", "watch"]);
    const uid = await tell("other-1", { ended: ["containerd://1", "Error"] }, { account: "other" });
    join("other-1_u", `${uid}/manager/containerd://1`);
    await settle();
    expect(watch.isDead("other-1_u")).toBe(false);
    expect(seen.changes).toBe(0);
  });
});

describe("claiming our own container", () => {
  it("the id of the container before this one is claimed while the kubelet is late, and its death taken for ours", async () => {
    const { clock, claims, settle, tell, run, warnings } = world();
    const before = secondsText(clock.wallMs() - 60_000);
    const uid = await tell("shop-0", { id: "containerd://0", running: before });
    run();
    await settle(20_000);
    expect(claims).toEqual([]);
    await settle(20_000);
    expect(claims).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^finding the container of this process failed: Pod shop-0 shows .* it may be another one$/,
      ),
    ]);
    const ours = secondsText(clock.wallMs() - 40_000);
    await tell("shop-0", { id: "containerd://1", running: ours, endedBefore: ["containerd://0", "Error"] });
    await settle(31_000);
    expect(claims).toEqual([`${uid}/manager/containerd://1`]);
  });

  it("our container is claimed again and again, or before the kubelet can have told", async () => {
    const { clock, claims, settle, tell, run } = world();
    const uid = await tell("shop-0", { running: secondsText(clock.wallMs()) });
    run();
    await settle(25_000);
    expect(claims).toEqual([]);
    await settle(120_000);
    expect(claims).toEqual([`${uid}/manager/containerd://1`]);
  });

  it("a Pod that may not be read ends the replica, or fills the log", async () => {
    const { warnings, settle, run } = world();
    run();
    await settle(120_000);
    expect(warnings).toEqual([expect.stringMatching(/^reading this replica's Pod shop-0 in namespace default failed/)]);
  });
});
