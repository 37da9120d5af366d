import type { KubernetesObject } from "../../src/kube/api.ts";

/** One container of a Pod, as its kubelet tells of it. */
export interface ContainerStatus {
  readonly name?: string;
  readonly id?: string;
  /** Started at, when it runs. */
  readonly running?: string;
  /** Container id and reason, when it has ended. */
  readonly ended?: readonly [id: string, reason: string];
  /** The same of the container before it. */
  readonly endedBefore?: readonly [id: string, reason: string];
  readonly waiting?: string;
}

export interface PodShape {
  readonly name?: string;
  readonly uid?: string;
  readonly phase?: string;
  readonly reason?: string;
  readonly account?: string;
  readonly init?: readonly ContainerStatus[];
}

/** A Pod with one `manager`, or the containers that are described. */
export function pod(containers: ContainerStatus | readonly ContainerStatus[], shape: PodShape = {}): KubernetesObject {
  const { name = "shop-0", uid = "uid-0", phase = "Running", reason, account = "shop", init = [] } = shape;
  const list = "length" in containers ? containers : [containers];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", uid },
    spec: {
      serviceAccountName: account,
      containers: list.map((each) => ({ name: each.name ?? "manager", image: "shop" })),
    },
    status: {
      phase,
      ...(reason === undefined ? {} : { reason }),
      containerStatuses: list.map(statusOf),
      ...(init.length === 0 ? {} : { initContainerStatuses: init.map(statusOf) }),
    },
  };
}

function statusOf(container: ContainerStatus): object {
  const { name = "manager", id = "containerd://1", running, ended, endedBefore, waiting } = container;
  return {
    name,
    containerID: id,
    state: {
      ...(running === undefined ? {} : { running: { startedAt: running } }),
      ...(waiting === undefined ? {} : { waiting: { reason: waiting } }),
      ...(ended === undefined ? {} : terminated(ended)),
    },
    lastState: endedBefore === undefined ? {} : terminated(endedBefore),
  };
}

function terminated([containerID, reason]: readonly [string, string]): object {
  return { terminated: { containerID, reason, exitCode: 137 } };
}
