/**
 * What every integration test stands on: one real API server for a file, and for each test a namespace, a fleet of replicas and a
 * watch of the Leases, all of which are gone when the test is over, with the replicas' logs printed if it failed.
 */
import { afterAll, beforeAll, type TestContext } from "vitest";
import { AtMost } from "../../src/runtime/at-most.ts";
import { leasesOf } from "./cluster-objects.ts";
import { type Ended, electorate } from "./command.ts";
import { type ControlPlane, controlPlaneMissing, requireControlPlane, startControlPlane } from "./control-plane.ts";
import { LeaseHistory } from "./lease-history.ts";
import { Fleet, type ReplicaOptions, type ReplicaProcess } from "./replica-process.ts";
import { doubleWork, ownershipFaults, ownersOf, runsOf } from "./transitions.ts";
import { msBetween, until } from "./waiting.ts";

/** How long a replica may take from its start to its first term, on a machine as busy as it likes. */
const START_BOUND_MS = 20_000;

/** Longer than two retry periods of the replicas here. */
const STEADY_MS = 1_200;

export class Scene {
  readonly plane: ControlPlane;
  readonly namespace: string;
  readonly fleet = new Fleet();
  readonly history: LeaseHistory;

  constructor(plane: ControlPlane, namespace: string, history: LeaseHistory) {
    this.plane = plane;
    this.namespace = namespace;
    this.history = history;
  }

  /** Starts a replica on this API server and namespace, or as `options` say. */
  start(name: string, options: Partial<ReplicaOptions> = {}): ReplicaProcess {
    return this.fleet.start(name, { kubeconfig: this.plane.kubeconfigPath, namespace: this.namespace, ...options });
  }

  /** Runs a command against this API server and namespace: `drain a --wait`. */
  ask(line: string): Promise<Ended> {
    return electorate([...line.split(" "), "--kubeconfig", this.plane.kubeconfigPath, "-n", this.namespace]);
  }

  /** Who owns each shard now, by shard: a replica's name. */
  owners(): Map<string, string> {
    const terms = ownersOf(this.fleet.transitions(), this.fleet.deaths());
    return new Map([...terms].map(([shard, { replica }]) => [shard, replica]));
  }

  /** The shards that a replica owns now, sorted. */
  heldBy(name: string): readonly string[] {
    return [...this.owners()].flatMap(([shard, owner]) => (owner === name ? [shard] : [])).sort();
  }

  /** Waits until `count` shards are owned. */
  async allOwned(count: number, boundMs = START_BOUND_MS): Promise<Map<string, string>> {
    return until(
      `${count} owned shards`,
      boundMs,
      () => {
        const owners = this.owners();
        return owners.size === count ? owners : undefined;
      },
      () => `owned: ${[...this.owners().keys()].sort().join(" ")}`,
    );
  }

  /**
   * Waits until `count` shards are owned and spread evenly over the replicas that run, and stay where they are for a while: a member that has
   * just come is known to the others from a list only, and is given nothing before it was seen to renew its Lease.
   */
  async balanced(count: number, boundMs = START_BOUND_MS): Promise<void> {
    let steady = { owners: "", sinceNs: 0n };
    await until(
      `${count} shards spread evenly`,
      boundMs,
      () => {
        const owners = [...this.owners()];
        const held = this.fleet.replicas
          .filter(({ diedNs }) => diedNs === undefined)
          .map(({ name }) => owners.filter(([, owner]) => owner === name).length);
        const even = owners.length === count && Math.max(...held) - Math.min(...held) <= 1;
        const text = even ? owners.map((pair) => pair.join(" ")).join(", ") : "";
        if (text !== steady.owners) steady = { owners: text, sinceNs: process.hrtime.bigint() };
        return even && msBetween(steady.sinceNs, process.hrtime.bigint()) >= STEADY_MS ? owners : undefined;
      },
      () => `owners: ${[...this.owners()].map((pair) => pair.join(" ")).join(", ")}`,
    );
  }

  /** Waits until `count` member Leases say that their replica knows all its resources. */
  async members(count: number, boundMs = START_BOUND_MS): Promise<void> {
    await until(`${count} members that are ready`, boundMs, async () => {
      const leases = await leasesOf(this.plane, this.namespace, "electorate.dev/role=member");
      const ready = leases.filter(
        ({ metadata: { annotations } }) => (annotations?.["electorate.dev/resources"] ?? "{}") !== "{}",
      );
      return ready.length >= count;
    });
  }

  /** Two gates at once, a falling epoch, or one key in two hands: none of it, whatever the test did. */
  faults(): string[] {
    const { fleet } = this;
    const deaths = new Map(fleet.replicas.flatMap(({ pid, diedNs }) => (diedNs === undefined ? [] : [[pid, diedNs]])));
    const doubles = doubleWork(runsOf(fleet.sink(), deaths));
    return [
      ...ownershipFaults(fleet.transitions(), fleet.deaths()),
      ...doubles.map(
        ({ first, second }) =>
          `${second.begin.key} was worked on by ${second.begin.shard}/${second.begin.epoch} (pid ${second.begin.pid}) and ` +
          `${first.begin.shard}/${first.begin.epoch} (pid ${first.begin.pid}) at once`,
      ),
    ];
  }

  async close(): Promise<void> {
    this.history.stop();
    await this.fleet.close();
  }
}

/**
 * Registers one control plane for the file; answers how a test gets its scene. Concurrent tests get theirs one after the other, `atOnce` of
 * them at a time: they wait for expiries more than they work, but each starts processes.
 */
export function integration(atOnce = 1): (context: TestContext, namespace: string) => Promise<Scene> {
  let plane: ControlPlane | undefined;
  const places = new AtMost(atOnce);
  beforeAll(async () => {
    if (controlPlaneMissing() === undefined) plane = await startControlPlane();
  });
  afterAll(async () => {
    await plane?.stop();
  });
  return async (context, namespace) => {
    requireControlPlane(context);
    if (plane === undefined) throw new Error("the control plane was not started");
    await placeOf(context, places);
    await plane.namespace(namespace);
    const scene = new Scene(plane, namespace, await LeaseHistory.start(plane, namespace));
    context.onTestFailed(() => {
      process.stdout.write(`${scene.fleet.report()}\n`);
    });
    context.onTestFinished(() => scene.close());
    return scene;
  };
}

/** Resolves when there is a place for the test, which it has until it is over. */
function placeOf(context: TestContext, places: AtMost): Promise<void> {
  return new Promise((resolve, reject) => {
    const stay = (): Promise<void> => {
      resolve();
      // Registered before the scene's end, and so called after it.
      return new Promise((leave) => context.onTestFinished(() => leave()));
    };
    places.run(stay, context.signal).catch(reject);
  });
}

/** A test's figures: one line of the output. */
export function say(text: string): void {
  process.stdout.write(`  figures: ${text}\n`);
}
