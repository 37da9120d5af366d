import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../src/runtime/clock.ts";
import { startWatchdog } from "../../../src/runtime/watchdog.ts";

const CHILD = new URL("../../support/watched-child.ts", import.meta.url).pathname;

interface Death {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From arming to the end of the process, as its parent saw it. */
  readonly livedMs: number;
}

/** Runs the child to its end; `reads: false` leaves its standard error unread, as a stopped log collector does. */
async function run(
  onOverrun: string,
  remainingMs: number,
  plan: string,
  stderr: "read" | "stuck" = "read",
): Promise<Death> {
  const child = spawn(process.execPath, [CHILD, onOverrun, String(remainingMs), plan], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += String(chunk)));
  if (stderr === "read") child.stderr.on("data", (chunk: Buffer) => (err += String(chunk)));
  const closed = once(child, "close");
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  const diedNs = process.hrtime.bigint();
  if (stderr === "stuck") child.stderr.destroy();
  await closed;
  const armedNs = BigInt(/armed (\d+)/.exec(out)?.[1] ?? "0");
  return { signal, code, stdout: out, stderr: err, livedMs: Number(diedNs - armedNs) / 1e6 };
}

describe("the watchdog (safety rule 6)", () => {
  it("a work item that never yields is killed before another replica may open the shard", async () => {
    // V + Q is 2,400 ms for a Lease of 3 s: after those three seconds another replica opens.
    const death = await run("exit", 2_400, "block");
    expect(death.signal).toBe("SIGKILL");
    expect(death.livedMs).toBeGreaterThanOrEqual(2_400);
    expect(death.livedMs).toBeLessThan(3_000);
  });

  it("does not kill silently: one line says which shard and how late", async () => {
    const { stderr } = await run("exit", 100, "block");
    const lines = stderr.trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "fatal", overrun: "configmaps-01" });
  });

  it("a log collector that stopped reading does not save it: the kill does not wait for the line", async () => {
    const death = await run("exit", 1_000, "full-pipe", "stuck");
    expect(death.signal).toBe("SIGKILL");
    expect(death.livedMs).toBeLessThan(2_000);
  });

  it("work that ended in time is not killed although the event loop stays blocked", async () => {
    const death = await run("exit", 300, "end-in-time");
    expect(death).toMatchObject({ code: 0, stderr: "" });
    expect(death.stdout).toContain("ended");
  });

  it("a renewal in time moves the moment, so that long work under a valid Lease lives", async () => {
    const death = await run("exit", 400, "renewed");
    expect(death).toMatchObject({ code: 0, stderr: "" });
  });

  it("`report` only writes, once, and kills nothing", async () => {
    const death = await run("report", 200, "block-then-end");
    expect(death.code).toBe(0);
    const lines = death.stderr.trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "error", overrun: "configmaps-01" });
  });

  it("a shard that the watchdog has no place for is refused: nobody would watch its work", async () => {
    const watchdog = await startWatchdog(["configmaps-00"], { clock: systemClock, onOverrun: "report" });
    try {
      expect(() => watchdog.slot("configmaps-07")).toThrow("configmaps-07");
    } finally {
      await watchdog.close();
    }
  });
});
