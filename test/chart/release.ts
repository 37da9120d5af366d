/** A release on a real API server without nodes: what Helm installs, and replicas that run as its service account would let them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import type { ControlPlane } from "../support/control-plane.ts";
import { kubeconfigText } from "../support/control-plane-access.ts";
import type { Fleet, ReplicaProcess } from "../support/replica-process.ts";
import { type Ran, runTool } from "../support/tools.ts";
import { CHART, RELEASE, withValuesFile } from "./rendering.ts";

export const FULL_NAME = `${RELEASE}-electorate`;

const listSchema = z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) });
const tokenSchema = z.object({ status: z.object({ token: z.string() }) });
const deploymentSchema = z.object({
  spec: z.object({ template: z.object({ metadata: z.looseObject({}), spec: z.looseObject({}) }) }),
});
const configSchema = z.object({ data: z.record(z.string(), z.string()) });

export class Release {
  readonly plane: ControlPlane;
  readonly namespace: string;

  constructor(plane: ControlPlane, namespace: string) {
    this.plane = plane;
    this.namespace = namespace;
  }

  /** `helm install`, or what another verb does; without waiting, as no node starts the pods. */
  install(values: object): Promise<Ran> {
    return withValuesFile(values, (file) => this.helm(["install", RELEASE, CHART, "--values", file]));
  }

  upgrade(values: object, ...args: readonly string[]): Promise<Ran> {
    return withValuesFile(values, (file) => this.helm(["upgrade", RELEASE, CHART, "--values", file, ...args]));
  }

  helm(args: readonly string[]): Promise<Ran> {
    const { folder } = this.plane.info;
    return runTool("helm", [...args, "--namespace", this.namespace], {
      KUBECONFIG: this.plane.kubeconfigPath,
      HELM_CACHE_HOME: join(folder, "helm"),
      HELM_CONFIG_HOME: join(folder, "helm"),
      HELM_DATA_HOME: join(folder, "helm"),
    });
  }

  /** What the pods find in /app/config: file name to text. */
  async files(): Promise<Readonly<Record<string, string>>> {
    const path = `/api/v1/namespaces/${this.namespace}/configmaps/${FULL_NAME}`;
    return configSchema.parse(JSON.parse(await this.plane.must("GET", path))).data;
  }

  /** Makes a pod as the Deployment would; answers its token, as the kubelet would get it, in a kubeconfig. */
  async kubeconfigOf(pod: string): Promise<{ readonly token: string; readonly kubeconfigPath: string }> {
    const { plane, namespace } = this;
    const deployment = await plane.must("GET", `/apis/apps/v1/namespaces/${namespace}/deployments/${FULL_NAME}`);
    const { metadata, spec } = deploymentSchema.parse(JSON.parse(deployment)).spec.template;
    const created = { metadata: { ...metadata, name: pod }, spec };
    const text = await plane.must("POST", `/api/v1/namespaces/${namespace}/pods`, created);
    const { uid } = listSchema.parse(JSON.parse(text)).metadata;
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${FULL_NAME}/token`;
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: pod, uid };
    const answer = await plane.must("POST", path, { spec: { expirationSeconds: 3_600, boundObjectRef } });
    const { token } = tokenSchema.parse(JSON.parse(answer)).status;
    const kubeconfigPath = join(plane.info.folder, `${namespace}-${pod}.kubeconfig`);
    await writeFile(kubeconfigPath, kubeconfigText(plane, { token }, namespace), { mode: 0o600 });
    return { token, kubeconfigPath };
  }
}

const RESTRICTED = {
  "pod-security.kubernetes.io/enforce": "restricted",
  "pod-security.kubernetes.io/warn": "restricted",
};

/** Creates a namespace as strict as one can be, unless it is there. */
export function createNamespace(plane: ControlPlane, name: string): Promise<unknown> {
  return plane.must("POST", "/api/v1/namespaces", { metadata: { name, labels: RESTRICTED } }, [409]);
}

/** Starts what a pod of the release would run, with the files and the rights that it would have. */
export async function startAsPod(release: Release, fleet: Fleet, pod: string): Promise<ReplicaProcess> {
  for (const [file, text] of Object.entries(await release.files())) fleet.write(file, text);
  const { kubeconfigPath } = await release.kubeconfigOf(pod);
  const own = ["--kubeconfig", kubeconfigPath, "--identity", pod, "--http-address", "127.0.0.1:0"];
  return fleet.startRaw(pod, ["run", "--config", join(fleet.folder, "electorate.yaml"), ...own]);
}

/** Creates the kinds that a chart's objects need and a plain API server lacks, and waits until it serves them. */
export async function createCustomKinds(plane: ControlPlane, yaml: string): Promise<void> {
  await plane.kubectl(["apply", "--server-side", "-f", "-"], yaml);
  const names = parseAllDocuments(yaml).map((document) => `crd/${String(document.getIn(["metadata", "name"]))}`);
  await plane.kubectl(["wait", "--for=condition=Established", "--timeout=60s", ...names]);
}
