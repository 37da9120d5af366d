import { it } from "vitest";
import { expectSound } from "./seeds.ts";
import { bucketChange } from "./stories/bucket-change.ts";
import { calmChanges } from "./stories/calm-changes.ts";
import { intents } from "./stories/intents.ts";

it("no member that comes, leaves or dies moves more shards than arithmetic demands", async () => {
  await expectSound(calmChanges, 1, 60);
}, 1_800_000);

it("nothing that people ask for leaves a shard without an owner, or moves one that nobody asked for", async () => {
  await expectSound(intents, 1, 30);
}, 1_800_000);

it("no key is worked on under two numbers of buckets at once, and none is lost, when they change under faults", async () => {
  await expectSound(bucketChange, 1, 30);
}, 1_800_000);
