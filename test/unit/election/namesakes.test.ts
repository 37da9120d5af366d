import { describe, expect, it } from "vitest";
import { Namesakes } from "../../../src/election/namesakes.ts";
import type { LeaseEvent } from "../../../src/lease/events.ts";
import { LABEL_ROLE } from "../../../src/lease/names.ts";
import type { LeaseVersion } from "../../../src/lease/record.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";

const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

function world() {
  const told: LeaseEvent[] = [];
  const warnings: string[] = [];
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void warnings.push(message) };
  const namesakes = new Namesakes({
    coordinator: "shop",
    identity: "web-0_bbb",
    log,
    tell: (event) => void told.push(event),
  });
  const sees = (version: LeaseVersion): void => namesakes.apply({ type: "changed", version });
  return { told, warnings, namesakes, sees };
}

/** A version of the member Lease of an identity, as of a second. */
function member(identity: string, second: number, holder = identity): LeaseVersion {
  return {
    name: `shop-member-${identity.split("_")[1]}`,
    uid: `uid-of-${identity}`,
    resourceVersion: String(100 + second),
    record: {
      holder,
      durationMs: 15_000,
      acquireTime: "",
      renewTime: `2026-11-21T12:00:${String(second).padStart(2, "0")}.000000Z`,
      transitions: 0,
    },
    labels: { [LABEL_ROLE]: "member" },
    annotations: {},
    object: { metadata: { name: "" } },
  };
}

describe("two members of one name", () => {
  it("are pinned and drained as one, and nobody knows", () => {
    const { told, warnings, sees } = world();
    sees(member("web-0_aaa", 1));
    expect(told).toEqual([]);
    sees(member("web-0_aaa", 3));
    sees(member("web-0_aaa", 5));
    expect(told).toEqual([
      {
        lease: "shop-member-aaa",
        uid: undefined,
        reason: "DuplicateIdentity",
        action: "Join",
        note: matching(/^Two members are called web-0: web-0_aaa and web-0_bbb\. .*POD_NAME or --identity/),
        once: "web-0_aaa web-0_bbb",
      },
    ]);
    expect(warnings).toHaveLength(1);
  });

  it("tell of each other in two Events", () => {
    const { told, sees } = world();
    sees(member("web-0_ccc", 1));
    sees(member("web-0_ccc", 3));
    expect(told).toMatchObject([{ lease: "shop-member-bbb", once: "web-0_bbb web-0_ccc" }]);
  });

  it("are seen in a container that was started again, in others, or in oneself", () => {
    const { told, namesakes, sees } = world();
    // What the container before this one has left is listed again and again, and is fenced by somebody.
    for (const resourceVersion of ["110", "120"]) {
      namesakes.apply({ type: "snapshot", resourceVersion, versions: [member("web-0_aaa", 1)] });
    }
    sees(member("web-0_aaa", 9, ""));
    for (const second of [1, 3]) {
      sees(member("web-1_ddd", second));
      sees(member("web-0_bbb", second));
      sees({ ...member("web-0_eee", second), labels: {} });
    }
    expect(told).toEqual([]);
  });

  it("are forgotten with their Lease, or told of for ever", () => {
    const { told, namesakes, sees } = world();
    sees(member("web-0_aaa", 1));
    namesakes.apply({ type: "deleted", version: member("web-0_aaa", 2) });
    sees(member("web-0_aaa", 3));
    expect(told).toEqual([]);
  });
});
