/**
 * Every metric of this project, declared once. Names and labels of client-go and controller-runtime are theirs, so that
 * existing dashboards and alerts work; ours start with `electorate_`. Labels are bounded: a resource, a result, at most a
 * shard, never a key, an identity or a message.
 */

interface Declaration {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export type MetricDeclaration = Declaration &
  ({ readonly type: "counter" | "gauge" } | { readonly type: "histogram"; readonly buckets: readonly number[] });

function counter(name: string, labels: readonly string[], help: string): MetricDeclaration {
  return { type: "counter", name, labels, help };
}

function gauge(name: string, labels: readonly string[], help: string): MetricDeclaration {
  return { type: "gauge", name, labels, help };
}

function histogram(
  name: string,
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): MetricDeclaration {
  return { type: "histogram", name, labels, buckets, help };
}

/** client-go's work queue: 10 ns to 1,000 s, each bound ten times the last. */
const QUEUE_SECONDS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000];

/** controller-runtime's bounds of a reconcile, in seconds. */
const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** One API request: fine below 100 ms, where a healthy API server answers. */
const REQUEST_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2, 5, 10];

/** From milliseconds of a planned move to the minutes of a Lease that was waited out. */
const OWNERSHIP_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120];

const QUEUE: readonly MetricDeclaration[] = [
  gauge("workqueue_depth", ["name"], "Current depth of workqueue"),
  counter("workqueue_adds_total", ["name"], "Total number of adds handled by workqueue"),
  histogram(
    "workqueue_queue_duration_seconds",
    ["name"],
    QUEUE_SECONDS,
    "How long in seconds an item stays in workqueue before being requested",
  ),
  histogram(
    "workqueue_work_duration_seconds",
    ["name"],
    QUEUE_SECONDS,
    "How long in seconds processing an item from workqueue takes",
  ),
  counter("workqueue_retries_total", ["name"], "Total number of retries handled by workqueue"),
  gauge(
    "workqueue_unfinished_work_seconds",
    ["name"],
    "How many seconds of work is in progress and has not been observed by work_duration; large values indicate stuck workers",
  ),
  gauge(
    "workqueue_longest_running_processor_seconds",
    ["name"],
    "How many seconds the longest running worker of workqueue has been running",
  ),
];

const RECONCILE: readonly MetricDeclaration[] = [
  counter(
    "controller_runtime_reconcile_total",
    ["controller", "result"],
    "Total number of reconciliations per controller; result is success, error, requeue or requeue_after",
  ),
  counter(
    "controller_runtime_reconcile_errors_total",
    ["controller"],
    "Total number of reconciliation errors per controller",
  ),
  counter(
    "controller_runtime_reconcile_panics_total",
    ["controller"],
    "Total number of handler calls that broke the contract per controller",
  ),
  counter(
    "controller_runtime_reconcile_timeouts_total",
    ["controller"],
    "Total number of reconciliations that took longer than the time-out per controller",
  ),
  counter(
    "controller_runtime_terminal_reconcile_errors_total",
    ["controller"],
    "Total number of terminal reconciliation errors per controller",
  ),
  histogram(
    "controller_runtime_reconcile_time_seconds",
    ["controller"],
    RECONCILE_SECONDS,
    "Length of time per reconciliation per controller",
  ),
  gauge(
    "controller_runtime_max_concurrent_reconciles",
    ["controller"],
    "Maximum number of concurrent reconciles per controller on this replica",
  ),
  gauge("controller_runtime_active_workers", ["controller"], "Number of currently used workers per controller"),
];

const CLIENT_GO: readonly MetricDeclaration[] = [
  gauge(
    "leader_election_master_status",
    ["name"],
    "1 while this process leads the Lease of that name, 0 while it does not",
  ),
  counter(
    "leader_election_slowpath_total",
    ["name"],
    "Renewals of the Lease of that name that needed a read before the write",
  ),
  counter(
    "rest_client_requests_total",
    ["code", "method", "host"],
    "Number of HTTP requests, partitioned by status code, method, and host; code is <error> where no answer came",
  ),
];

const OURS: readonly MetricDeclaration[] = [
  gauge("electorate_build_info", ["version"], "1, labelled with the version of electorate"),
  gauge("electorate_shards", ["resource"], "Shards of the resource in all"),
  gauge("electorate_shards_owned", ["resource"], "Shards of the resource whose gate is open on this replica"),
  gauge("electorate_shards_unowned", ["resource"], "Shards of the resource that nobody holds, as this replica sees it"),
  gauge(
    "electorate_shards_unowned_seconds",
    ["resource"],
    "How long the shard of the resource that lacks a live owner for longest has been without one, as this replica sees it",
  ),
  gauge(
    "electorate_shards_blocked",
    ["resource"],
    "Shards of the resource that nobody may open while another key map is held",
  ),
  gauge("electorate_shard_gate_margin_seconds", ["shard"], "Validity left on the gate of a shard of this replica"),
  gauge("electorate_queue_delayed", ["shard"], "Keys of the shard that wait for a delay or a back-off"),
  gauge("electorate_queue_in_work", ["shard"], "Keys of the shard that are being worked on"),
  gauge("electorate_queue_oldest_age_seconds", ["shard"], "Age of the oldest key of the shard that waits to be taken"),
  gauge(
    "electorate_queue_available",
    ["shard"],
    "0 while the queue of the shard cannot work because of Redis; not there for queues in memory",
  ),
  counter(
    "electorate_transitions_total",
    ["event", "reason"],
    "Transitions of Leases, gates and queues on this replica",
  ),
  histogram(
    "electorate_drain_duration_seconds",
    ["resource"],
    OWNERSHIP_SECONDS,
    "From the gate's closing until the last key in work was done",
  ),
  gauge(
    "electorate_members",
    ["state"],
    "Live members of the coordinator, by the state they declare: ready or draining",
  ),
  counter(
    "electorate_renewals_total",
    ["role", "result"],
    "Writes that keep a Lease alive; role is shard or member, result is ok, conflict, missing or failed",
  ),
  histogram("electorate_renewal_duration_seconds", ["role"], REQUEST_SECONDS, "Round trip of an acknowledged renewal"),
  counter("electorate_watch_restarts_total", ["resource", "reason"], "Watches that had to be started again"),
  counter(
    "electorate_map_failures_total",
    ["resource", "watched"],
    "Events of a watched resource that were lost because its map function failed",
  ),
  gauge("electorate_source_objects", ["resource"], "Objects in the read cache"),
  gauge("electorate_source_synced", ["resource"], "1 once the first list of the resource is complete"),
  counter("electorate_fences_total", ["result"], "Fences that were sent to members that did not renew in time"),
  counter("electorate_identities_lost_total", [], "Identities of this replica that were fenced, deleted or edited"),
  counter("electorate_overruns_total", ["resource"], "Work that outlived the validity of its shard"),
];

export const METRICS: readonly MetricDeclaration[] = [...QUEUE, ...RECONCILE, ...CLIENT_GO, ...OURS];
