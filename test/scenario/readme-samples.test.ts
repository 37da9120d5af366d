/** Samples of the README that are whole programs, run as a user runs them: as a process, with a kubeconfig. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { type EmbeddedApiServer, startApiServer } from "../../src/embedded/index.ts";
import { samplesOf } from "../support/document-claims.ts";
import { until } from "../support/waiting.ts";

const root = resolve(import.meta.dirname, "../..");
const START_BOUND_MS = 30_000;
const JSON_BODY = { "content-type": "application/json" };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (let next = undo.pop(); next !== undefined; next = undo.pop()) await next();
});

interface Running {
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly output: () => string;
}

/** Starts the one sample that contains `mark`. */
function startSample(mark: string, server: EmbeddedApiServer, port = 0): Running {
  const samples = samplesOf(readFileSync(join(root, "README.md"), "utf8")).filter(({ code }) => code.includes(mark));
  expect(samples).toHaveLength(1);
  const folder = mkdtempSync(join(tmpdir(), "electorate-sample-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  const door = JSON.stringify(pathToFileURL(join(root, "src/index.ts")).href);
  writeFileSync(
    join(folder, "sample.mts"),
    samples[0]!.code.replaceAll('"electorate"', door).replaceAll("8080", String(port)),
  );
  writeFileSync(join(folder, "kubeconfig"), server.kubeconfig().text);
  const env = { ...process.env, KUBECONFIG: join(folder, "kubeconfig"), POD_NAME: "sample" };
  const child = spawn(process.execPath, [join(folder, "sample.mts")], { env });
  undo.push(() => child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)));
  const exited = new Promise<number | null>((settle) => child.once("exit", settle));
  return { process: child, exited, output: () => output };
}

async function serverWithFreeLease(name: string): Promise<EmbeddedApiServer> {
  const server = await startApiServer();
  undo.push(() => server.close());
  // As a candidate before has left it: freed, and so taken at once.
  const spec = { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 3 };
  const url = `${server.url}/apis/coordination.k8s.io/v1/namespaces/default/leases`;
  const answer = await fetch(url, {
    method: "POST",
    headers: JSON_BODY,
    body: JSON.stringify({ metadata: { name }, spec }),
  });
  expect(answer.status).toBe(201);
  return server;
}

async function leaseIn(server: EmbeddedApiServer, name: string): Promise<unknown> {
  const answer = await fetch(`${server.url}/apis/coordination.k8s.io/v1/namespaces/default/leases/${name}`);
  return answer.json();
}

describe("a sample of the README", () => {
  it.each(["runLeaderElection(", "elector.terms()"])(
    "%s does not lead when it is run, or does not free its Lease when it is stopped",
    async (mark) => {
      const server = await serverWithFreeLease("shop-leader");
      const sample = startSample(mark, server);
      await until(
        "the sample to lead",
        START_BOUND_MS,
        () => sample.output().includes("leading, in the term"),
        sample.output,
      );
      sample.process.kill("SIGTERM");
      expect(await sample.exited).toBe(0);
      expect(await leaseIn(server, "shop-leader")).toMatchObject({ spec: { holderIdentity: "", leaseTransitions: 4 } });
    },
  );

  it("createController( handles nothing when it is run, or does not free its Lease when it is stopped", async () => {
    const server = await serverWithFreeLease("shop-controller");
    const url = `${server.url}/api/v1/namespaces/default/configmaps`;
    const cart = { metadata: { name: "cart", labels: { app: "shop" } } };
    await fetch(url, { method: "POST", headers: JSON_BODY, body: JSON.stringify(cart) });
    const sample = startSample("createController(", server);
    await until("the sample to greet", START_BOUND_MS, () => sample.output().includes("greeted cart"), sample.output);
    sample.process.kill("SIGTERM");
    expect(await sample.exited).toBe(0);
    expect(await (await fetch(`${url}/cart`)).json()).toMatchObject({ metadata: { annotations: { greeted: "yes" } } });
    expect(await leaseIn(server, "shop-controller")).toMatchObject({ spec: { holderIdentity: "" } });
  });

  it("client.apply( makes no child, one that is nobody's, or an object that can never be deleted", async () => {
    const server = await startApiServer();
    undo.push(() => server.close());
    const url = `${server.url}/api/v1/namespaces/default/configmaps`;
    const cart = { metadata: { name: "cart", labels: { app: "shop" } } };
    await fetch(url, { method: "POST", headers: JSON_BODY, body: JSON.stringify(cart) });
    const sample = startSample("client.apply(", server);
    const says = (text: string) => until(text, START_BOUND_MS, () => sample.output().includes(text), sample.output);
    await says("applied cart-till");
    expect(await (await fetch(`${url}/cart-till`)).json()).toMatchObject({
      data: { coins: "0" },
      metadata: {
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "cart", controller: true }],
        managedFields: [{ manager: "shop-tills", operation: "Apply" }],
      },
    });
    await fetch(`${url}/cart`, { method: "DELETE" });
    await says("closing the till of cart");
    const isGone = async () => (await fetch(`${url}/cart`)).status === 404;
    await until("the end of the cart", START_BOUND_MS, isGone, sample.output);
    sample.process.kill("SIGTERM");
    expect(await sample.exited).toBe(0);
  });

  it("a secret that is deleted is not made again for the object that owns it", async () => {
    const server = await startApiServer();
    undo.push(() => server.close());
    const namespace = `${server.url}/api/v1/namespaces/default`;
    const cart = { metadata: { name: "cart", labels: { app: "shop" } } };
    await fetch(`${namespace}/configmaps`, { method: "POST", headers: JSON_BODY, body: JSON.stringify(cart) });
    const sample = startSample("owns: [", server);
    const made = () => sample.output().split("made a secret for cart").length - 1;
    await until("a secret", START_BOUND_MS, () => made() === 1, sample.output);
    expect((await fetch(`${namespace}/secrets/cart`, { method: "DELETE" })).status).toBe(200);
    await until("another secret", START_BOUND_MS, () => made() === 2, sample.output);
    sample.process.kill("SIGTERM");
    expect(await sample.exited).toBe(0);
  });

  it("the worked example of parts serves nothing, reports nothing, or writes no status", async () => {
    const server = await startApiServer();
    undo.push(() => server.close());
    const url = `${server.url}/api/v1/namespaces/default/configmaps`;
    const cart = { metadata: { name: "cart", labels: { app: "shop" } }, data: { apples: "3" } };
    await fetch(url, { method: "POST", headers: JSON_BODY, body: JSON.stringify(cart) });
    const port = await freePort();
    const sample = startSample("coordinator.add(", server, port);
    await until("a report", START_BOUND_MS, () => sample.output().includes("reporting, in the term"), sample.output);
    const shards = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
    await until("its shards", START_BOUND_MS, async () => (await shards()).includes("configmaps-00"), sample.output);
    const status = async () => (await (await fetch(`${url}/cart`)).text()).includes('"status":"1 entries"');
    await until("a status", START_BOUND_MS, status, sample.output);
    sample.process.kill("SIGTERM");
    expect(await sample.exited).toBe(0);
    expect(await leaseIn(server, "shop-status-leader-00")).toMatchObject({ spec: { holderIdentity: "" } });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
