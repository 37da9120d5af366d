/** Two replicas of a program made with `createController`, deployed by the chart: one leads, the other stands by. */
import { setTimeout as delay } from "node:timers/promises";
import { stringify } from "yaml";
import { CHART, withValuesFile } from "../chart/rendering.ts";
import { IMAGE } from "../support/image.ts";
import type { KubernetesNode } from "../support/node.ts";
import { PodLogs } from "../support/pod-logs.ts";
import { doubleWork, ownershipFaults, ownersOf, runsOf } from "../support/transitions.ts";
import { until } from "../support/waiting.ts";
import { podsOf } from "./pods.ts";
import { controllerProgram } from "./programs.ts";

const RELEASE = "pair";
const OBJECTS = 20;
const LABEL = "test=pair";
const BOUND_MS = 120_000;
const REPLICAS = 2;

function values(namespace: string): object {
  const program = `${RELEASE}-program`;
  const subject = { name: RELEASE, namespace, labelSelector: LABEL };
  return {
    image: IMAGE,
    replicaCount: REPLICAS,
    command: ["/nodejs/bin/node", "/app/config/controller.js"],
    volumes: [{ name: "program", configMap: { name: program } }],
    volumeMounts: [{ name: "program", mountPath: "/app/config", readOnly: true }],
    extraObjects: [
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: program },
        data: { "controller.js": controllerProgram(subject) },
      },
    ],
    rbac: { rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch"] }] },
    podResources: {},
  };
}

export interface Roles {
  readonly leader: string;
  readonly standby: string;
}

export class Pair {
  readonly node: KubernetesNode;
  readonly logs: PodLogs;
  readonly #namespace: string;
  #used = false;

  constructor(node: KubernetesNode, namespace: string) {
    this.node = node;
    this.#namespace = namespace;
    this.logs = new PodLogs(node.logs, namespace, `${RELEASE}-`);
  }

  async deploy(): Promise<void> {
    const items = Array.from({ length: OBJECTS }, (_, index) => {
      const metadata = { name: `${RELEASE}-${String(index).padStart(2, "0")}`, labels: { test: RELEASE } };
      return stringify({ apiVersion: "v1", kind: "ConfigMap", metadata });
    });
    await this.node.kubectl(["create", "-n", this.#namespace, "-f", "-"], items.join("---\n"));
    await withValuesFile(values(this.#namespace), (file) =>
      this.node.exec(["helm", "install", RELEASE, CHART, "-n", this.#namespace, "--values", file]),
    );
  }

  /** Two pods that were never cut off, both ready: who leads, and who does not. */
  async fresh(): Promise<Roles> {
    const old = this.#used ? (await podsOf(this.node, this.#namespace, RELEASE)).map(({ name }) => name) : [];
    if (old.length > 0) await this.node.kubectl(["delete", "pods", "-n", this.#namespace, "--wait=false", ...old]);
    this.#used = true;
    return until(
      "two new pods, one of which leads",
      BOUND_MS,
      async () => {
        await delay(250);
        const pods = await podsOf(this.node, this.#namespace, RELEASE);
        const ready = pods.flatMap(({ name, ready: isReady }) => (isReady && !old.includes(name) ? [name] : []));
        const leader = ready.find((name) => name === this.leader);
        const standby = ready.find((name) => name !== leader);
        return leader === undefined || standby === undefined ? undefined : { leader, standby };
      },
      () => this.report(),
    );
  }

  /** The pod whose gate is open. */
  get leader(): string | undefined {
    this.logs.read();
    const [term] = ownersOf(this.logs.transitions, this.logs.deaths).values();
    return term?.replica.replace(/\/\d+$/, "");
  }

  async ledBy(pod: string | undefined): Promise<void> {
    await until(
      `${pod ?? "nobody"} to lead`,
      BOUND_MS,
      () => this.leader === pod,
      () => this.report(),
    );
  }

  /** Changes every object, and waits until the leader has handled all of them as they are. */
  async everyObjectIsHandled(): Promise<void> {
    const round = String(process.hrtime.bigint());
    const all = ["configmaps", "-n", this.#namespace, "-l", LABEL];
    await this.node.kubectl(["annotate", ...all, "--overwrite", `test/round=${round}`]);
    await until(
      "every object to be handled",
      BOUND_MS,
      () => {
        this.logs.read();
        const ended = this.logs.sink.filter((line) => line.phase === "end" && line.round === round);
        return new Set(ended.map(({ key }) => key)).size === OBJECTS;
      },
      () => this.report(),
    );
  }

  /** True once a program in the pod has ended because it had lost its leadership. */
  endedByLoss(pod: string): boolean {
    this.logs.read();
    return this.logs.lines.some((line) => line.startsWith(`${pod}/`) && line.includes("leadership-lost"));
  }

  /** Two leaders at once, a falling epoch, or an object in two hands. */
  faults(): readonly string[] {
    this.logs.read();
    const doubles = doubleWork(runsOf(this.logs.sink, this.logs.deathsByPid));
    return [
      ...ownershipFaults(this.logs.transitions, this.logs.deaths),
      ...doubles.map(({ first, second }) => `${second.begin.key}: ${second.begin.epoch} and ${first.begin.epoch}`),
    ];
  }

  report(): string {
    return `leader: ${this.leader}\nlast lines:\n${this.logs.lines.slice(-40).join("\n")}`;
  }
}
