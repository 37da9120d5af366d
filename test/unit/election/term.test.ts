import { describe, expect, it } from "vitest";
import { Gate, Term } from "../../../src/election/term.ts";
import { GateClock } from "../../../src/runtime/gate-clock.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

async function made() {
  const clock = new VirtualClock();
  const gateClock = new GateClock(clock);
  const gate = new Gate(gateClock, gateClock.earliestMs() + 10_000);
  return { clock, gate, term: new Term("configmaps-00", "7", gate) };
}

describe("a gate (safety rules 4, 5, 8)", () => {
  it("is compared, not remembered: it shuts by time alone, without any event", async () => {
    const { clock, gate } = await made();
    await clock.advance(9_999);
    expect(gate.admits() && gate.permitsWrite()).toBe(true);
    await clock.advance(1);
    expect(gate.admits() || gate.permitsWrite()).toBe(false);
  });

  it("shuts when the wall clock runs ahead, as it does after a suspend", async () => {
    const { clock, gate } = await made();
    clock.jumpWall(10_000);
    expect(gate.admits()).toBe(false);
  });

  it("does not stay open longer because the wall clock was set back", async () => {
    const { clock, gate } = await made();
    clock.jumpWall(-3_600_000);
    await clock.advance(10_000);
    expect(gate.admits()).toBe(false);
  });

  it("lets work that has begun write during a drain, and takes nothing new", async () => {
    const { gate } = await made();
    gate.drain();
    expect(gate.admits()).toBe(false);
    expect(gate.permitsWrite()).toBe(true);
  });

  it("does not open again once its term has ended, whatever renewals or drains come later", async () => {
    const { gate, term } = await made();
    term.end(new Error("lost"));
    gate.moveTo(1e12);
    gate.drain();
    expect(gate.admits() || gate.permitsWrite()).toBe(false);
  });

  it("is not held open by the old rule while a write may put the Lease under another one", async () => {
    const { gate } = await made();
    const remainingMs = gate.remainingMs();
    gate.moveTo(gate.deadlineMs - 5_000);
    expect(gate.remainingMs()).toBe(remainingMs - 5_000);
  });

  it("tells what hangs on its deadline about each move, and about nothing else", async () => {
    const { gate } = await made();
    let moves = 0;
    gate.whenMoved(() => (moves += 1));
    gate.moveTo(gate.deadlineMs);
    gate.moveTo(gate.deadlineMs + 2_000);
    gate.drain();
    expect(moves).toBe(1);
  });
});

describe("a term", () => {
  it("tells its work to stop when it ends, with the reason", async () => {
    const { term } = await made();
    term.end(new Error("foreign-holder"));
    expect(term.signal.aborted).toBe(true);
    expect(String(term.signal.reason)).toContain("foreign-holder");
  });

  it("may tell its work to stop while it is still valid: a drain has its limit", async () => {
    const { term, gate } = await made();
    term.abort(new Error("drained too long"));
    expect(term.signal.aborted).toBe(true);
    expect(gate.permitsWrite()).toBe(true);
  });
});
