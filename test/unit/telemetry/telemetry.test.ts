import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { preciseWall, systemClock } from "../../../src/runtime/clock.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import { METRICS } from "../../../src/telemetry/metric-table.ts";
import { createMeter } from "../../../src/telemetry/metrics.ts";
import { createTelemetry } from "../../../src/telemetry/telemetry.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

function recorded(strict = true, clock = new VirtualClock()) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
    clock,
  });
  return { lines, telemetry: createTelemetry({ log, registry: new Registry(), clock, strict }) };
}

const transition = {
  event: "lease-acquired",
  shard: "pods-00",
  identity: "a_b",
  epoch: "18446744073709551616",
  reason: "released",
} as const;

describe("transition lines", () => {
  it("have exactly the fields of the contract, the epoch and the monotonic time as text", () => {
    const { lines, telemetry } = recorded();
    telemetry.transition({ ...transition, marginMs: 9_998.250_000_001 });
    expect(lines).toEqual([
      {
        level: "info",
        time: "2026-01-01T00:00:00.000Z",
        ...transition,
        marginMs: 9_998.25,
        at: Date.UTC(2026, 0, 1),
        monotonicNs: "1000000000",
        msg: "lease acquired: pods-00 (released)",
      },
    ]);
  });

  it("leave the margin out where there is none, and count by event and reason", async () => {
    const { lines, telemetry } = recorded();
    telemetry.transition({ ...transition, event: "queue-stopped" });
    expect(lines[0]).not.toHaveProperty("marginMs");
    expect(await telemetry.metricsText()).toContain(
      'electorate_transitions_total{event="queue-stopped",reason="released"} 1',
    );
  });

  it("say a time with a microsecond fraction that agrees with the wall clock", () => {
    const now = preciseWall(systemClock);
    const readings = Array.from({ length: 200 }, () => ({ precise: now(), wall: Date.now() }));
    for (const { precise, wall } of readings) expect(Math.abs(precise - wall)).toBeLessThan(50);
    expect(readings.some(({ precise }) => !Number.isInteger(precise))).toBe(true);
    for (const { precise } of readings) expect(Math.abs(precise * 1000 - Math.round(precise * 1000))).toBeLessThan(0.3);
  });

  it("follow a wall clock that was set, forward and back", async () => {
    const clock = new VirtualClock();
    const now = preciseWall(clock);
    await clock.advance(1_234.5);
    expect(now()).toBe(clock.wallMs());
    clock.jumpWall(3_600_000);
    expect(now()).toBe(clock.wallMs());
    clock.jumpWall(-7_200_000);
    expect(now()).toBe(clock.wallMs());
  });
});

describe("metrics", () => {
  it("refuse a name that is not declared, another type and other labels", () => {
    const meter = createMeter(new Registry());
    expect(() => meter.set("electorate_nonsense", {}, 1)).toThrow(/"electorate_nonsense" is not declared/);
    expect(() => meter.set("workqueue_adds_total", { name: "pods" }, 1)).toThrow(/is a counter and cannot be set/);
    expect(() => meter.observe("workqueue_depth", { name: "pods" }, 1)).toThrow(/is a gauge and cannot be observed/);
    expect(() => meter.increment("workqueue_work_duration_seconds", { name: "pods" })).toThrow(/is a histogram/);
    expect(() => meter.increment("workqueue_adds_total", {})).toThrow(/has the labels \[name\]/);
    expect(() => meter.increment("workqueue_adds_total", { name: "pods", shard: "1" })).toThrow(
      /has the labels \[name\]/,
    );
    expect(() => meter.forget("workqueue_adds_total", { shard: "pods" })).toThrow(/has the labels \[name\]/);
  });

  it("never cost a replica its leadership: a misuse is logged once and goes on", () => {
    const { lines, telemetry } = recorded(false);
    telemetry.meter.set("electorate_nonsense", {}, 1);
    telemetry.meter.set("electorate_nonsense", {}, 2);
    expect(lines).toMatchObject([{ level: "error", metric: "electorate_nonsense" }]);
  });

  it("throw in strict telemetry, so that a test finds the misuse", () => {
    expect(() => recorded(true).telemetry.meter.set("electorate_nonsense", {}, 1)).toThrow(/not declared/);
  });

  it("speak client-go's and controller-runtime's names and labels", async () => {
    const { telemetry } = recorded();
    const { meter } = telemetry;
    meter.increment("workqueue_adds_total", { name: "pods" });
    meter.observe("workqueue_queue_duration_seconds", { name: "pods" }, 0.5);
    meter.increment("controller_runtime_reconcile_total", { controller: "pods", result: "requeue_after" });
    meter.observe("controller_runtime_reconcile_time_seconds", { controller: "pods" }, 0.2);
    meter.set("leader_election_master_status", { name: "shop-pods-00" }, 1);
    meter.increment("rest_client_requests_total", { code: "200", method: "PUT", host: "10.0.0.1:443" });
    const text = await telemetry.metricsText();
    for (const line of [
      'workqueue_adds_total{name="pods"} 1',
      'workqueue_queue_duration_seconds_bucket{le="1e-8",name="pods"} 0',
      'workqueue_queue_duration_seconds_bucket{le="1",name="pods"} 1',
      'controller_runtime_reconcile_total{controller="pods",result="requeue_after"} 1',
      'controller_runtime_reconcile_time_seconds_bucket{le="0.2",controller="pods"} 1',
      'leader_election_master_status{name="shop-pods-00"} 1',
      'rest_client_requests_total{code="200",method="PUT",host="10.0.0.1:443"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it("forget a shard that left, so that it is not shown for ever", async () => {
    const { telemetry } = recorded();
    telemetry.meter.set("electorate_shard_gate_margin_seconds", { shard: "pods-00" }, 9);
    telemetry.meter.set("electorate_shard_gate_margin_seconds", { shard: "pods-01" }, 9);
    telemetry.meter.forget("electorate_shard_gate_margin_seconds", { shard: "pods-00" });
    const text = await telemetry.metricsText();
    expect(text).not.toContain('shard="pods-00"');
    expect(text).toContain('shard="pods-01"');
  });

  it("are shared by two coordinators of one process that were given one registry", async () => {
    const registry = new Registry();
    createMeter(registry).increment("workqueue_adds_total", { name: "pods" });
    createMeter(registry).increment("workqueue_adds_total", { name: "pods" });
    expect(await registry.metrics()).toContain('workqueue_adds_total{name="pods"} 2');
  });

  it("include those of the Node process when the registry is ours", async () => {
    const log = createLog({ level: "silent" });
    expect(await createTelemetry({ log }).metricsText()).toContain("process_cpu_user_seconds_total");
  });

  it("are declared once each, ours with our prefix, all with a help text and labels that are bounded", () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
    for (const { name, help, labels } of METRICS) {
      expect(name).toMatch(/^(workqueue|controller_runtime|leader_election|rest_client|electorate)_[a-z_]+$/);
      expect(help.length).toBeGreaterThan(10);
      expect(labels).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(key|identity|uid|epoch|message)$/)]));
    }
  });

  it("whose names stand anywhere in the sources are declared", () => {
    const root = fileURLToPath(new URL("../../../src", import.meta.url));
    const declared = new Set(METRICS.map(({ name }) => name));
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(10);
    const unknown = files.flatMap((file) =>
      [
        ...readFileSync(`${root}/${file}`, "utf8").matchAll(
          /"((?:workqueue|controller_runtime|leader_election|rest_client|electorate)_[a-z_]+)"/g,
        ),
      ]
        .map(([, name = ""]) => name)
        .filter((name) => !declared.has(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});
