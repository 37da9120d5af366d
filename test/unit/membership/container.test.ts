import { describe, expect, it } from "vitest";
import { claimText, ownContainer, provenDead } from "../../../src/membership/container.ts";
import { type ContainerStatus, type PodShape, pod } from "../../support/pods.ts";

const AT = "2026-01-01T00:00:00Z";
const ME = claimText({ podUid: "uid-0", container: "manager", containerId: "containerd://1" });

/** Whether a Pod proves that container `containerd://1` of `manager` in the Pod `uid-0` has ended. */
const proves = (containers: ContainerStatus | readonly ContainerStatus[], shape?: PodShape): boolean =>
  provenDead(pod(containers, shape)).includes(ME);

describe("proof of death", () => {
  it("a container that has ended is waited for all the same", () => {
    expect(proves({ ended: ["containerd://1", "OOMKilled"] })).toBe(true);
    expect(proves({ ended: ["containerd://1", "Error"] })).toBe(true);
    expect(proves({ ended: ["containerd://1", "Completed"] }, { phase: "Succeeded" })).toBe(true);
  });

  it("a container that was started again in the same Pod is not told from the one before it", () => {
    const restarted = { id: "containerd://2", running: AT, endedBefore: ["containerd://1", "Error"] } as const;
    expect(proves(restarted)).toBe(true);
    const second = claimText({ podUid: "uid-0", container: "manager", containerId: "containerd://2" });
    expect(provenDead(pod(restarted))).not.toContain(second);
    expect(
      proves({ id: "containerd://2", waiting: "CrashLoopBackOff", endedBefore: ["containerd://1", "Error"] }),
    ).toBe(true);
  });

  it("a container that runs is dead because one after or before it is", () => {
    expect(proves({ running: AT })).toBe(false);
    expect(proves({ running: AT, endedBefore: ["containerd://0", "Error"] })).toBe(false);
    expect(proves({ id: "containerd://3", running: AT, endedBefore: ["containerd://2", "Error"] })).toBe(false);
    expect(proves({ id: "containerd://2", running: AT })).toBe(false);
  });

  it("an init container that has done its work, or a side car that died, proves the manager dead", () => {
    const init = [{ name: "migrate", id: "containerd://9", ended: ["containerd://9", "Completed"] }] as const;
    expect(proves({ running: AT }, { init })).toBe(false);
    // Even if somebody gave both the same id.
    expect(proves({ running: AT }, { init: [{ name: "migrate", ended: ["containerd://1", "Completed"] }] })).toBe(
      false,
    );
    const containers = [
      { running: AT },
      { name: "proxy", id: "containerd://8", ended: ["containerd://8", "Error"] },
    ] as const;
    expect(proves(containers)).toBe(false);
  });

  it("a manager that runs as a side car before the others can never be proven dead", () => {
    const init = [{ ended: ["containerd://1", "Error"] }] as const;
    expect(proves([], { init })).toBe(true);
  });

  it("a kubelet that does not know what became of the container is believed", () => {
    expect(proves({ ended: ["containerd://1", "ContainerStatusUnknown"] }, { phase: "Failed" })).toBe(false);
    expect(proves({ id: "", running: AT, endedBefore: ["containerd://1", "ContainerStatusUnknown"] })).toBe(false);
  });

  it("a Pod that was given up on a lost node is dead, although its container may run on there", () => {
    expect(proves({ running: AT }, { phase: "Failed", reason: "NodeLost" })).toBe(false);
    expect(proves({ running: AT }, { phase: "Unknown", reason: "NodeLost" })).toBe(false);
    // What a kubelet reports that has lost its runtime: nothing.
    expect(proves([], { phase: "Failed", reason: "Evicted" })).toBe(false);
  });

  it("a Pod of the same name, as a StatefulSet makes it after a forced deletion, proves something about the old one", () => {
    expect(proves({ ended: ["containerd://1", "Error"] }, { uid: "uid-1" })).toBe(false);
  });

  it("a status without an id or a reason proves something", () => {
    expect(provenDead(pod([{ ended: ["", "Error"] }, { ended: ["containerd://1", ""] }]))).toEqual([]);
    expect(provenDead({ metadata: { name: "x", uid: "uid-0" } })).toEqual([]);
    expect(provenDead({ metadata: { name: "x" }, status: pod({ ended: ["containerd://1", "Error"] }).status })).toEqual(
      [],
    );
    for (const status of [null, 7, "x", [], { containerStatuses: "x" }, { containerStatuses: [null, 7] }]) {
      expect(provenDead({ metadata: { name: "x", uid: "u" }, status })).toEqual([]);
    }
  });
});

describe("our own container", () => {
  const startedMs = Date.parse(AT) + 700;
  const own = (containers: ContainerStatus | readonly ContainerStatus[], container = "manager") =>
    ownContainer(pod(containers), container, startedMs);

  it("is claimed by the id that its Pod shows", () => {
    expect(own({ running: AT })).toEqual({
      type: "known",
      claim: { podUid: "uid-0", container: "manager", containerId: "containerd://1" },
    });
  });

  it("is confused with the one before it, which the Pod still shows, and then taken for dead with it", () => {
    expect(own({ running: "2025-12-31T23:59:53Z" }).type).toBe("unknown");
    expect(own({ running: "2026-01-01T00:00:02Z" }).type).toBe("unknown");
    expect(own({ ended: ["containerd://1", "Error"] }).type).toBe("unknown");
    expect(own({ id: "", waiting: "ContainerCreating" }).type).toBe("unknown");
    expect(own({ id: "", running: AT }).type).toBe("unknown");
    expect(own({ running: "soon" }).type).toBe("unknown");
  });

  it("is looked for under a wrong name without a word about the right ones", () => {
    expect(own([{ name: "app" }, { name: "proxy" }])).toEqual({
      type: "unknown",
      why: 'Pod shop-0 has no container "manager"; it has app, proxy',
    });
  });
});
