/** The control plane for tests is trusted by every integration test, so it is tested itself. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../../support/control-plane.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

const BOUND = { timeout: 30_000, interval: 50 };
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/team-a/leases";
const LEASE_RULE = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("without KUBEBUILDER_ASSETS", () => {
  beforeEach(() => vi.stubEnv("KUBEBUILDER_ASSETS", undefined));
  afterEach(() => vi.unstubAllEnvs());

  test("a test that passes without its server would hide that nothing was tested: it is skipped with the reason", () => {
    vi.stubEnv("ELECTORATE_REQUIRE_API_SERVER", undefined);
    const reasons: string[] = [];
    requireControlPlane({ skip: (reason) => reasons.push(reason) });
    expect(reasons).toEqual([expect.stringContaining("set KUBEBUILDER_ASSETS")]);
  });

  test("a skip in CI would be green for ever: with ELECTORATE_REQUIRE_API_SERVER=1 it is a failure", () => {
    vi.stubEnv("ELECTORATE_REQUIRE_API_SERVER", "1");
    const skip = vi.fn<(reason: string) => void>();
    expect(() => requireControlPlane({ skip })).toThrow("set KUBEBUILDER_ASSETS");
    expect(skip).not.toHaveBeenCalled();
  });

  test("a folder without the binaries is named as what it lacks", () => {
    vi.stubEnv("KUBEBUILDER_ASSETS", import.meta.dirname);
    expect(controlPlaneMissing()).toBe("KUBEBUILDER_ASSETS lacks kube-apiserver, etcd, kubectl");
  });
});

describe("a control plane", () => {
  let plane: ControlPlane;
  const missing = controlPlaneMissing();
  beforeAll(async () => {
    if (missing === undefined) plane = await startControlPlane();
  });
  beforeEach(requireControlPlane);
  afterAll(async () => {
    await plane?.stop();
  });

  test("an account that may do more than its rules would prove nothing about missing rights", async () => {
    const worker = await plane.serviceAccount("team-a", "worker", [{ ...LEASE_RULE, verbs: ["list"] }]);
    expect((await plane.call("GET", LEASES, undefined, worker.token)).status).toBe(200);
    expect((await plane.call("POST", LEASES, { metadata: { name: "a" } }, worker.token)).status).toBe(403);
    expect((await plane.call("GET", "/api/v1/namespaces/team-a/secrets", undefined, worker.token)).status).toBe(403);
    await worker.setRules([{ ...LEASE_RULE, verbs: ["list", "create"] }]);
    await vi.waitFor(async () => {
      expect((await plane.call("POST", LEASES, { metadata: { name: "a" } }, worker.token)).status).toBe(201);
    }, BOUND);
  });

  test("the account's kubeconfig is the account's, not the administrator's", async () => {
    const { kubeconfigPath } = await plane.serviceAccount("team-a", "reader", [
      { ...LEASE_RULE, verbs: ["get", "list"] },
    ]);
    const mayI = (verb: string) => plane.kubectl(["--kubeconfig", kubeconfigPath, "auth", "can-i", verb, "leases"]);
    expect((await mayI("list")).trim()).toBe("yes");
    await expect(mayI("delete")).rejects.toThrow("kubectl");
  });

  test("requests that the server makes of itself would be counted as a replica's", async () => {
    const before = await plane.leaseRequests();
    await plane.must("GET", LEASES);
    await plane.must("GET", LEASES);
    expect((await plane.leaseRequests()) - before).toBe(2);
  });

  test("a certificate that does not hold behind a proxy would make every partition test fail", async () => {
    const proxy = await startTcpProxy(plane.url);
    const answer = await plane.kubectl(["--server", proxy.url, "get", "namespaces", "-o", "name"]);
    expect(answer.split("\n")).toContain("namespace/default");
    expect(proxy.accepted).toBeGreaterThan(0);
    await proxy.close();
  });
});

describe("the end of a control plane", () => {
  beforeEach(requireControlPlane);

  test("a stop that leaves a process or a folder would fill the machine over the runs", async () => {
    const plane = await startControlPlane();
    const { etcd, apiServer } = plane.pids;
    expect([alive(etcd), alive(apiServer), existsSync(plane.info.folder)]).toEqual([true, true, true]);
    await plane.stop();
    await plane.stop();
    expect([alive(etcd), alive(apiServer), existsSync(plane.info.folder)]).toEqual([false, false, false]);
  });

  test("a test process that is killed would leave its servers running for ever", async () => {
    const script = `
      import { startControlPlane } from ${JSON.stringify(new URL("../../support/control-plane.ts", import.meta.url).href)};
      const plane = await startControlPlane();
      console.log(plane.pids.etcd, plane.pids.apiServer, plane.info.folder);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.setEncoding("utf8").once("data", resolve);
      child.once("exit", () => reject(new Error("the child ended before its control plane was ready")));
    });
    const [etcd = 0, apiServer = 0] = line.split(" ", 2).map(Number);
    const folder = line.trim().split(" ").slice(2).join(" ");
    expect([alive(etcd), alive(apiServer), existsSync(folder)]).toEqual([true, true, true]);
    child.kill("SIGKILL");
    await vi.waitFor(
      () => expect([alive(etcd), alive(apiServer), existsSync(folder)]).toEqual([false, false, false]),
      BOUND,
    );
  });

  test("a server that does not start would be a riddle without its log", async () => {
    const start = startControlPlane({ apiServerFlags: ["--no-such-flag=1"] });
    await expect(start).rejects.toThrow(
      /kube-apiserver ended before it was ready; the end of its log:(?:.|\n)*no-such-flag/,
    );
  });
});
