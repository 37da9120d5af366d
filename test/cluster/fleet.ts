/** The chart, deployed on a real node with the image that the Dockerfile makes, and what its pods did. */
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { z } from "zod";
import { CHART, RELEASE, withValuesFile } from "../chart/rendering.ts";
import { IMAGE } from "../support/image.ts";
import type { KubernetesNode } from "../support/node.ts";
import { PodLogs } from "../support/pod-logs.ts";
import { doubleWork, gapsSince, ownershipFaults, ownersOf, runsOf, spreadText } from "../support/transitions.ts";
import { until } from "../support/waiting.ts";

export const NAMESPACE = "web";
export const SHARDS = 16;
const BUCKETS = SHARDS / 2;
const OBJECTS_PER_KIND = 250;
/** On a machine as busy as it likes. */
const BOUND_MS = 120_000;

/** Two lines for each key: when it is begun, and when it is done. `version` makes one handler differ from the next. */
function handlers(version: string): string {
  return `
import { writeSync } from "node:fs";

// A line is written whole or not at all; the pipe is full while the node is busy.
function write(line) {
  try {
    writeSync(1, line);
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    write(line);
  }
}

export async function reconcile({ resource, key }, { object, shard, epoch, signal }) {
  const round = object?.metadata.annotations?.["test/round"] ?? "";
  const say = (phase) => {
    const line = { phase, resource, key, shard, epoch, round, note: "${version}", pid: process.pid, ns: String(process.hrtime.bigint()) };
    write(JSON.stringify(line) + "\\n");
  };
  say("begin");
  await new Promise((resolve) => setTimeout(resolve, 2));
  say("end");
}
`;
}

function valuesOf(version: string): object {
  const kind = { namespaces: [NAMESPACE], buckets: BUCKETS, workers: 4 };
  return {
    image: IMAGE,
    replicaCount: 3,
    handlers: handlers(version),
    resources: [
      { resource: "configmaps", ...kind },
      { resource: "podtemplates", ...kind },
    ],
    lease: { duration: "9s", renewDeadline: "6s", retryPeriod: "1s" },
    admissionPolicy: { enabled: true },
    podResources: {},
  };
}

const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
      status: z.object({
        podIP: z.string().optional(),
        containerStatuses: z.array(z.object({ ready: z.boolean(), containerID: z.string().optional() })).optional(),
      }),
    }),
  ),
});

export interface PodState {
  readonly name: string;
  readonly ready: boolean;
  readonly ip: string;
  readonly containerId: string;
}

export class DeployedFleet {
  readonly node: KubernetesNode;
  readonly logs: PodLogs;
  #round = 0;

  constructor(node: KubernetesNode) {
    this.node = node;
    this.logs = new PodLogs(node.logs, NAMESPACE);
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
    const selector = "app.kubernetes.io/name=electorate";
    const text = await this.node.kubectl(["get", "pods", "-n", NAMESPACE, "-l", selector, "-o", "json"]);
    return podsSchema
      .parse(JSON.parse(text))
      .items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, status }) => ({
        name: metadata.name,
        ready: status.containerStatuses?.every(({ ready }) => ready) ?? false,
        ip: status.podIP ?? "",
        containerId: status.containerStatuses?.[0]?.containerID?.replace(/^\w+:\/\//, "") ?? "",
      }));
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

  /** Changes every object and waits until each was worked on as it is now. */
  async everyKeyIsWorkedOn(): Promise<void> {
    this.#round += 1;
    const round = String(this.#round);
    const all = ["configmaps,podtemplates", "-n", NAMESPACE, "-l", "test=object"];
    await this.node.kubectl(["annotate", ...all, "--overwrite", `test/round=${round}`]);
    const done = (): number => {
      this.logs.read();
      const ended = this.logs.sink.filter((line) => line.phase === "end" && line.round === round);
      return new Set(ended.map(({ resource, key }) => `${resource} ${key}`)).size;
    };
    await until(
      `all keys in round ${round}`,
      BOUND_MS,
      () => done() === 2 * OBJECTS_PER_KIND,
      () => `${done()} done`,
    );
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

  /** One line of figures: what it cost. */
  figures(what: string, sinceNs: bigint): string {
    const moves = [...this.openings(sinceNs).values()].reduce((sum, count) => sum + count, 0);
    const gaps = gapsSince(this.logs.transitions, this.logs.deaths, sinceNs);
    return `${what}: gap ${spreadText(gaps)}; ${(moves / SHARDS).toFixed(2)} moves per shard; ${this.faults().length} overlaps`;
  }

  report(): string {
    const owners = [...this.owners()].map((pair) => pair.join(" ")).join("\n");
    return `owners:\n${owners}\nlast lines:\n${this.logs.lines.slice(-30).join("\n")}`;
  }
}
