import { Command } from "@commander-js/extra-typings";
import { EXIT_CODES_HELP } from "./exit.ts";

const EXAMPLES = `
Input, one JSON document; everything but the ids has a default:
  {
    "members":  [{ "id": "a", "state": "ready", "weight": 1, "zone": "", "version": "", "createdAt": "2026-01-01T00:00:00Z",
                   "resources": ["configmaps"], "seen": true, "probation": false }],
    "shards":   [{ "id": "configmaps-00", "resource": "configmaps", "weight": 1 }],
    "holders":  { "configmaps-00": "a" },
    "pins":     { "configmaps-00": "a" },
    "cooldown": ["configmaps-00"],
    "freeze": false, "rolloutOver": false, "respread": 2
  }
A member without "resources" is prepared for all of them; a holder that is not a member is dead.

Output: { "assignment": { shard: member or null }, "moves": how many targets differ from their holder, "load": { member:
weight of its shards }, "spread": pairs of buckets of one resource on one member, "voidPins": [shards whose pin binds nothing] }

Examples:
  electorate plan --input fleet.json             the plan for one fleet
  electorate plan --input - < fleets.jsonl       one document per line in, one plan per line out
${EXIT_CODES_HELP}`;

/** `electorate plan`: what the replicas would decide, to try a change before making it. */
export function planCommand() {
  return new Command("plan")
    .description("Print which member would hold which shard, for members, shards and holders given as JSON.")
    .requiredOption("-i, --input <file>", "JSON file to plan for; - reads one document per line from standard input")
    .addHelpText("after", EXAMPLES)
    .action(async ({ input }) => {
      const { showPlan, showPlans } = await import("./plan/show.ts");
      await (input === "-" ? showPlans(process.stdin) : showPlan(input));
    });
}
