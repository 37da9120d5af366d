import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseQuestion } from "../../../src/cli/plan/question.ts";
import { hasCode, messageOf } from "../../../src/runtime/errors.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

const FLEET = {
  members: [{ id: "A" }, { id: "B" }, { id: "C", state: "draining" }],
  shards: ["0", "1", "2", "3"].map((bucket) => ({ id: `pods-${bucket}`, resource: "pods" })),
  holders: { "pods-0": "A", "pods-1": "A", "pods-2": "C", "pods-3": "gone" },
  pins: { "pods-1": "C" },
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plan-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function electorate(args: readonly string[], input = ""): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

/** The problems of a document, one per line, without the head line. */
function problems(document: unknown): readonly string[] {
  try {
    parseQuestion(JSON.stringify(document), "fleet.json");
  } catch (error) {
    expect(hasCode(error, "invalid-configuration")).toBe(true);
    return messageOf(error).split("\n").slice(1);
  }
  return [];
}

describe("electorate plan", () => {
  it("the answer lacks what was asked for", async () => {
    await writeFile(join(folder, "fleet.json"), JSON.stringify(FLEET));
    const { code, out, err } = await electorate(["plan", "--input", "fleet.json"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(JSON.parse(out)).toEqual({
      assignment: { "pods-0": "A", "pods-1": "A", "pods-2": "B", "pods-3": "B" },
      moves: 2,
      load: { A: 2, B: 2, C: 0 },
      spread: 2,
      voidPins: ["pods-1"],
    });
  });

  it("lines of documents are answered in another number or order", async () => {
    const lonely = { members: [], shards: [{ id: "a", resource: "r" }] };
    const { code, out } = await electorate(
      ["plan", "-i", "-"],
      `${JSON.stringify(FLEET)}\n\n${JSON.stringify(lonely)}\r\n${JSON.stringify({ ...FLEET, freeze: true })}`,
    );
    const plans = out
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(code).toBe(0);
    expect(plans).toMatchObject([
      { moves: 2 },
      { assignment: { a: null }, moves: 0, load: {}, spread: 0, voidPins: [] },
      { assignment: { "pods-0": "A", "pods-1": "A" } },
    ]);
  });

  it("a wrong line is answered with a plan, or the lines before it are not answered", async () => {
    const { code, out, err } = await electorate(
      ["plan", "--input", "-"],
      `${JSON.stringify(FLEET)}\n{"members": [], "shards": [{"id": ""}]}\n`,
    );
    expect(code).toBe(2);
    expect(out.trim().split("\n")).toHaveLength(1);
    expect(err).toContain("line 2 has 2 problems:\n");
    expect(err).toContain("line 2 shards[0].id: is empty: give the id of the shard");
    expect(err).toContain("line 2 shards[0].resource: is missing: give the resource of the shard, a string");
  });

  it.each([
    [["plan"], "--input"],
    [["plan", "--input", "none.json"], "cannot read none.json: there is no such file"],
    [["plan", "--input", "."], "it is a folder; name the file in it"],
  ])("%j ends without saying what to do", async (args, said) => {
    const { code, out, err } = await electorate(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(said);
  });
});

describe("a document", () => {
  it("defaults are other than said", () => {
    const { members, shards, holders, options } = parseQuestion(
      JSON.stringify({
        members: [{ id: "A" }, { id: "B", createdAt: "2026-01-01T00:00:00Z", resources: ["pods"] }],
        shards: [{ id: "pods-0", resource: "pods" }],
        holders: { "pods-0": null },
      }),
      "fleet.json",
    );
    expect(members).toMatchObject([
      {
        state: "ready",
        weight: 1,
        zone: "",
        version: "",
        createdAtMs: 0,
        seen: true,
        understood: true,
        probation: false,
      },
      { createdAtMs: Date.UTC(2026, 0, 1) },
    ]);
    expect(members[0]?.resources).toBeUndefined();
    expect([...(members[1]?.resources?.keys() ?? [])]).toEqual(["pods"]);
    expect(shards).toEqual([{ id: "pods-0", resource: "pods", weight: 1 }]);
    expect(holders.size).toBe(0);
    expect(options).toEqual({
      pins: new Map(),
      cooldown: new Set(),
      freeze: false,
      rolloutOver: false,
      respread: undefined,
    });
  });

  it.each([
    [[{ state: "gone" }], 'members[0].state: must be ready, cordoned or draining, but is "gone"'],
    [[{ weight: 0 }], "members[0].weight: must be the weight, a whole number from 1 to 1000000"],
    [[{ weight: 1.5 }], "but is 1.5"],
    [[{ weight: "2" }], 'but is "2"'],
    [
      [{ createdAt: "yesterday" }],
      'members[0].createdAt: must be a time such as 2026-01-01T00:00:00Z, or Unix milliseconds, but is "yesterday"',
    ],
    [[{ resources: "pods" }], 'members[0].resources: must be a list of resources; left out: all, but is "pods"'],
    [[{ seen: 1 }], "members[0].seen: must be true or false, but is 1"],
    [[{ zome: "a" }], 'members[0].zome: is not a key that is known here; did you mean "zone"?'],
    [[{}, { id: "m0" }], 'members[1].id: is "m0", as members[0] is; ids are unique, so rename or remove one'],
  ])("a wrong member %j passes, or its message does not help", (members, said) => {
    const found = problems({ members: members.map((member, index) => ({ id: `m${index}`, ...member })), shards: [] });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(said);
  });

  it.each([
    [
      { holders: { "pods-00": "A" } },
      'holders["pods-00"]: names "pods-00", which is not among shards; did you mean "pods-0"?',
    ],
    [{ pins: { x: "A" } }, 'pins.x: names "x", which is not among shards; add it to shards, or remove it here'],
    [{ cooldown: ["x"] }, 'cooldown[0]: names "x"'],
    [{ holders: [] }, "holders: must be a map from shard to holder, but is []"],
    [{ holders: { "pods-0": 3 } }, 'holders["pods-0"]: must be the id of a member, but is 3'],
    [{ freeze: "yes" }, 'freeze: must be true or false, but is "yes"'],
    [{ respread: 0 }, "respread: must be the pairs that an extra move must remove, a whole number from 1"],
    [{ frezze: true }, 'frezze: is not a key that is known here; did you mean "freeze"?'],
  ])("%j passes, or its message does not help", (different, said) => {
    const found = problems({ members: [], shards: [{ id: "pods-0", resource: "pods" }], ...different });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(said);
  });

  it("problems are told one at a time", () => {
    expect(problems({ members: [{ weight: 0 }], shards: 3, freeze: 1 })).toHaveLength(4);
    expect(problems([])).toHaveLength(1);
    expect(() => parseQuestion("{", "fleet.json")).toThrow("fleet.json is not a JSON document");
  });
});
