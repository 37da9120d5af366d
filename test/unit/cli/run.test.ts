import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedApiServer, startApiServer } from "../../../src/embedded/index.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

type Line = Readonly<Record<string, unknown>>;

/** One `electorate run` and what it logs. */
class Replica {
  readonly lines: Line[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor(args: readonly string[], cwd: string) {
    this.#child = spawn(process.execPath, [MAIN, "run", ...args], { cwd, stdio: ["ignore", "pipe", "inherit"] });
    this.exited = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => resolve(code));
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("the replica has no output");
    createInterface({ input: stdout }).on("line", (line) => {
      this.lines.push(JSON.parse(line) as Line);
      for (const look of this.#waiting) look();
    });
  }

  /** Resolves with the first line that has these fields, also one that was written before. */
  said(fields: Line): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      void this.exited.then(() =>
        reject(new Error(`ended without a line ${JSON.stringify(fields)}: ${JSON.stringify(this.lines)}`)),
      );
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

let folder = "";
let server: EmbeddedApiServer;
const replicas: Replica[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "run-"));
  server = await startApiServer();
  await writeFile(join(folder, "kubeconfig"), server.kubeconfig().text);
  await writeFile(
    join(folder, "handlers.mjs"),
    `export const quick = async (request, { log }) => log.info({ key: request.key }, "reconciled");
     export const stuck = async (request, { log }) => { log.info({ key: request.key }, "stuck"); await new Promise(() => {}); };
     setInterval(() => {}, 1_000);`,
  );
  await fetch(`${server.url}/api/v1/namespaces/default/configmaps`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "one" } }),
  });
});
afterEach(async () => {
  for (const replica of replicas) replica.signal("SIGKILL");
  await Promise.all(replicas.splice(0).map(({ exited }) => exited));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a replica of a coordinator of its own. */
async function started(coordinator: string, handler: string, ...args: string[]): Promise<Replica> {
  await writeFile(
    join(folder, `${coordinator}.yaml`),
    `coordinator: ${coordinator}
lease: { duration: 15s }
drainTimeout: 200ms
shutdownTimeout: 2s
http: { address: "127.0.0.1:0" }
resources: [{ resource: configmaps, namespaces: [default], handler: ./handlers.mjs#${handler} }]
`,
  );
  const replica = new Replica(
    ["-c", `${coordinator}.yaml`, "--kubeconfig", "kubeconfig", "--identity", "pod-1", ...args],
    folder,
  );
  replicas.push(replica);
  return replica;
}

describe("electorate run", () => {
  it("works until SIGTERM, then gives its shards back and exits 0, although a handler's module left a timer running", async () => {
    const replica = await started("clean", "quick");
    const acquired = await replica.said({ event: "lease-acquired", shard: "configmaps-00" });
    expect(acquired.identity).toMatch(/^pod-1_[0-9a-f-]{36}$/);
    await replica.said({ msg: "reconciled", key: "default/one" });
    const { address } = await replica.said({ msg: "serving /livez, /readyz and /metrics" });
    const metrics = await (await fetch(`http://${String(address)}/metrics`)).text();
    expect(metrics).toMatch(/electorate_build_info\{version="\d/);
    expect(metrics).toMatch(/rest_client_requests_total\{code="201",method="POST",host="127\.0\.0\.1:\d+"\} [1-9]/);
    expect(metrics).toMatch(/controller_runtime_reconcile_total\{controller="configmaps",result="success"\} [1-9]/);
    expect(metrics).toContain('leader_election_master_status{name="clean-configmaps-00"} 1');
    expect((await fetch(`http://${String(address)}/readyz?verbose`)).status).toBe(200);
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(0);
    const events = replica.lines.map(({ event }) => event).filter((event) => event !== undefined);
    expect(events).toEqual([
      "lease-acquired",
      "gate-opened",
      "queue-started",
      "gate-closed",
      "queue-stopped",
      "lease-released",
    ]);
    for (const line of replica.lines.filter(({ event }) => event !== undefined)) {
      expect(line).toMatchObject({ shard: "configmaps-00", epoch: acquired.epoch, identity: acquired.identity });
      expect(line.reason).toMatch(/\S/);
      expect(line.monotonicNs).toMatch(/^\d+$/);
      expect(line.at).toBeTypeOf("number");
    }
  });

  it("exits 1 when work is still running at the end of its time, and leaves that Lease to expire", async () => {
    const replica = await started("unclean", "stuck");
    await replica.said({ msg: "stuck" });
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(1);
    expect(replica.lines.map(({ event }) => event)).not.toContain("lease-released");
  });

  it("ends at once at the second signal, with a line that says so", async () => {
    const replica = await started("twice", "stuck");
    await replica.said({ msg: "stuck" });
    replica.signal("SIGINT");
    await replica.said({ signal: "SIGINT", level: "info" });
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(1);
    expect(replica.lines.at(-1)).toMatchObject({ level: "error", signal: "SIGTERM" });
  });

  it("takes one stop that a wrapper sends twice for one, and gives its shards back", async () => {
    const replica = await started("wrapped", "quick");
    await replica.said({ event: "gate-opened" });
    replica.signal("SIGTERM");
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(0);
    expect(replica.lines.map(({ event }) => event)).toContain("lease-released");
  });

  it("is alive and not ready while no API server answers, and stops cleanly even then", async () => {
    const elsewhere = join(folder, "nowhere");
    await writeFile(elsewhere, server.kubeconfig().text.replace(server.url, "http://127.0.0.1:9"));
    const replica = await started("alone", "quick", "--kubeconfig", elsewhere);
    const { address } = await replica.said({ msg: "serving /livez, /readyz and /metrics" });
    expect((await fetch(`http://${String(address)}/livez`)).status).toBe(200);
    const ready = await fetch(`http://${String(address)}/readyz`);
    expect(ready.status).toBe(500);
    expect(await ready.text()).toMatch(/^\[-\]\S+ failed: /m);
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(0);
  });

  it("elects under the name, in the namespace and at the pace that flags say", async () => {
    const flags = [
      "--leader-elect",
      "--leader-elect-resource-name=flagged",
      "--leader-elect-resource-namespace=kube-system",
    ];
    const durations = ["--leader-elect-lease-duration=30s", "--leader-elect-renew-deadline=20s"];
    const replica = await started("named", "quick", ...flags, ...durations);
    await replica.said({ event: "gate-opened", shard: "configmaps-00" });
    const url = `${server.url}/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/flagged-configmaps-00`;
    expect(await (await fetch(url)).json()).toMatchObject({ spec: { leaseDurationSeconds: 30 } });
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(0);
  });

  it("works without any Lease when leader election is off", async () => {
    const replica = await started("unelected", "quick", "--enable-leader-election=false");
    await replica.said({ msg: "reconciled" });
    const leases = await (await fetch(`${server.url}/apis/coordination.k8s.io/v1/namespaces/default/leases`)).json();
    expect(JSON.stringify(leases)).not.toContain("unelected");
    replica.signal("SIGTERM");
    expect(await replica.exited).toBe(0);
  });

  it("exits 2 when the address of its health checks is taken, naming the address", async () => {
    const taken = new URL(server.url).host;
    const replica = await started("taken", "quick", "--http-address", taken);
    expect(await replica.exited).toBe(2);
    expect(JSON.stringify(replica.lines)).toContain(`${taken}: another process listens there`);
  });
});
