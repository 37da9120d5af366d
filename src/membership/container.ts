import type { KubernetesObject } from "../kube/api.ts";

/**
 * Proof of death: which container a member runs in, and what a Pod proves about it. Pure.
 *
 * A container that has ended takes every process in it along, so that nobody need wait for what it held. The proof is a Pod of
 * that very uid that shows that very container id as terminated, now or before the present one. Nothing else proves
 * anything: a Pod that is missing, failed or on a lost node may have a container that runs on where nobody sees it, and with the
 * reason `ContainerStatusUnknown` a kubelet says that it does not know either.
 */
export interface ContainerClaim {
  readonly podUid: string;
  /** Name of the container in the Pod. */
  readonly container: string;
  /** As the Pod shows it, `containerd://...`: new at every restart. */
  readonly containerId: string;
}

/** A claim as text: the value of the member Lease's annotation, and what a proof is known by. */
export function claimText({ podUid, container, containerId }: ContainerClaim): string {
  return `${podUid}/${container}/${containerId}`;
}

/** The claims that a Pod proves dead. */
export function provenDead(pod: KubernetesObject): string[] {
  const podUid = pod.metadata.uid ?? "";
  if (podUid === "") return [];
  return statusesOf(pod).flatMap((status) => {
    const container = textAt(status, "name");
    return ["state", "lastState"].flatMap((which) => {
      const terminated = fieldsAt(fieldsAt(status, which), "terminated");
      const containerId = textAt(terminated, "containerID");
      const reason = textAt(terminated, "reason");
      if (container === "" || containerId === "" || reason === "" || reason === "ContainerStatusUnknown") return [];
      return [claimText({ podUid, container, containerId })];
    });
  });
}

export type OwnContainer =
  | { readonly type: "known"; readonly claim: ContainerClaim }
  /** Nothing may be claimed yet, or ever. */
  | { readonly type: "unknown"; readonly why: string };

/** Between the start of a container and that of this process in it. */
const LONGEST_START_MS = 5_000;
/** The Pod says whole seconds. */
const ROUNDING_MS = 1_000;

/**
 * The container that this process runs in, by its Pod. `startedMs` is when the process started, by the machine's wall clock, which is
 * the kubelet's too. To claim the container before this one would be to be taken for dead: what the Pod shows must have been
 * started just before this process.
 */
export function ownContainer(pod: KubernetesObject, container: string, startedMs: number): OwnContainer {
  const status = statusesOf(pod).find((candidate) => textAt(candidate, "name") === container);
  const names = statusesOf(pod).map((candidate) => textAt(candidate, "name"));
  if (status === undefined) {
    return {
      type: "unknown",
      why: `Pod ${pod.metadata.name} has no container "${container}"; it has ${names.join(", ")}`,
    };
  }
  const containerId = textAt(status, "containerID");
  const running = textAt(fieldsAt(fieldsAt(status, "state"), "running"), "startedAt");
  const runningMs = Date.parse(running);
  const podUid = pod.metadata.uid ?? "";
  if (containerId === "" || podUid === "" || Number.isNaN(runningMs)) {
    return { type: "unknown", why: `Pod ${pod.metadata.name} does not show container "${container}" as running` };
  }
  if (runningMs > startedMs + ROUNDING_MS || runningMs < startedMs - LONGEST_START_MS - ROUNDING_MS) {
    const own = new Date(startedMs).toISOString();
    return {
      type: "unknown",
      why: `Pod ${pod.metadata.name} shows container "${container}" started at ${running}, and this process started at ${own}: it may be another one`,
    };
  }
  return { type: "known", claim: { podUid, container, containerId } };
}

/** Ordinary containers and those that start before them, which may run as long. */
function statusesOf(pod: KubernetesObject): unknown[] {
  const status = fieldsAt(pod, "status");
  return ["containerStatuses", "initContainerStatuses"].flatMap((list) => {
    const found = fieldsAt(status, list);
    const statuses: readonly unknown[] = Array.isArray(found) ? found : [];
    return statuses;
  });
}

function fieldsAt(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function textAt(value: unknown, name: string): string {
  const text = fieldsAt(value, name);
  return typeof text === "string" ? text : "";
}
