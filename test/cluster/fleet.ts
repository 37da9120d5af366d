/** The chart, deployed on a real node with the image that the Dockerfile makes, and what its pods did. */
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { CHART, RELEASE, withValuesFile } from "../chart/rendering.ts";
import { IMAGE } from "../support/image.ts";
import type { KubernetesNode } from "../support/node.ts";
import { PodLogs } from "../support/pod-logs.ts";
import { doubleWork, gapsSince, ownershipFaults, ownersOf, runsOf, spreadText } from "../support/transitions.ts";
import { until } from "../support/waiting.ts";
import { type PodState, podsOf } from "./pods.ts";
import { handlersModule } from "./programs.ts";

export const NAMESPACE = "web";
export const SHARDS = 16;
const BUCKETS = SHARDS / 2;
const OBJECTS_PER_KIND = 250;
export const LEASE_MS = 9_000;
/** On a machine as busy as it likes. */
const BOUND_MS = 120_000;

/** What the release is made of; `version` changes its handlers, and nothing else. */
export function valuesOf(version: string): object {
  const kind = { namespaces: [NAMESPACE], buckets: BUCKETS, workers: 4 };
  return {
    image: IMAGE,
    replicaCount: 3,
    handlers: handlersModule(version),
    resources: [
      { resource: "configmaps", ...kind },
      { resource: "podtemplates", ...kind },
    ],
    lease: { duration: `${LEASE_MS / 1_000}s`, renewDeadline: "6s", retryPeriod: "1s" },
    admissionPolicy: { enabled: true },
    podResources: {},
  };
}

export class DeployedFleet {
  readonly node: KubernetesNode;
  readonly logs: PodLogs;
  /** Told of the pods whenever they are looked at. */
  seen: (pods: readonly PodState[]) => void = () => {};
  #round = 0;

  constructor(node: KubernetesNode) {
    this.node = node;
    this.logs = new PodLogs(node.logs, NAMESPACE, `${RELEASE}-`);
  }

  /** `helm <verb> shop ...`, which must succeed. */
  helm(verb: string, ...args: readonly string[]): Promise<string> {
    return this.node.exec(["helm", verb, RELEASE, ...args, "--namespace", NAMESPACE]);
  }

  deploy(verb: "install" | "upgrade", version: string): Promise<string> {
    return withValuesFile(valuesOf(version), (file) =>
      this.helm(verb, CHART, "--values", file, "--wait", "--timeout", "180s"),
    );
  }

  async createObjects(): Promise<void> {
    const names = Array.from({ length: OBJECTS_PER_KIND }, (_, index) => `object-${String(index).padStart(3, "0")}`);
    const template = { metadata: {}, spec: { containers: [{ name: "none", image: "none" }] } };
    const items = names.flatMap((name) => [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: { test: "object" } } },
      { apiVersion: "v1", kind: "PodTemplate", metadata: { name, labels: { test: "object" } }, template },
    ]);
    await this.node.kubectl(["create", "-n", NAMESPACE, "-f", "-"], items.map((item) => stringify(item)).join("---\n"));
  }

  /** The pods that are not being deleted. */
  async pods(): Promise<readonly PodState[]> {
    const pods = await podsOf(this.node, NAMESPACE, RELEASE);
    this.seen(pods);
    return pods;
  }

  /** Who owns each shard now: a pod's name. */
  owners(): ReadonlyMap<string, string> {
    this.logs.read();
    const terms = ownersOf(this.logs.transitions, this.logs.deaths);
    return new Map([...terms].map(([shard, { replica }]) => [shard, replica.replace(/\/\d+$/, "")]));
  }

  /** Waits until so many pods are ready and share all shards evenly; answers them. */
  balanced(count: number, lacking = ""): Promise<readonly PodState[]> {
    return until(
      `${SHARDS} shards shared by ${count} pods`,
      BOUND_MS,
      async () => {
        const owners = [...this.owners().values()];
        // Each look at the pods is a process of its own.
        if (owners.length < SHARDS) return undefined;
        const ready = (await this.pods()).filter((pod) => pod.ready && pod.name !== lacking);
        const held = ready.map(({ name }) => owners.filter((owner) => owner === name).length);
        const even =
          held.reduce((sum, shards) => sum + shards, 0) === SHARDS && Math.max(...held) - Math.min(...held) <= 1;
        if (ready.length === count && even) return ready;
        await delay(250);
        return undefined;
      },
      () => this.report(),
    );
  }

  /** Waits until every shard has an owner, and none is the pod that is named. */
  async owned(without = ""): Promise<void> {
    await until(
      `${SHARDS} shards owned${without && ` by others than ${without}`}`,
      BOUND_MS,
      () => {
        const owners = [...this.owners().values()];
        return owners.length === SHARDS && !owners.includes(without);
      },
      () => this.report(),
    );
  }

  /** Changes every object, one after the other; answers the number of the round. */
  async change(): Promise<string> {
    this.#round += 1;
    const round = String(this.#round);
    const all = ["configmaps,podtemplates", "-n", NAMESPACE, "-l", "test=object"];
    await this.node.kubectl(["annotate", ...all, "--overwrite", `test/round=${round}`]);
    return round;
  }

  /** Waits until every object was worked on as it is since the round. */
  async everyKeyIsWorkedOn(round: string): Promise<void> {
    await until(
      `all keys in round ${round}`,
      BOUND_MS,
      () => this.#missing(round) === 0,
      () => `${this.#missing(round)} are missing\n${this.report()}`,
    );
  }

  #missing(round: string): number {
    this.logs.read();
    const ended = this.logs.sink.filter((line) => line.phase === "end" && line.round === round);
    return 2 * OBJECTS_PER_KIND - new Set(ended.map(({ resource, key }) => `${resource} ${key}`)).size;
  }

  /** Two owners at once, a falling epoch or a key in two hands: none of it, whatever happened. */
  faults(): readonly string[] {
    this.logs.read();
    const doubles = doubleWork(runsOf(this.logs.sink, this.logs.deathsByPid));
    return [
      ...ownershipFaults(this.logs.transitions, this.logs.deaths),
      ...doubles.map(
        ({ first, second }) =>
          `${second.begin.key}: ${second.begin.shard}/${second.begin.epoch} and ${first.begin.epoch}`,
      ),
    ];
  }

  /** How often each shard was opened since then. */
  openings(sinceNs: bigint): ReadonlyMap<string, number> {
    this.logs.read();
    const opened = this.logs.transitions.filter(({ event, ns }) => event === "gate-opened" && ns > sinceNs);
    const shards = Map.groupBy(opened, ({ shard }) => shard);
    return new Map([...shards].map(([shard, all]) => [shard, all.length]));
  }

  /** The longest time without an owner of any shard that changed hands since then; 0 when none did. */
  longestGapMs(sinceNs: bigint): number {
    this.logs.read();
    return gapsSince(this.logs.transitions, this.logs.deaths, sinceNs).at(-1) ?? 0;
  }

  /** One line of figures: what it cost. */
  figures(what: string, sinceNs: bigint): string {
    const moves = [...this.openings(sinceNs).values()].reduce((sum, count) => sum + count, 0);
    const gaps = gapsSince(this.logs.transitions, this.logs.deaths, sinceNs);
    const gap = gaps.length === 0 ? "nothing moved" : `gap ${spreadText(gaps)}`;
    const faults = `${this.faults().length} overlaps, ${this.#missing(String(this.#round))} keys lost`;
    return `${what}: ${gap}; ${(moves / SHARDS).toFixed(2)} moves per shard; ${faults}`;
  }

  report(): string {
    const owners = [...this.owners()].map((pair) => pair.join(" ")).join("\n");
    return `owners:\n${owners}\nlast lines:\n${this.logs.lines.slice(-30).join("\n")}`;
  }
}
