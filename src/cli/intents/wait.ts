import { LEASES } from "../../kube/api.ts";
import { ListWatch } from "../../kube/list-watch.ts";
import { leaseSelector } from "../../lease/names.ts";
import { type LeaseVersion, parseLease } from "../../lease/record.ts";
import { withPatience } from "../../runtime/abort.ts";
import { systemClock } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import { type Cluster, explained } from "../cluster.ts";
import { failureText } from "../exit.ts";
import type { Order, Progress } from "./orders.ts";

export interface WaitSettings {
  readonly timeoutMs: number;
  /** Prints no progress. */
  readonly quiet: boolean;
}

/** Shards move in bursts; nobody reads a line for each. */
const SAY_EVERY_MS = 1_000;

/** Follows the Leases until the order is carried out or the time is over; how far it came. */
export async function awaitOrder(
  cluster: Cluster,
  coordinator: string,
  order: Order,
  { timeoutMs, quiet }: WaitSettings,
): Promise<Progress> {
  const { transport, namespace } = cluster;
  const given = new AbortController();
  const say = quiet ? () => {} : sayer();
  const feed = new ListWatch({
    transport,
    resource: LEASES,
    selection: { namespace, labelSelector: leaseSelector(coordinator) },
    onTrouble: ({ error }) => {
      if (hasCode(error, "forbidden")) given.abort(explained(error, namespace, ["list", "watch"]));
      else process.stderr.write(`still waiting: ${failureText(error)}\n`);
    },
  });
  let progress: Progress = { done: false, text: "the Leases could not be read" };
  await withPatience(systemClock, timeoutMs, given.signal, async (patience) => {
    const leases = new Map<string, LeaseVersion>();
    for await (const event of feed.events(patience)) {
      if (event.type === "snapshot") {
        leases.clear();
        for (const object of event.objects) leases.set(object.metadata.name, parseLease(object));
      } else if (event.type === "changed") leases.set(event.object.metadata.name, parseLease(event.object));
      else if (event.type === "deleted") leases.delete(event.object.metadata.name);
      progress = order.progress({ coordinator, versions: [...leases.values()], wallMs: systemClock.wallMs() });
      say(progress);
      if (progress.done) return;
    }
  });
  given.signal.throwIfAborted();
  return progress;
}

/** Says what is new, not too often, and always the last of it. */
function sayer(): (progress: Progress) => void {
  let said = "";
  let saidMs = Number.NEGATIVE_INFINITY;
  return ({ done, text }) => {
    const nowMs = systemClock.monotonicMs();
    if (text === said || (!done && nowMs < saidMs + SAY_EVERY_MS)) return;
    said = text;
    saidMs = nowMs;
    process.stdout.write(`${text}\n`);
  };
}
