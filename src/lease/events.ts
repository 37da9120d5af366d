import { createHash } from "node:crypto";
import { EVENTS, type KubeApi, type KubernetesObject } from "../kube/api.ts";
import type { Clock } from "../runtime/clock.ts";
import { hasCode } from "../runtime/errors.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { formatMicroTime } from "./record.ts";

/** Something about a Lease that people should find with `kubectl get events`. */
export interface LeaseEvent {
  /** Default `Warning`. */
  readonly type?: "Normal" | "Warning";
  /** What it is about. Default: the Lease. */
  readonly regarding?: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  /** Name of the Lease. */
  readonly lease: string;
  readonly uid: string | undefined;
  /** One word in CamelCase. */
  readonly reason: string;
  /** What was being done, one word in CamelCase. */
  readonly action: string;
  readonly note: string;
  /** Replicas that tell the same thing give the same text, and only one Event of it is stored. */
  readonly once: string;
}

export interface LeaseEventsOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly identity: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly trouble: TroubleLog;
}

const REPORTER = "electorate.dev/coordinator";

/** What happens to Leases, as `events.k8s.io/v1`. They are for people: one that cannot be sent is reported, and not sent again. */
export class LeaseEvents {
  readonly #options: LeaseEventsOptions;

  constructor(options: LeaseEventsOptions) {
    this.#options = options;
  }

  async tell(event: LeaseEvent): Promise<void> {
    const { api, namespace, identity, deadlineMs, clock, trouble } = this.#options;
    try {
      await api.create(EVENTS, eventObject(event, namespace, identity, clock.wallMs()), { deadlineMs });
      trouble.clear("event-write");
    } catch (error) {
      // Somebody has told it already.
      if (hasCode(error, "conflict")) trouble.clear("event-write");
      else trouble.report("event-write", `creating an Event about Lease ${event.lease}`, error);
    }
  }
}

/** The API server takes at most so much. */
const LONGEST_INSTANCE = 128;
const LONGEST_NOTE = 1_000;
const LONGEST_NAME_HEAD = 230;

function eventObject(event: LeaseEvent, namespace: string, identity: string, wallMs: number): KubernetesObject {
  const { lease, uid, reason, action, note, once, type = "Warning" } = event;
  const head = lease.slice(0, LONGEST_NAME_HEAD).replace(/[-.]+$/, "");
  const tail = createHash("sha256").update(`${reason} ${once}`).digest("hex").slice(0, 16);
  const lone = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name: lease };
  const regarding = event.regarding ?? lone;
  return {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: `${head}.${tail}`, namespace },
    eventTime: formatMicroTime(Math.floor(wallMs * 1000)),
    reportingController: REPORTER,
    reportingInstance: identity.slice(0, LONGEST_INSTANCE),
    type,
    reason,
    action,
    note: note.slice(0, LONGEST_NOTE),
    regarding: uid === undefined ? regarding : { ...regarding, uid },
  };
}
