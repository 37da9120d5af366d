/** How a replica of each contender is started: ours by its command, a peer by the program that was built for it. */
import type { Fleet, ReplicaProcess } from "../../test/support/replica-process.ts";
import type { Peers } from "./peers.ts";
import { type ContenderName, isPeer, type Setting } from "./setting.ts";

/** What only our replicas are told; peers do not ask. */
export interface Told {
  /** Which release it says it is. */
  readonly version?: string;
  /** `module#export` instead of the handler that obeys the objects' annotations. */
  readonly handler?: string;
  readonly workers?: number;
}

export interface Launch {
  readonly fleet: Fleet;
  /** Name of the replica, which is its identity or the head of it. */
  readonly name: string;
  readonly kubeconfigPath: string;
  readonly namespace: string;
  readonly setting: Setting;
  readonly peers: Peers;
  readonly told: Told;
}

export function launch(order: Launch): ReplicaProcess {
  return isPeer(order.setting.contender) ? launchPeer(order) : launchOurs(order);
}

function launchOurs({ fleet, name, kubeconfigPath, namespace, setting, told }: Launch): ReplicaProcess {
  const { contender, profile, shards } = setting;
  const { version, ...work } = told;
  return fleet.start(name, {
    kubeconfig: kubeconfigPath,
    namespace,
    coordinator: "bench",
    resources: [{ resource: "configmaps", buckets: shards, ...work }],
    configuration: {
      lease: { ...profile, renewal: contender },
      drainTimeout: "20s",
      shutdownTimeout: "25s",
      ...(version === undefined ? {} : { version }),
    },
  });
}

function launchPeer({ fleet, name, kubeconfigPath, namespace, setting, peers }: Launch): ReplicaProcess {
  const { contender, profile, shards, objects } = setting;
  const program = peers.program(contender);
  if (program === undefined) throw new Error(`${contender} was not built: ${peers.versions[contender] ?? "unknown"}`);
  const flags = {
    kubeconfig: kubeconfigPath,
    namespace,
    identity: name,
    shards,
    "lease-duration": profile.duration,
    "renew-deadline": profile.renewDeadline,
    "retry-period": profile.retryPeriod,
    objects,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  return fleet.startCommand(name, [program, ...args], { SYSTEM_NAMESPACE: namespace });
}

/** Whether a replica that joins is given shards: racing electors keep what they have. */
export function rebalances(contender: ContenderName): boolean {
  return !isPeer(contender);
}
