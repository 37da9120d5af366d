import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { startApiServer } from "../../src/embedded/index.ts";
import { Fleet, type ReplicaProcess } from "../support/replica-process.ts";
import { until } from "../support/waiting.ts";

const BOUND_MS = 30_000;

/** Whatever a ConfigMap says goes wrong once, where nobody waits; the next run of its key says that it was tried again. */
const HANDLERS = `
const tried = new Set();
const ways = {
  timer: () => new Promise(() => setTimeout(() => { throw new Error("thrown in a timer"); }, 10)),
  rejection: () => new Promise(() => void Promise.reject(new Error("rejected"))),
  deaf: () => ways.timer(),
  afterwards: () => void setTimeout(() => { throw new Error("thrown afterwards"); }, 50),
};
export async function reconcile({ key }, { object, signal, log }) {
  const way = ways[object?.data?.way];
  if (way === undefined) return;
  if (tried.has(key)) return log.info({ again: key }, "tried again");
  tried.add(key);
  if (object.data.way === "deaf") return way();
  await Promise.race([way(), new Promise((stop) => signal.addEventListener("abort", stop, { once: true }))]);
}
`;

interface Started {
  readonly replica: ReplicaProcess;
  /** Makes a ConfigMap for each of these ways, by their names. */
  readonly go: (...ways: readonly string[]) => Promise<void>;
}

async function start(): Promise<Started> {
  const server = await startApiServer();
  const fleet = new Fleet();
  onTestFailed(() => void process.stdout.write(`${fleet.report()}\n`));
  onTestFinished(async () => {
    await fleet.close();
    await server.close();
  });
  const handler = `${fleet.write("handlers.mjs", HANDLERS)}#reconcile`;
  const kubeconfig = fleet.write("kubeconfig", server.kubeconfig().text);
  const replica = fleet.start("a", {
    kubeconfig,
    namespace: "default",
    resources: [{ resource: "configmaps", handler }],
  });
  const go = async (...ways: readonly string[]): Promise<void> => {
    for (const name of ways) {
      const answer = await fetch(`${server.url}/api/v1/namespaces/default/configmaps`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ metadata: { name }, data: { way: name } }),
      });
      expect(answer.status).toBe(201);
    }
  };
  return { replica, go };
}

test("a handler's error in a timer ends the whole replica, or its key is left as it is", async () => {
  const { replica, go } = await start();
  const ways = ["timer", "rejection", "afterwards"];
  await go(...ways);
  for (const name of ways) {
    await until(`another try of ${name}`, BOUND_MS, () =>
      replica.lines.some(({ again }) => again === `default/${name}`),
    );
  }
  const address = await until("its metrics", BOUND_MS, () => replica.address);
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  expect(metrics).toContain('controller_runtime_reconcile_panics_total{controller="configmaps"} 3');
  replica.stop();
  expect(await replica.exited).toEqual({ code: 0, signal: null });
});

test("a handler that waits for what will never come keeps its key, and its shard, for ever and in silence", async () => {
  const { replica, go } = await start();
  await go("deaf");
  expect(await replica.exited).toEqual({ code: 1, signal: null });
  const said = replica.lines.filter(({ msg }) =>
    /the handler (threw where nobody waits|goes on waiting)/.test(String(msg)),
  );
  expect(said.map(({ error }) => String(error))).toEqual([
    expect.stringContaining("thrown in a timer"),
    expect.stringContaining("thrown in a timer"),
  ]);
});
