import type { QueueStatistics } from "../../queue/work-queue.ts";
import type { Clock } from "../../runtime/clock.ts";
import { messageOf } from "../../runtime/errors.ts";
import { metricsText, valuesBy } from "../replica-metrics.ts";
import type { CoordinatorStatus, MemberStatus } from "./model.ts";
import { nameIn } from "./table.ts";

/** The work queues of shards. Leases say nothing of them, so each holder's metrics are read. */

const DEADLINE_MS = 2_000;

/** A member, with the queues by shard that its metrics name, or with why they are not known. */
type Answer = { readonly member: MemberStatus } & (
  | { readonly queues: ReadonlyMap<string, QueueStatistics> }
  | { readonly problem: string }
);

/** The same report with the queues that could be read, and a warning that names the members whose queues could not. */
export async function askForQueues(report: CoordinatorStatus, clock: Clock): Promise<CoordinatorStatus> {
  const holders = report.members.filter(({ state, shards }) => state !== "gone" && shards > 0);
  const answers = await Promise.all(holders.map((member) => ask(member, clock)));
  const byHolder = new Map(
    answers.map((answer) => [answer.member.identity, "queues" in answer ? answer.queues : undefined]),
  );
  return {
    ...report,
    // Somebody who held the shard before may still speak of its queue: its holder's word alone counts.
    shards: report.shards.map((shard) => ({ ...shard, queue: byHolder.get(shard.holder)?.get(shard.shard) })),
    warnings: [...report.warnings, ...warningsOf(answers)],
  };
}

async function ask(member: MemberStatus, clock: Clock): Promise<Answer> {
  const { address } = member;
  if (address === "") return { member, problem: "it serves none, as its http.address says" };
  try {
    const queues = queuesIn(await metricsText({ address, deadlineMs: DEADLINE_MS, clock }));
    // An address such as [::]:8080 leads to whoever listens here.
    if (queues.size === 0) return { member, problem: `${address}: somebody without shards answers` };
    return { member, queues };
  } catch (error) {
    return { member, problem: `${address}: ${messageOf(error)}` };
  }
}

/** The queues that are told in full. */
function queuesIn(text: string): Map<string, QueueStatistics> {
  const delayed = valuesBy(text, "electorate_queue_delayed", "shard");
  const inWork = valuesBy(text, "electorate_queue_in_work", "shard");
  const oldestSeconds = valuesBy(text, "electorate_queue_oldest_age_seconds", "shard");
  const queues = new Map<string, QueueStatistics>();
  for (const [shard, depth] of valuesBy(text, "workqueue_depth", "name")) {
    const statistics = { delayed: delayed.get(shard), inWork: inWork.get(shard), oldest: oldestSeconds.get(shard) };
    if (statistics.delayed === undefined || statistics.inWork === undefined || statistics.oldest === undefined)
      continue;
    queues.set(shard.toLowerCase(), {
      depth,
      delayed: statistics.delayed,
      inWork: statistics.inWork,
      oldestAgeMs: Math.round(statistics.oldest * 1000),
    });
  }
  return queues;
}

function warningsOf(answers: readonly Answer[]): string[] {
  const unknown = answers.flatMap((answer) =>
    "problem" in answer ? [`${nameIn(answer.member.identity)} (${answer.problem})`] : [],
  );
  if (unknown.length === 0) return [];
  return [
    `The queues of these members are unknown, because their metrics could not be read: ${unknown.join(", ")}. Run this command where their ` +
      "addresses can be reached, such as with kubectl exec in one of their pods, and see that each has http.address and POD_IP set.",
  ];
}
