import { beforeEach, describe, expect, it } from "vitest";
import { PlanNotices, type Planned } from "../../../src/election/plan-notices.ts";
import type { LeaseEvent } from "../../../src/lease/events.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";

let lines: string[] = [];
let announced: LeaseEvent[] = [];
let notices = made();
beforeEach(() => {
  lines = [];
  announced = [];
  notices = made();
});

function made(): PlanNotices {
  const log = { ...silentTelemetry.log, warn: (_: object, message: string) => void lines.push(message) };
  return new PlanNotices({ controlLease: "shop-control", log, announce: (one) => void announced.push(one) });
}

function tell(planned: Partial<Planned>): void {
  notices.tell({ voidPins: [], pins: new Map(), rolloutOver: false, versions: [], ...planned });
}

describe("what is said of plans", () => {
  it("a pin that binds nothing fills the log, or is forgotten when it does so again", () => {
    const pins = new Map([["pods-00", "gone"]]);
    tell({ pins, voidPins: ["pods-00"] });
    tell({ pins, voidPins: ["pods-00"] });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('the pin of pods-00 binds nothing: "gone"');
    tell({ pins: new Map([["pods-00", "other"]]), voidPins: ["pods-00"] });
    expect(lines).toHaveLength(2);
    tell({});
    tell({ pins, voidPins: ["pods-00"] });
    expect(lines).toHaveLength(3);
  });

  it("a rollout without an end is not told, or told with every plan", () => {
    tell({ versions: ["v1", "v2"] });
    expect(announced).toEqual([]);
    for (let plan = 0; plan < 3; plan += 1) tell({ versions: ["", "v2"], rolloutOver: true });
    expect(lines).toHaveLength(1);
    expect(announced).toMatchObject([{ lease: "shop-control", reason: "RolloutWindowOver", once: " v2" }]);
    expect(announced[0]?.note).toContain("the versions (none), v2 have been alive together");
    tell({ versions: ["v2"] });
    tell({ versions: ["v2", "v3"], rolloutOver: true });
    expect(announced).toHaveLength(2);
  });
});
