import type { Story } from "../story.ts";
import { bucketChange } from "./bucket-change.ts";
import { calmChanges } from "./calm-changes.ts";
import { flappingMember } from "./flapping-member.ts";
import { intents } from "./intents.ts";
import { randomFaults } from "./random-faults.ts";
import { rollingUpdate } from "./rolling-update.ts";
import { scaleIn } from "./scale-in.ts";

export const STORIES: readonly Story[] = [
  randomFaults,
  rollingUpdate,
  scaleIn,
  calmChanges,
  flappingMember,
  intents,
  bucketChange,
];
