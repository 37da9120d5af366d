import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

function recorded(options: { level?: "debug" | "info" | "silent"; pretty?: boolean } = {}) {
  const lines: string[] = [];
  const log = createLog({ ...options, destination: { write: (line) => lines.push(line) }, clock: new VirtualClock() });
  return { log, lines, fields: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** What @kubernetes/client-node throws: its message and fields repeat the answer. */
function apiException(): Error {
  const error = new Error(
    'HTTP-Code: 403\nBody: {"data":{"password":"aHVzaA=="}}\nHeaders: {"authorization":"Bearer hush"}',
  );
  return Object.assign(error, {
    code: 403,
    body: '{"password":"aHVzaA=="}',
    headers: { authorization: "Bearer hush" },
  });
}

describe("the log", () => {
  it("writes one JSON object per line with level, time and message", () => {
    const { log, lines, fields } = recorded();
    log.info({ shard: "pods-00" }, "two\nlines");
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf("\n")).toBe((lines[0]?.length ?? 0) - 1);
    expect(fields()).toEqual([
      { level: "info", time: "2026-01-01T00:00:00.000Z", shard: "pods-00", msg: "two\nlines" },
    ]);
  });

  it("leaves out what is below the level, and all of it when silent", () => {
    const info = recorded({ level: "info" });
    info.log.debug({}, "no");
    info.log.child({ a: 1 }).debug({}, "no");
    info.log.warn({}, "yes");
    expect(info.fields().map(({ msg }) => msg)).toEqual(["yes"]);
    const silent = recorded({ level: "silent" });
    silent.log.error({}, "no");
    expect(silent.lines).toEqual([]);
  });

  it("gives a child's fields to each of its lines and to none of its parent's", () => {
    const { log, fields } = recorded();
    log.child({ shard: "pods-00" }).child({ key: "a/b" }).info({ attempt: 2 }, "tried");
    log.info({}, "parent");
    expect(fields()[0]).toMatchObject({ shard: "pods-00", key: "a/b", attempt: 2 });
    expect(fields()[1]).not.toHaveProperty("shard");
  });

  it("writes no key twice, because parsers disagree on what that means", () => {
    const { log, lines, fields } = recorded();
    log
      .child({ key: "a/b", shard: "pods-00" })
      .child({ shard: "pods-01" })
      .info({ key: "a/c", time: 5, level: "high", msg: "mine" }, "said");
    for (const key of ["key", "shard", "time", "level", "msg"]) expect(lines[0]?.split(`"${key}":`)).toHaveLength(2);
    expect(fields()[0]).toMatchObject({
      key: "a/c",
      shard: "pods-01",
      level: "info",
      msg: "said",
      time_: 5,
      level_: "high",
      msg_: "mine",
    });
  });

  it("never writes an API answer's body or headers, wherever the error stands", () => {
    const { log, lines } = recorded();
    log.error({ err: apiException() }, "direct");
    log.error({ failure: new Error("outer", { cause: apiException() }) }, "as a cause");
    log.error({ list: [apiException()], deep: { inner: apiException() } }, "nested");
    log.error(apiException(), "as the fields");
    log.child({ err: apiException() }).error({}, "bound");
    expect(lines).toHaveLength(5);
    expect(lines.join("")).not.toMatch(/hush|aHVzaA/);
    expect(lines[0]).toContain('"code":403');
  });

  it("never writes a value under a name that says it is a secret", () => {
    const { log, lines } = recorded();
    const secrets = {
      token: "hush",
      Authorization: "hush",
      "set-cookie": "hush",
      clientSecret: "hush",
      private_key: "hush",
    };
    log.info({ ...secrets, request: { headers: secrets, body: "hush" } }, "one");
    log.child({ accessToken: "hush" }).info({}, "two");
    expect(lines.join("")).not.toContain("hush");
    expect(lines.join("")).toContain("[redacted]");
  });

  it("keeps words that only resemble secrets: a key, a key map, an epoch", () => {
    const { log, fields } = recorded();
    log.info({ key: "default/shop", keyMap: "ring-1/8", epoch: "77" }, "kept");
    expect(fields()[0]).toMatchObject({ key: "default/shop", keyMap: "ring-1/8", epoch: "77" });
  });

  it("writes our errors short and a foreign bug with its frames", () => {
    const { log, fields } = recorded();
    log.error({ err: new ElectorateError("forbidden", "may not", { status: 403, reason: "Forbidden" }) }, "ours");
    log.error({ err: new TypeError("x is undefined") }, "theirs");
    expect(fields()[0]?.err).toEqual({
      type: "ElectorateError",
      code: "forbidden",
      message: "may not",
      status: 403,
      reason: "Forbidden",
    });
    expect(fields()[1]?.err).toMatchObject({ type: "TypeError", message: "x is undefined" });
    expect(fields()[1]).toHaveProperty("err.stack.0", expect.stringMatching(/^at /));
  });

  it("survives everything that can be put into a field", () => {
    const circular: Record<string, unknown> = {
      bigint: 1n,
      nothing: undefined,
      call: () => 1,
      date: new Date(Number.NaN),
    };
    circular.self = circular;
    Object.defineProperty(circular, "trap", {
      enumerable: true,
      get: () => {
        throw new Error("trap");
      },
    });
    const { log, fields } = recorded();
    log.info(circular, "odd");
    log.info({ long: "x".repeat(100_000), many: Array.from({ length: 1_000 }, (_, index) => index) }, "long");
    expect(fields()[0]).toMatchObject({ bigint: "1", date: "invalid date", trap: "[unreadable]" });
    expect(JSON.stringify(fields()[1]).length).toBeLessThan(2_000);
  });

  it("writes text for a person when asked to, the message first", () => {
    const { log, lines } = recorded({ pretty: true });
    log.warn({ shard: "pods-00" }, "gate closed");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/WARN.*gate closed.*pods-00/);
  });

  it("has written the last line when the process ends at once", () => {
    const source = new URL("../../../src/telemetry/log.ts", import.meta.url).href;
    const script = `const { createLog } = await import(${JSON.stringify(source)});
      const log = createLog({ pretty: false });
      for (let line = 0; line < 2000; line++) log.info({ line }, "filling the pipe");
      log.error({}, "last words");
      process.kill(process.pid, "SIGKILL");`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      cwd: fileURLToPath(new URL("../../..", import.meta.url)),
    });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(2001);
    expect(lines.at(-1)).toContain("last words");
  });
});
