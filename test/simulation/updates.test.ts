import { it } from "vitest";
import { expectSound } from "./seeds.ts";
import { flappingMember } from "./stories/flapping-member.ts";
import { rollingUpdate } from "./stories/rolling-update.ts";
import { scaleIn } from "./stories/scale-in.ts";

it("no rolling update moves a shard twice, or leaves it without an owner for longer than its drain takes, however its Leases are renewed before and after", async () => {
  await expectSound(rollingUpdate, 1, 60);
}, 1_800_000);

it("no member that comes and goes ten times makes the others thrash", async () => {
  await expectSound(flappingMember, 1, 30);
}, 1_800_000);

it("no shard of replicas that stop together waits for its Lease to expire", async () => {
  await expectSound(scaleIn, 1, 60);
}, 1_800_000);
