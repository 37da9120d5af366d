import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { lifelineUrl } from "../../../src/cli/demo/files.ts";
import { Journal } from "../../../src/cli/demo/journal.ts";
import { killAll, ReplicaProcess } from "../../../src/cli/demo/replica-process.ts";
import { systemClock } from "../../../src/runtime/clock.ts";

const entry = fileURLToPath(new URL("../../support/demo-replica.ts", import.meta.url));
const started: ReplicaProcess[] = [];

function launch(mode: string): { replica: ReplicaProcess; journal: Journal; lines: Record<string, string>[] } {
  const lines: Record<string, string>[] = [];
  const journal = new (class extends Journal {
    override line(replica: string, line: string): boolean {
      lines.push(JSON.parse(line) as Record<string, string>);
      return super.line(replica, line);
    }
  })(systemClock);
  const command = { entry, arguments: [mode], preload: lifelineUrl(), address: "127.0.0.1:1" };
  const replica = new ReplicaProcess("replica-1", command, journal, systemClock);
  started.push(replica);
  return { replica, journal, lines };
}

async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`${what}: not within 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

afterEach(async () => {
  killAll(started);
  await Promise.all(started.splice(0).map((replica) => replica.exited));
});

describe("a replica's reports", () => {
  it("reach the journal too late, or say another result than the handler's", async () => {
    const { replica, journal, lines } = launch("work");
    await expect(replica.exited).resolves.toEqual({ code: 0, signal: null });
    expect(journal.reconciles.map(({ key, shard, epoch, result }) => [key, shard, epoch, result])).toEqual([
      ["configmaps/default/fresh", "configmaps-00", "42", "written"],
      ["configmaps/default/refused", "configmaps-00", "42", "failed"],
      ["configmaps/default/known", "configmaps-00", "42", "unchanged"],
    ]);
    expect(journal.transitions.map(({ replica: name, event, epoch }) => [name, event, epoch])).toEqual([
      ["replica-1", "gate-opened", "42"],
    ]);
    const handlers = lines.filter((line) => "handler" in line);
    const patches = lines.filter((line) => "patched" in line);
    expect(handlers).toHaveLength(3);
    expect(patches.map(({ patched }) => patched)).toEqual(["fresh", "refused"]);
    journal.reconciles.forEach((reconcile, index) => {
      // The stamps of the demo lie between the handler's own and enclose what it wrote.
      const { startedNs, endedNs } = handlers[index]!;
      const writtenNs = BigInt(patches[index]?.atNs ?? reconcile.startedNs);
      const order = [
        BigInt(startedNs ?? 0),
        reconcile.startedNs,
        writtenNs,
        reconcile.endedNs ?? 0n,
        BigInt(endedNs ?? 0),
      ];
      expect(order).toEqual([...order].sort((a, b) => (a < b ? -1 : 1)));
    });
  });
});

describe("a replica that ends", () => {
  it("unasked takes its last words with it", async () => {
    const { replica } = launch("crash");
    await expect(replica.exited).resolves.toEqual({ code: 3, signal: null });
    expect([replica.state, replica.asked]).toEqual(["gone", undefined]);
    expect(replica.complaints).toContain("the roof is on fire");
  });

  it("because it was killed is taken for one that was stopped, or counts as alive for longer", async () => {
    const { replica, journal, lines } = launch("stay");
    await eventually("the replica runs", () => lines.some((line) => "staying" in line));
    const before = systemClock.monotonicNs();
    replica.kill();
    const after = systemClock.monotonicNs();
    await expect(replica.exited).resolves.toEqual({ code: null, signal: "SIGKILL" });
    expect(replica.asked).toBe("killed");
    const died = journal.deaths.get("replica-1") ?? 0n;
    expect(died >= before && died <= after).toBe(true);
  });

  it("because it was stopped gently is taken for a crash, or is kept alive by its lifeline", async () => {
    const { replica, lines } = launch("stay");
    await eventually("the replica runs", () => lines.some((line) => "staying" in line));
    replica.stop();
    expect(replica.state).toBe("leaving");
    await replica.exited;
    expect(replica.asked).toBe("asked");
  });

  it("cannot even be started, and nobody is told", async () => {
    const { replica } = launch("no such mode");
    const exit = await replica.exited;
    expect(exit.code).toBe(1);
    expect(replica.complaints.join("\n")).toContain("there is no mode");
  });
});

describe("a replica whose demo was killed", () => {
  it("lives on for ever", async () => {
    const parent = spawn(process.execPath, [entry, "parent", lifelineUrl()], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = new Promise((resolve) => parent.once("exit", resolve));
    let childPid = 0;
    try {
      for await (const line of createInterface({ input: parent.stdout })) {
        childPid = (JSON.parse(line) as { staying: number }).staying;
        break;
      }
      expect(isAlive(childPid)).toBe(true);
      parent.kill("SIGKILL");
      await exited;
      await eventually("the replica is gone", () => !isAlive(childPid));
    } finally {
      parent.kill("SIGKILL");
      if (childPid > 0 && isAlive(childPid)) process.kill(childPid, "SIGKILL");
    }
  });
});
