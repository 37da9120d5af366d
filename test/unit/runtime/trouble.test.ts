import { describe, expect, it } from "vitest";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import type { Log } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";

function recording(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const say = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), child: () => log };
  return { log, lines };
}

const unreachable = () => new ElectorateError("unreachable", "no route");
const forbidden = () => new ElectorateError("forbidden", "may not update leases", { status: 403 });

describe("trouble in the log", () => {
  it("a cut line does not fill the log: one line when it begins and one when it is over", () => {
    const { log, lines } = recording();
    const trouble = new TroubleLog(log);
    for (let tries = 0; tries < 100; tries += 1) trouble.report("feed", "watching", unreachable());
    trouble.clear("feed");
    trouble.clear("feed");
    expect(lines).toEqual(["warn watching failed: no route", "info feed works again"]);
  });

  it("a missing permission is not lost behind an outage of the same kind", () => {
    const { log, lines } = recording();
    const trouble = new TroubleLog(log);
    trouble.report("feed", "watching", unreachable());
    trouble.report("feed", "watching", forbidden());
    expect(lines.at(-1)).toBe("warn watching failed: may not update leases");
  });

  it("one Lease that is denied among many that work does not say broken, works, broken, works", () => {
    const { log, lines } = recording();
    const trouble = new TroubleLog(log);
    for (let round = 0; round < 10; round += 1) {
      trouble.report("lease-write", "writing Lease a", forbidden(), "a");
      trouble.clear("lease-write", "b");
    }
    expect(lines).toHaveLength(1);
    trouble.clear("lease-write", "a");
    expect(lines.at(-1)).toBe("info lease-write works again");
  });

  it("trouble of many is over only when the last of them works", () => {
    const { log, lines } = recording();
    const trouble = new TroubleLog(log);
    trouble.report("lease-write", "writing Lease a", unreachable(), "a");
    trouble.report("lease-write", "writing Lease b", unreachable(), "b");
    trouble.clear("lease-write", "a");
    expect(lines).toHaveLength(1);
    trouble.clear("lease-write", "b");
    expect(lines).toHaveLength(2);
  });

  it("what was stopped on purpose is no trouble", () => {
    const { log, lines } = recording();
    new TroubleLog(log).report("feed", "watching", new ElectorateError("aborted", "stopped"));
    expect(lines).toEqual([]);
  });
});
