/**
 * kubectl against both servers: the same commands, word for word the same output. It uses more of the API than any case of
 * the suite does by itself: discovery, tables, warnings, its own patches. Left out are the few commands that send protobuf
 * (`create configmap`, `auth can-i`): the embedded server speaks JSON and YAML.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type EmbeddedApiServer, startApiServer } from "../../../src/embedded/index.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../../support/control-plane.ts";
import { kubeconfigText } from "../../support/control-plane-access.ts";
import { configMap, lease, WIDGET_CRD, widget } from "./world.ts";

interface Outcome {
  readonly exit: number;
  readonly output: string;
  readonly errors: string;
}

type Kubectl = (args: readonly string[], input?: string) => Promise<Outcome>;

const kubectlWith =
  (assets: string, folder: string, kubeconfig: string): Kubectl =>
  (args, input) =>
    new Promise((resolve) => {
      const env = { ...process.env, HOME: folder, KUBECONFIG: kubeconfig };
      const child = execFile(join(assets, "kubectl"), [...args], { env }, (error, stdout, stderr) => {
        const exit = error === null ? 0 : Number(error.code ?? 1);
        resolve({ exit, output: steady(stdout), errors: steady(stderr) });
      });
      child.stdin?.end(input ?? "");
    });

/** Without what differs between two servers by nature: ages, uids, versions, times. */
const steady = (text: string): string =>
  text
    .replaceAll(/\b\d+m?s\b/g, "<age>")
    .replaceAll(/ +$/gm, "")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uid>")
    .replaceAll(/(resourceVersion"?: )"\d+"/g, "$1<version>")
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "<time>");

const yaml = (...objects: readonly object[]): string =>
  objects.map((object) => `---\n${JSON.stringify(object)}\n`).join("");

describe("kubectl says of both servers the same", () => {
  let real: ControlPlane;
  let embedded: EmbeddedApiServer;
  let folder: string;
  let both: readonly [Kubectl, Kubectl];

  beforeAll(async () => {
    if (controlPlaneMissing() !== undefined) return;
    folder = await mkdtemp(join(tmpdir(), "electorate-kubectl-"));
    [real, embedded] = await Promise.all([startControlPlane(), startApiServer()]);
    const path = join(folder, "embedded.kubeconfig");
    await writeFile(path, kubeconfigText({ url: embedded.url, ca: "" }, { token: "any" }));
    const { assets, kubeconfigPath } = real.info;
    both = [
      kubectlWith(assets, join(folder, "real"), kubeconfigPath),
      kubectlWith(assets, join(folder, "embedded"), path),
    ];
    const manifests = yaml(
      WIDGET_CRD,
      lease("shard-00", { holderIdentity: "r1", leaseDurationSeconds: 15 }, { labels: { app: "shop" } }),
      lease("shard-01", { holderIdentity: "" }, { labels: { app: "bank" } }),
      configMap("settings", { one: "1", two: "2" }),
    );
    for (const kubectl of both) {
      expect(await kubectl(["create", "-f", "-"], manifests)).toMatchObject({ exit: 0, errors: "" });
      await vi.waitFor(
        async () => {
          expect(await kubectl(["create", "-f", "-"], yaml(widget("gear", { size: 3 })))).toMatchObject({ exit: 0 });
        },
        { timeout: 60_000, interval: 200 },
      );
    }
  });
  beforeEach(requireControlPlane);
  afterAll(async () => {
    await embedded?.close();
    await real?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** Commands that read: any order. */
  test.each<{ readonly command: string }>([
    { command: "get leases" },
    { command: "get lease shard-00 -o wide" },
    { command: "get leases.coordination.k8s.io -l app=shop -o name" },
    { command: "get leases --show-labels" },
    { command: "get lease shard-00 -o jsonpath={.spec.holderIdentity}" },
    { command: "get lease shard-00 -o yaml" },
    { command: "get lease nobody" },
    { command: "get leases --field-selector metadata.name=shard-01 -o name" },
    { command: "get leases --field-selector spec.holderIdentity=r1" },
    { command: "get leases -l app=a=b" },
    { command: "get leases --chunk-size=1 -o name" },
    { command: "get cm settings" },
    { command: "get secrets" },
    { command: "get widgets" },
    { command: "get wd gear -o jsonpath={.spec.size}" },
    { command: "get widget.conformance.electorate.dev/gear -o name" },
    { command: "get crd widgets.conformance.electorate.dev -o name" },
    { command: "get namespaces" },
    { command: "get nonsense" },
    { command: "get leases -n nowhere-at-all" },
    { command: "api-resources --api-group=coordination.k8s.io --no-headers" },
    { command: "api-resources --api-group=conformance.electorate.dev --no-headers" },
    { command: "get --raw /readyz" },
  ])("$command", async ({ command }) => {
    const [wanted, had] = await Promise.all(both.map((kubectl) => kubectl(command.split(" "))));
    expect(had).toEqual(wanted);
  });

  test("commands that write, one after the other", async () => {
    const commands: readonly (readonly [string, string?])[] = [
      ["create -f -", yaml(lease("shard-00"))],
      ["create -f -", yaml(configMap("made", { k: "v" }))],
      ["apply -f -", yaml(configMap("applied", { k: "1" }))],
      ["apply -f -", yaml(configMap("applied", { k: "1" }))],
      ["apply -f -", yaml(configMap("applied", { l: "2" }))],
      ["get cm applied -o jsonpath={.data}"],
      ["apply --server-side -f -", yaml(configMap("server-side", { k: "1" }))],
      ["label lease shard-00 tier=web"],
      ["annotate lease shard-00 note=hello"],
      ['patch lease shard-00 --type merge -p {"spec":{"holderIdentity":"r2"}}'],
      ['patch lease shard-00 --type merge -p {"spec":{"leaseDurationSeconds":0}}'],
      ['patch lease shard-00 --type json -p [{"op":"remove","path":"/spec/holderIdentity"}]'],
      ['patch wd gear --type merge -p {"spec":{"size":4}}'],
      ['patch wd gear --subresource=status --type merge -p {"status":{"ready":true}}'],
      ["get wd gear -o jsonpath={.spec}{.status}"],
      ["create -f -", yaml(lease("Bad_Name"))],
      ["create -f -", yaml({ ...lease("typo"), spec: { holder: "x" } })],
      ["replace -f -", yaml(lease("shard-00", { holderIdentity: "r3" }))],
      ["create -f -", yaml({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team-b" } })],
      ["delete cm made applied server-side"],
      ["delete leases --all"],
      ["delete wd gear"],
      ["get leases"],
    ];
    for (const [command, input] of commands) {
      const [wanted, had] = await Promise.all(both.map((kubectl) => kubectl(command.split(" "), input)));
      expect({ command, ...had }).toEqual({ command, ...wanted });
    }
  });
});
