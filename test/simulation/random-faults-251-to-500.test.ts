import { it } from "vitest";
import { expectSound } from "./seeds.ts";
import { randomFaults } from "./stories/random-faults.ts";

it("no schedule of faults opens two gates of a shard, frees a Lease under its work, leaves a shard without an owner or loses a key (seeds 251 to 500)", async () => {
  await expectSound(randomFaults, 251, 500);
}, 1_800_000);
