/**
 * When each alert fires and when it does not: time series of one sample a minute, in promtool's notation (`0x9` is 0 ten times, `0+5x9`
 * grows by 5), and the minute at which Prometheus is asked. The release wants three replicas and has the default Lease durations.
 */
export interface AlertCase {
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  readonly minutes: number;
  readonly fires: boolean;
}

function fires(when: string, minutes: number, series: Readonly<Record<string, string>>): AlertCase {
  return { when, minutes, series, fires: true };
}

function silent(when: string, minutes: number, series: Readonly<Record<string, string>>): AlertCase {
  return { when, minutes, series, fires: false };
}

const SECOND_POD = 'pod="shop-electorate-6c9f7d-q9kzt"';
const KIND = 'resource="configmaps"';

export const ALERT_CASES: Readonly<Record<string, readonly AlertCase[]>> = {
  ElectorateNoReplica: [
    fires("nothing was ever scraped", 3, {}),
    fires("the last replica is gone", 20, { electorate_build_info: "1x5 stale" }),
    fires("only another release runs", 3, { 'electorate_build_info{pod="other-electorate-6c9f7d-x2x8v"}': "1x10" }),
    silent("one replica is left", 10, { electorate_build_info: "1x20" }),
    silent("it has just gone", 6, { electorate_build_info: "1x5 stale" }),
  ],
  ElectorateShardUnowned: [
    fires("a shard is without an owner for more than 2 L", 1, {
      [`electorate_shards_unowned_seconds{${KIND}}`]: "0 31",
    }),
    silent("a crash is being waited out", 1, { [`electorate_shards_unowned_seconds{${KIND}}`]: "0 29" }),
    silent("it has an owner again", 3, { [`electorate_shards_unowned_seconds{${KIND}}`]: "0 31 45 0" }),
    silent("it is another namespace's", 1, {
      [`electorate_shards_unowned_seconds{${KIND},namespace="other"}`]: "0 300",
    }),
  ],
  ElectorateOverrun: [
    fires("work outlived its Lease", 5, { [`electorate_overruns_total{${KIND}}`]: "0 0 1x10" }),
    silent("nothing ever did", 5, { [`electorate_overruns_total{${KIND}}`]: "0x10" }),
    silent("it was long ago", 40, { [`electorate_overruns_total{${KIND}}`]: "0 0 1x50" }),
  ],
  ElectorateShardsBlocked: [
    fires("shards are blocked for long", 12, { [`electorate_shards_blocked{${KIND}}`]: "4x20" }),
    silent("a rollout of another count is under way", 8, { [`electorate_shards_blocked{${KIND}}`]: "4x20" }),
    silent("none is", 12, { [`electorate_shards_blocked{${KIND}}`]: "0x20" }),
  ],
  ElectorateTooFewMembers: [
    fires("two of three are ready", 7, { 'electorate_members{state="ready"}': "2x20" }),
    silent("all three are", 7, { 'electorate_members{state="ready"}': "3x20" }),
    silent("one of them restarts", 7, { 'electorate_members{state="ready"}': "3 3 2 2 3x20" }),
    silent("one replica is cut off and sees itself alone", 7, {
      'electorate_members{state="ready"}': "1x20",
      [`electorate_members{state="ready",${SECOND_POD}}`]: "3x20",
    }),
  ],
  ElectorateMemberDrains: [
    fires("one drains for long", 12, { 'electorate_members{state="draining"}': "1x20" }),
    silent("one stops as it should", 12, { 'electorate_members{state="draining"}': "1x2 0x20" }),
    silent("none does", 12, { 'electorate_members{state="draining"}': "0x20" }),
  ],
  ElectorateGateMarginLow: [
    fires("renewals come late all the time", 5, {
      'electorate_shard_gate_margin_seconds{shard="configmaps-00"}': "2x10",
    }),
    silent("they come in time", 5, { 'electorate_shard_gate_margin_seconds{shard="configmaps-00"}': "8.5x10" }),
    silent("one came late", 5, { 'electorate_shard_gate_margin_seconds{shard="configmaps-00"}': "9 9 9 9 9 2 9" }),
  ],
  ElectorateRenewalsFail: [
    fires("one in five fails", 15, {
      'electorate_renewals_total{role="shard",result="ok"}': "0+80x20",
      'electorate_renewals_total{role="shard",result="failed"}': "0+20x20",
    }),
    silent("one in a hundred does", 15, {
      'electorate_renewals_total{role="shard",result="ok"}': "0+99x20",
      'electorate_renewals_total{role="shard",result="conflict"}': "0+1x20",
    }),
    silent("all of them failed for a minute", 15, {
      'electorate_renewals_total{role="shard",result="ok"}': "0+80x2 160 160+80x20",
      'electorate_renewals_total{role="shard",result="failed"}': "0x2 80x20",
    }),
  ],
  ElectorateIdentityLost: [
    fires("a replica was fenced", 5, { electorate_identities_lost_total: "0 0 1x10" }),
    silent("none was", 5, { electorate_identities_lost_total: "0x10" }),
    silent("it was long ago", 40, { electorate_identities_lost_total: "0 1x50" }),
  ],
  ElectorateShardsMoveOften: [
    fires("sixteen shards move twenty times within the hour", 60, {
      [`electorate_shards{${KIND}}`]: "16x70",
      'electorate_transitions_total{event="gate-opened",reason="transfer"}': "0+6x70",
    }),
    silent("a rollout moved each once", 60, {
      [`electorate_shards{${KIND}}`]: "16x70",
      'electorate_transitions_total{event="gate-opened",reason="transfer"}': "0x9 16x60",
    }),
    silent("gates only closed", 60, {
      [`electorate_shards{${KIND}}`]: "16x70",
      'electorate_transitions_total{event="gate-closed",reason="drain"}': "0+6x70",
    }),
  ],
  ElectorateWatchRestarts: [
    fires("it restarts every half minute", 20, {
      [`electorate_watch_restarts_total{${KIND},reason="unreachable"}`]: "0+2x30",
    }),
    silent("it restarts every five minutes", 20, {
      [`electorate_watch_restarts_total{${KIND},reason="expired"}`]: "0 0 0 0 1 1 1 1 1 2x20",
    }),
    silent("it never does", 20, { [`electorate_watch_restarts_total{${KIND},reason="expired"}`]: "0x30" }),
  ],
  ElectorateSourceNotSynced: [
    fires("a list never ends", 7, { [`electorate_source_synced{${KIND}}`]: "0x20" }),
    silent("it took a minute", 7, { [`electorate_source_synced{${KIND}}`]: "0 1x20" }),
    fires("it never ends on one of two replicas", 7, {
      [`electorate_source_synced{${KIND}}`]: "1x20",
      [`electorate_source_synced{${KIND},${SECOND_POD}}`]: "0x20",
    }),
  ],
  ElectorateApiErrors: [
    fires("one in ten requests is not answered", 20, {
      'rest_client_requests_total{code="200",method="PUT",host="api"}': "0+90x30",
      'rest_client_requests_total{code="<error>",method="PUT",host="api"}': "0+10x30",
    }),
    fires("one in ten is turned away", 20, {
      'rest_client_requests_total{code="200",method="PUT",host="api"}': "0+90x30",
      'rest_client_requests_total{code="429",method="PUT",host="api"}': "0+10x30",
    }),
    silent("one in ten is a conflict", 20, {
      'rest_client_requests_total{code="200",method="PUT",host="api"}': "0+90x30",
      'rest_client_requests_total{code="409",method="PUT",host="api"}': "0+10x30",
    }),
  ],
  ElectorateReconcileErrors: [
    fires("one in five throws", 30, {
      'controller_runtime_reconcile_total{controller="configmaps",result="success"}': "0+80x40",
      'controller_runtime_reconcile_total{controller="configmaps",result="error"}': "0+20x40",
      'controller_runtime_reconcile_errors_total{controller="configmaps"}': "0+20x40",
    }),
    silent("one in a hundred does", 30, {
      'controller_runtime_reconcile_total{controller="configmaps",result="success"}': "0+100x40",
      'controller_runtime_reconcile_errors_total{controller="configmaps"}': "0+1x40",
    }),
    silent("nothing is reconciled", 30, {
      'controller_runtime_reconcile_total{controller="configmaps",result="success"}': "5x40",
      'controller_runtime_reconcile_errors_total{controller="configmaps"}': "0x40",
    }),
  ],
  ElectorateKeysWait: [
    fires("a key waits for minutes", 10, { 'electorate_queue_oldest_age_seconds{shard="configmaps-00"}': "0+60x20" }),
    fires("keys of one shard of many do", 10, {
      'electorate_queue_oldest_age_seconds{shard="configmaps-00"}': "0x20",
      'electorate_queue_oldest_age_seconds{shard="configmaps-01"}': "90x20",
    }),
    silent("they wait for less than a minute", 10, {
      'electorate_queue_oldest_age_seconds{shard="configmaps-00"}': "59x20",
    }),
    silent("they did while all were listed", 10, {
      'electorate_queue_oldest_age_seconds{shard="configmaps-00"}': "0 60 120 180 0x20",
    }),
    silent("their shard has gone to another replica, where they do not", 10, {
      'electorate_queue_oldest_age_seconds{shard="configmaps-00"}': "0+60x4 stale",
      [`electorate_queue_oldest_age_seconds{shard="configmaps-00",${SECOND_POD}}`]: "_ _ _ _ 0x20",
    }),
  ],
  ElectorateHandlerStuck: [
    fires("it has run for half an hour", 30, {
      'workqueue_longest_running_processor_seconds{name="configmaps"}': "0+60x40",
    }),
    silent("it has run for five minutes", 5, {
      'workqueue_longest_running_processor_seconds{name="configmaps"}': "0+60x40",
    }),
    silent("the long one has ended", 30, {
      'workqueue_longest_running_processor_seconds{name="configmaps"}': "0+60x11 0x30",
    }),
  ],
  ElectorateDrainSlow: [
    fires("moves take the whole drain time-out", 30, {
      [`electorate_drain_duration_seconds_bucket{${KIND},le="15"}`]: "0x40",
      [`electorate_drain_duration_seconds_bucket{${KIND},le="20"}`]: "0+1x40",
      [`electorate_drain_duration_seconds_bucket{${KIND},le="+Inf"}`]: "0+1x40",
    }),
    silent("moves take milliseconds", 30, {
      [`electorate_drain_duration_seconds_bucket{${KIND},le="0.005"}`]: "0+1x40",
      [`electorate_drain_duration_seconds_bucket{${KIND},le="+Inf"}`]: "0+1x40",
    }),
    silent("nothing moves", 30, { [`electorate_drain_duration_seconds_bucket{${KIND},le="+Inf"}`]: "0x40" }),
  ],
  ElectorateRolloutUnfinished: [
    fires("two versions run for long", 70, {
      'electorate_build_info{version="1.0.0"}': "1x80",
      [`electorate_build_info{version="1.1.0",${SECOND_POD}}`]: "1x80",
    }),
    silent("a rollout is under way", 30, {
      'electorate_build_info{version="1.0.0"}': "1x80",
      [`electorate_build_info{version="1.1.0",${SECOND_POD}}`]: "1x80",
    }),
    silent("two replicas run one version", 70, {
      'electorate_build_info{version="1.0.0"}': "1x80",
      [`electorate_build_info{version="1.0.0",${SECOND_POD}}`]: "1x80",
    }),
  ],
};
