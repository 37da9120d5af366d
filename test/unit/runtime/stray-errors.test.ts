import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("../../support/stray-errors-program.ts", import.meta.url));

function run(how: string, whose: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, how, whose], { encoding: "utf8" });
  return { status, lines: stdout.split("\n").filter(Boolean), stderr };
}

describe("an error that is thrown where nobody waits", () => {
  it.each([
    ["timer", "thrown in a timer"],
    ["immediate", "thrown in an immediate"],
    ["microtask", "thrown in a microtask"],
    ["tick", "thrown in a tick"],
    ["rejection", "rejected"],
    ["later", "rejected later"],
    ["text", "rejected with text"],
  ])("ends the process although it is somebody's, or is told to nobody: %s", (how, message) => {
    const { status, lines } = run(how, "handler");
    expect(lines).toEqual([expect.stringContaining(`handler: `), "alive"]);
    expect(lines[0]).toContain(message);
    expect(status).toBe(0);
  });

  it.each(["timer", "rejection"])("is swallowed although it is nobody's: %s", (how) => {
    const { status, lines, stderr } = run(how, "nobody");
    expect(lines).toEqual([]);
    expect(stderr).toContain(how === "timer" ? "thrown in a timer" : "rejected");
    expect(stderr).toContain("stray-errors-program.ts");
    expect(status).toBe(1);
  });

  it("is swallowed when nobody contains any more", () => {
    const { status, lines, stderr } = run("timer", "late");
    expect(lines).toEqual(["late: thrown in a timer", "alive"]);
    expect([status, stderr.includes("thrown in a timer")]).toEqual([1, true]);
  });

  it("is taken from the process's own listener, or that listener cannot tell whose it is", () => {
    const { status, lines } = run("timer", "listened");
    expect(lines).toEqual(["listener: false", "alive"]);
    expect(status).toBe(0);
  });
});
