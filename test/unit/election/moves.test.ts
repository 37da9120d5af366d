import { beforeEach, describe, expect, it } from "vitest";
import { type Elector, NEW_ELECTOR, type Phase } from "../../../src/election/elector.ts";
import { type Mover, Moves } from "../../../src/election/moves.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const EPOCH = "7";
const PHASES = {
  standby: { name: "standby" },
  leading: { name: "leading", epoch: EPOCH, heldSinceMs: 0 },
  draining: { name: "draining", epoch: EPOCH },
  stuck: { name: "stuck", epoch: EPOCH },
  releasing: { name: "releasing", epoch: EPOCH, opened: true },
} satisfies Record<string, Phase>;

let clock = new VirtualClock();
let moves = newMoves();
beforeEach(() => {
  clock = new VirtualClock();
  moves = newMoves();
});

function newMoves(): Moves {
  const targets = { targetFor: () => undefined, lookAgainIn: () => {}, isCurrent: true };
  return new Moves({ retryPeriodMs: 2_000, clock, targets });
}

/** A shard that is to go: it closes as soon as it is let, and its work ends when the test says so. */
class Shard implements Mover {
  elector: Elector = { ...NEW_ELECTOR, phase: PHASES.leading };

  dispatch(): void {
    if (this.elector.phase.name === "leading" && moves.mayDrain) this.becomes("draining");
  }

  becomes(name: keyof typeof PHASES): void {
    this.elector = { ...this.elector, phase: PHASES[name] };
    moves.note(this);
  }
}

function shards(count: number): Shard[] {
  return Array.from({ length: count }, () => new Shard());
}

function inPhase(name: Phase["name"], all: readonly Shard[]): number {
  return all.filter(({ elector }) => elector.phase.name === name).length;
}

describe("moves of many shards", () => {
  it("a shard stands closed in a queue of writes: few are closed at once, and the next when one of them has gone", () => {
    const all = shards(100);
    moves.offer(all);
    expect(inPhase("draining", all)).toBe(7);
    const [first, second] = all;
    first?.becomes("releasing");
    expect(inPhase("draining", all)).toBe(6);
    first?.becomes("standby");
    expect(inPhase("draining", all)).toBe(7);
    second?.becomes("leading");
    expect(inPhase("draining", all)).toBe(7);
  });

  it("idle shards wait for those whose work takes its time", async () => {
    const all = shards(100);
    moves.offer(all);
    await clock.advance(5);
    // The first seven drain on; they write nothing meanwhile.
    expect(inPhase("draining", all)).toBe(14);
    await clock.advance(1_000);
    expect(inPhase("draining", all)).toBe(32);
  });

  it("a replica that stops lets some shards work on until others have ended, and has no time left for them", async () => {
    const all = shards(100);
    moves.leave();
    moves.offer(all);
    expect(inPhase("draining", all)).toBe(7);
    await clock.advance(100);
    expect(inPhase("draining", all)).toBe(100);
  });

  it("a stuck handler takes the place of shards that could go", async () => {
    const all = shards(8);
    moves.leave();
    moves.offer(all);
    for (const shard of all.slice(0, 7)) shard.becomes("stuck");
    expect(inPhase("draining", all)).toBe(0);
    await clock.advance(5);
    expect(inPhase("draining", all)).toBe(1);
  });

  it("a shard that came back is waited for, for ever", () => {
    const all = shards(8);
    moves.offer(all);
    for (const shard of all.slice(0, 7)) shard.becomes("leading");
    expect(inPhase("draining", all)).toBe(1);
  });
});
