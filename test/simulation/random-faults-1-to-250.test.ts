import { it } from "vitest";
import { expectSound } from "./seeds.ts";
import { randomFaults } from "./stories/random-faults.ts";

it("no schedule of faults opens two gates of a shard, frees a Lease under its work, leaves a shard without an owner or loses a key (seeds 1 to 250)", async () => {
  await expectSound(randomFaults, 1, 250);
}, 1_800_000);
