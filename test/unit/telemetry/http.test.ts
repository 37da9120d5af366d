import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { parseListenAddress } from "../../../src/config/address.ts";
import { HealthChecks } from "../../../src/telemetry/checks.ts";
import { type HttpOptions, type HttpServer, startHttp } from "../../../src/telemetry/http.ts";
import type { Admission } from "../../../src/telemetry/metrics-guard.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function started(
  checks = new HealthChecks(),
  metricsText = async () => "metric 1\n",
  address = "127.0.0.1:0",
  guard?: HttpOptions["guard"],
) {
  const server = await startHttp({ address, checks, metricsText, guard });
  open.push(server);
  const get = async (path: string, method = "GET", headers: Record<string, string> = {}) => {
    const answer = await fetch(`http://${server.address}${path}`, { method, headers });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  return { server, checks, get };
}

describe("health over HTTP", () => {
  it("answers before anything was registered, so that a standby is alive and ready", async () => {
    const { get } = await started();
    for (const path of ["/livez", "/readyz", "/healthz", "/livez/", "/readyz/ping", "/livez/ping"]) {
      expect(await get(path)).toMatchObject({ status: 200, text: "ok" });
    }
  });

  it("fails readiness alone when a ready check fails, with all checks in the style of Kubernetes", async () => {
    const { checks, get } = await started();
    checks.addReadyCheck("cache", () => {});
    checks.addReadyCheck("draining", async () => Promise.reject(new Error("the replica is stopping\nsecond line")));
    expect(await get("/readyz")).toMatchObject({
      status: 500,
      text: "[+]ping ok\n[+]cache ok\n[-]draining failed: the replica is stopping\nreadyz check failed\n",
    });
    expect((await get("/livez")).status).toBe(200);
    expect(await get("/readyz/draining")).toMatchObject({
      status: 500,
      text: "[-]draining failed: the replica is stopping\n",
    });
    expect((await get("/readyz/cache")).status).toBe(200);
    expect((await get("/readyz?exclude=draining")).status).toBe(200);
  });

  it("lists every check of a healthy process when asked to", async () => {
    const { checks, get } = await started();
    checks.addLiveCheck("watchdog", () => {});
    expect((await get("/livez?verbose")).text).toBe("[+]ping ok\n[+]watchdog ok\nlivez check passed\n");
    expect((await get("/healthz?verbose")).text).toBe("[+]ping ok\n[+]watchdog ok\nhealthz check passed\n");
  });

  it("follows a check that fails and recovers", async () => {
    const { checks, get } = await started();
    let problem: string | undefined = "not synced";
    checks.addReadyCheck("synced", () => {
      if (problem !== undefined) throw new Error(problem);
    });
    expect((await get("/readyz")).status).toBe(500);
    problem = undefined;
    expect((await get("/readyz")).status).toBe(200);
  });

  it("serves the metrics with their content type, and a failure to collect them as 500", async () => {
    const { get } = await started();
    const metrics = await get("/metrics");
    expect(metrics).toMatchObject({ status: 200, text: "metric 1\n" });
    expect(metrics.headers.get("content-type")).toContain("version=0.0.4");
    const broken = await started(new HealthChecks(), async () => Promise.reject(new Error("no metrics")));
    expect((await broken.get("/metrics")).status).toBe(500);
  });

  it("serves the metrics to whom the guard refuses, or asks the kubelet for a token", async () => {
    const admissions: Admission[] = ["anonymous", "unknown", "forbidden", "unanswered", "granted"];
    const judged: (string | undefined)[] = [];
    const judge = async (authorization: string | undefined): Promise<Admission> => {
      judged.push(authorization);
      return admissions.shift() ?? "granted";
    };
    const { get } = await started(undefined, undefined, undefined, { judge });
    for (const path of ["/livez", "/readyz?verbose", "/healthz", "/livez/ping"])
      expect((await get(path)).status).toBe(200);
    expect(judged).toEqual([]);
    const anonymous = await get("/metrics");
    expect(anonymous.status).toBe(401);
    expect(anonymous.text).toContain("Authorization: Bearer");
    expect(anonymous.headers.get("www-authenticate")).toBe("Bearer");
    const unknown = await get("/metrics", "GET", { authorization: "Bearer abc" });
    expect(unknown.status).toBe(401);
    expect(unknown.text).toContain("does not know this token");
    expect(unknown.headers.get("www-authenticate")).toBe("Bearer");
    expect((await get("/metrics")).status).toBe(403);
    expect((await get("/metrics")).status).toBe(503);
    expect(await get("/metrics")).toMatchObject({ status: 200, text: "metric 1\n" });
    expect(judged).toEqual([undefined, "Bearer abc", undefined, undefined, undefined]);
  });

  it("answers 404 elsewhere, 405 to writes and nothing but the head to HEAD", async () => {
    const { get } = await started();
    for (const path of ["/", "/nothing", "/metrics/x", "/readyz/unknown", "/readyz/ping/more"]) {
      expect((await get(path)).status).toBe(404);
    }
    expect((await get("//")).status).toBe(400);
    const refused = await get("/readyz", "POST");
    expect(refused.status).toBe(405);
    expect(refused.headers.get("allow")).toBe("GET, HEAD");
    expect(await get("/readyz", "HEAD")).toMatchObject({ status: 200, text: "" });
  });

  it("names the port that is taken, and what to do", async () => {
    const { server } = await started();
    await expect(started(new HealthChecks(), undefined, server.address)).rejects.toThrow(
      new RegExp(`${server.address}: another process listens there`),
    );
    await expect(started(new HealthChecks(), undefined, "192.0.2.1:0")).rejects.toThrow(
      /not an address of this machine/,
    );
    await expect(started(new HealthChecks(), undefined, "8080")).rejects.toThrow(/must be "host:port"/);
  });

  it("does not hang at its end on kept-alive, silent and half-sent connections", async () => {
    const { server } = await started();
    const port = Number(server.address.split(":").at(-1));
    const agent = new Agent({ keepAlive: true });
    await new Promise<void>((resolve, reject) => {
      request({ port, host: "127.0.0.1", path: "/livez", agent }, (answer) => answer.resume().on("end", resolve))
        .on("error", reject)
        .end();
    });
    const sockets = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    for (const socket of sockets) socket.on("error", () => {});
    sockets[1]?.write("GET /livez HTTP/1.1\r\nHost: x\r\n");
    await Promise.all([server.close(), server.close()]);
    await expect(fetch(`http://${server.address}/livez`)).rejects.toThrow(/fetch failed/);
    agent.destroy();
    for (const socket of sockets) socket.destroy();
  });

  it("lets an answer under way end when it closes", async () => {
    let finish = (): void => {};
    const reached = new Promise<void>((resolveReached) => {
      const checks = new HealthChecks();
      checks.addReadyCheck("slow", () => {
        resolveReached();
        return new Promise((resolve) => {
          finish = resolve;
        });
      });
      void started(checks).then(({ get }) => {
        answered = get("/readyz");
      });
    });
    let answered: Promise<{ status: number }> | undefined;
    await reached;
    const closed = open[0]?.close();
    finish();
    expect((await answered)?.status).toBe(200);
    await closed;
  });
});

describe("a check that hangs", () => {
  it("fails after its time-out, is aborted, and is not started again beside itself", async () => {
    const clock = new VirtualClock();
    const checks = new HealthChecks(clock);
    let runs = 0;
    let aborted = false;
    let release = (): void => {};
    checks.addReadyCheck(
      "stuck",
      (signal) => {
        runs += 1;
        signal.addEventListener("abort", () => {
          aborted = true;
        });
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      100,
    );
    const probes = [checks.run("ready"), checks.run("ready")];
    await clock.advance(99);
    expect(aborted).toBe(false);
    await clock.advance(1);
    const failed = { name: "stuck", problem: "timed out after 100 ms" };
    for (const probe of probes) expect(await probe).toEqual([{ name: "ping", problem: undefined }, failed]);
    expect(aborted).toBe(true);
    expect(await checks.run("ready", ["stuck"])).toEqual([failed]);
    expect(runs).toBe(1);
    release();
    await clock.advance(0);
    const again = checks.run("ready", ["stuck"]);
    await clock.advance(0);
    release();
    expect(await again).toEqual([{ name: "stuck", problem: undefined }]);
    expect(runs).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it("is refused when its name exists or cannot stand in a path", () => {
    const checks = new HealthChecks();
    checks.addReadyCheck("cache", () => {});
    checks.addLiveCheck("cache", () => {});
    expect(() => checks.addReadyCheck("cache", () => {})).toThrow(/"cache" already/);
    for (const name of ["", "a/b", "a b", "?"])
      expect(() => checks.addLiveCheck(name, () => {})).toThrow(/name of a check/);
  });
});

describe("a listen address", () => {
  it.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    [":8080", { port: 8080 }],
    ["[::]:8080", { host: "::", port: 8080 }],
    ["[fe80::1%eth0]:65535", { host: "fe80::1%eth0", port: 65535 }],
  ])("%s is read", (text, expected) => expect(parseListenAddress(text)).toEqual(expected));

  it.each([
    "",
    "8080",
    "localhost",
    "localhost:",
    "localhost:x",
    ":65536",
    "::1:80",
    "[::1]",
    "[localhost]:80",
    "http://a:80",
    "a b:80",
    ":-1",
  ])("%j is refused with a reason", (text) => expect(parseListenAddress(text)).toHaveProperty("problem"));
});
