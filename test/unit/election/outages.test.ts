import { describe, expect, it } from "vitest";
import { type Findings, look, NO_OUTAGES } from "../../../src/election/outages.ts";

const BOUND = 30_000;

/** Looks once a second; `unownedAt` says which shards are without an owner at each. */
function watched(
  seconds: number,
  unownedAt: (second: number) => readonly string[],
  mayTell: (shard: string, second: number) => boolean = () => true,
  freshSince: (second: number) => number | undefined = () => 0,
) {
  const said: string[] = [];
  let outages = NO_OUTAGES;
  for (let second = 0; second <= seconds; second += 1) {
    const found: Findings = look(outages, {
      monotonicMs: second * 1_000,
      unowned: unownedAt(second),
      boundMs: BOUND,
      freshSinceMs: freshSince(second),
      mayTell: (shard) => mayTell(shard, second),
    });
    outages = found.outages;
    for (const what of ["lost", "regained", "tell"] as const) {
      for (const shard of found[what]) said.push(`${second} ${what} ${shard}`);
    }
  }
  return { said, outages };
}

describe("shards without an owner", () => {
  it("nobody hears of a shard that is without an owner for long, or hears of it again and again", () => {
    const { said } = watched(120, (second) => (second >= 5 && second < 100 ? ["a"] : []));
    expect(said).toEqual(["35 lost a", "35 tell a", "100 regained a"]);
  });

  it("a planned move or an ordinary crash is shouted about", () => {
    expect(watched(60, (second) => (second >= 5 && second < 34 ? ["a"] : [])).said).toEqual([]);
  });

  it("two short outages are taken for one long one", () => {
    expect(watched(60, (second) => (second === 30 ? [] : ["a"])).said).toEqual([]);
  });

  it("a second outage of the same shard is passed over", () => {
    const { said } = watched(100, (second) => (second === 40 ? [] : ["a"]));
    expect(said).toEqual(["30 lost a", "30 tell a", "40 regained a", "71 lost a", "71 tell a"]);
  });

  it("every replica sends an Event for the same shard", () => {
    const { said } = watched(
      60,
      () => ["a", "b"],
      (shard) => shard === "b",
    );
    expect(said).toEqual(["30 lost a", "30 lost b", "30 tell b"]);
  });

  it("an Event is never sent because it was another replica's to send when the bound was reached", () => {
    expect(
      watched(
        60,
        () => ["a"],
        (_, second) => second >= 45,
      ).said,
    ).toEqual(["30 lost a", "45 tell a"]);
  });

  it("a thousand shards lost at once are a thousand Events at once", () => {
    const shards = Array.from({ length: 25 }, (_, index) => `s${index}`);
    const { said } = watched(200, () => shards);
    const tells = said.filter((line) => line.includes("tell")).map((line) => Number(line.split(" ")[0]));
    expect(tells).toEqual([
      ...Array<number>(10).fill(30),
      ...Array<number>(10).fill(90),
      ...Array<number>(5).fill(150),
    ]);
    expect(said.filter((line) => line.includes("lost"))).toHaveLength(25);
  });

  it("a replica that was cut off takes the past for the present, and tells everybody", () => {
    const cutOff = (second: number): number | undefined => (second < 50 ? undefined : 50_000);
    expect(
      watched(
        79,
        () => ["a"],
        () => true,
        cutOff,
      ).said,
    ).toEqual(["30 lost a"]);
    expect(
      watched(
        80,
        () => ["a"],
        () => true,
        cutOff,
      ).said,
    ).toEqual(["30 lost a", "80 tell a"]);
  });
});
