import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { metricsText, valuesBy } from "../../../src/cli/replica-metrics.ts";
import type { CoordinatorStatus } from "../../../src/cli/status/model.ts";
import { askForQueues } from "../../../src/cli/status/queues.ts";
import { reportOf } from "../../../src/cli/status/report.ts";
import { statusText } from "../../../src/cli/status/text.ts";
import { ANNOTATION_ADDRESS } from "../../../src/lease/names.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { member, NOW, shard } from "../../support/status-leases.ts";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await stop(server);
});

async function stop(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
}

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

function answering(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  return listening(server);
}

/** A replica whose `/metrics` is `text`. */
function serving(text: string): Promise<string> {
  return answering((request, response) => response.writeHead(request.url === "/metrics" ? 200 : 404).end(text));
}

/** One that begins its answer and does not go on. */
function silent(): Promise<string> {
  return answering((_request, response) => void response.writeHead(200).write("up"));
}

/** Where nobody listens any more. */
async function deserted(): Promise<string> {
  const server = createServer();
  const address = await listening(server);
  await stop(server);
  return address;
}

const queue = (id: string, depth: number, delayed: number, inWork: number, oldestSeconds: number): string =>
  [
    `workqueue_depth{name="${id}"} ${depth}`,
    `electorate_queue_delayed{shard="${id}"} ${delayed}`,
    `electorate_queue_in_work{shard="${id}"} ${inWork}`,
    `electorate_queue_oldest_age_seconds{shard="${id}"} ${oldestSeconds}`,
    "",
  ].join("\n");

const at = (name: string, address: string | undefined) =>
  member(name, "ready", 1, "1", address === undefined ? {} : { [ANNOTATION_ADDRESS]: address });

/** Two shards of `a`, one of `b`, one of nobody; `c` holds none. */
function report(a: string | undefined, b: string | undefined, c?: string): CoordinatorStatus {
  const shards = [
    shard("pods-00", { holder: "a_u-a" }),
    shard("pods-01", { holder: "a_u-a" }),
    shard("pods-02", { holder: "b_u-b" }),
    shard("pods-03", { seconds: 1 }),
  ];
  return reportOf("shop", [...shards, at("a", a), at("b", b), at("c", c)], "web", NOW);
}

const queuesOf = ({ shards }: CoordinatorStatus) => Object.fromEntries(shards.map((each) => [each.shard, each.queue]));

describe("the queues in the status of a coordinator", () => {
  it("are those that the holder of each shard tells, and not what another member still says of it", async () => {
    const a = await serving(
      queue("pods-00", 3, 1, 2, 61.5) + queue("pods-01", 0, 0, 0, 0) + queue("pods-02", 9, 9, 9, 9),
    );
    const b = await serving(queue("pods-02", 4, 0, 1, 0.25) + queue("pods-03", 9, 9, 9, 9));
    const status = await askForQueues(report(a, b), systemClock);
    expect(queuesOf(status)).toEqual({
      "pods-00": { depth: 3, delayed: 1, inWork: 2, oldestAgeMs: 61_500 },
      "pods-01": { depth: 0, delayed: 0, inWork: 0, oldestAgeMs: 0 },
      "pods-02": { depth: 4, delayed: 0, inWork: 1, oldestAgeMs: 250 },
      "pods-03": undefined,
    });
    expect(status.warnings).toEqual([]);
    expect(statusText(status, "table").split("\n").slice(2, 7)).toEqual([
      "SHARD    HOLDER  STATE     EPOCH  TERM   RENEWED  VALID FOR      KEY MAP       DEPTH  DELAYED  IN WORK  OLDEST",
      "pods-03  -       released  -      -      1s ago   over since 1s  hashring-1/4  -      -        -        -",
      "pods-00  a       owned     -      1m40s  1s ago   14s            hashring-1/4  3      1        2        1m1s",
      "pods-01  a       owned     -      1m40s  1s ago   14s            hashring-1/4  0      0        0        -",
      "pods-02  b       owned     -      1m40s  1s ago   14s            hashring-1/4  4      0        1        0.2s",
    ]);
    expect(JSON.parse(statusText(status, "json"))).toMatchObject({
      shards: [{ shard: "pods-03" }, { shard: "pods-00", queue: { depth: 3, oldestAgeMs: 61_500 } }, {}, {}],
    });
  });

  it("of one unreachable member hide those of the others, or are missing without a word", async () => {
    const b = await serving(queue("pods-02", 4, 0, 1, 2));
    const gone = await deserted();
    const status = await askForQueues(report(gone, b), systemClock);
    expect(queuesOf(status)).toMatchObject({ "pods-00": undefined, "pods-01": undefined, "pods-02": { depth: 4 } });
    expect(status.warnings).toEqual([expect.stringContaining(`read: a (${gone}: connect ECONNREFUSED ${gone}). Run`)]);
    expect(statusText(status, "table")).toMatch(/\nWARNING: The queues of these members .* kubectl exec .*\n$/);
  });

  it("are asked of one who serves none, who is somebody else, who fails, or who sends us elsewhere", async () => {
    const stranger = await serving("up 1\n");
    expect((await askForQueues(report(undefined, stranger), systemClock)).warnings).toEqual([
      expect.stringContaining(
        `: a (it serves none, as its http.address says), b (${stranger}: somebody without shards answers). Run`,
      ),
    ]);
    const failing = await answering((_request, response) => response.writeHead(503).end("busy"));
    const elsewhere = await answering((_request, response) =>
      response.writeHead(302, { location: `http://${stranger}/` }).end(),
    );
    expect((await askForQueues(report(failing, elsewhere), systemClock)).warnings).toEqual([
      expect.stringMatching(new RegExp(`: a \\(${failing}: status 503\\), b \\(${elsewhere}: unexpected redirect\\)`)),
    ]);
  });

  it("send a token to whoever stands in a Lease, or do not say why there is no answer", async () => {
    const seen: unknown[] = [];
    const guarded = await answering(({ headers }, response) => {
      seen.push(headers.authorization);
      response.writeHead(401).end();
    });
    const { warnings } = await askForQueues(report(guarded, guarded), systemClock);
    expect(warnings).toEqual([
      expect.stringContaining("status 401, because they are not for everybody (http.authorizeMetrics)"),
    ]);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it("follow whatever somebody wrote into a Lease as an address", async () => {
    for (const address of ["evil/path:80", "user@127.0.0.1:80", "http://127.0.0.1:80", "x\u001b[2J:80", "127.0.0.1"]) {
      const status = await askForQueues(report(address, address), systemClock);
      expect(status.warnings).toEqual([expect.stringMatching(/a \(.*: its address (must be|has the host) /)]);
      expect(statusText(status, "table")).not.toContain("\u001b");
    }
  });

  it("make the command hang when somebody begins to answer and never ends", async () => {
    const address = await silent();
    const clock = { ...systemClock, timer: (_delayMs: number, end: () => void) => systemClock.timer(50, end) };
    const status = await askForQueues(report(address, address), clock);
    expect(status.warnings).toEqual([expect.stringContaining(`a (${address}: no answer within 2000 ms)`)]);
  });

  it("are asked of members that hold nothing, and their silence is complained of", async () => {
    const a = await serving(queue("pods-00", 1, 0, 0, 1));
    const b = await serving(queue("pods-02", 1, 0, 0, 1));
    expect((await askForQueues(report(a, b, await deserted()), systemClock)).warnings).toEqual([]);
  });

  it("are asked for on and on after the caller has given up", async () => {
    const address = await silent();
    const question = { address, deadlineMs: 60_000, clock: systemClock, signal: AbortSignal.abort() };
    await expect(metricsText(question)).rejects.toMatchObject({ code: "unreachable" });
  });
});

describe("values of a metric", () => {
  it("are read from another metric, another label, or only from one of two series", () => {
    const text = [
      "# HELP workqueue_depth Current depth of workqueue",
      "# TYPE workqueue_depth gauge",
      'workqueue_depth{name="configmaps-00"} 3',
      'workqueue_depth{priority="0",name="configmaps-01"} 4',
      'workqueue_depth{name="configmaps-01", priority="-100",} 5 1700000000000',
      'workqueue_depth{surname="x"} 9',
      'workqueue_depth{note="name=\\"configmaps-00\\"} 7"} 9',
      'workqueue_depth{name="broken"} what',
      'workqueue_depth_max{name="configmaps-00"} 99',
      'other{name="configmaps-00"} 98\r',
      "workqueue_depth 97",
    ].join("\n");
    expect([...valuesBy(text, "workqueue_depth", "name")]).toEqual([
      ["configmaps-00", 3],
      ["configmaps-01", 9],
    ]);
  });
});
