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
    readonly uid?: string;
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

/** The Pod that this process runs in. */
export interface OwnPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** At which objects an Event is found: `kubectl describe` shows those regarding an object, and no others. */
export type EventPlace = "lease" | "pod" | "both";

export interface LeaseEventsOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly identity: string;
  /** `undefined` outside of a Pod: then nothing is told at one. */
  readonly ownPod: OwnPod | undefined;
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

  async tell(event: LeaseEvent, at: EventPlace = "both"): Promise<void> {
    const { namespace, ownPod } = this.#options;
    const lone = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name: event.lease };
    const lease = event.regarding ?? lone;
    const ofLease = event.uid === undefined ? lease : { ...lease, uid: event.uid };
    const pod = ownPod === undefined ? undefined : { apiVersion: "v1", kind: "Pod", ...ownPod };
    const told: Promise<void>[] = [];
    if (at !== "pod") told.push(this.#create(event, ofLease, pod));
    if (at !== "lease" && pod !== undefined) told.push(this.#create(event, pod, ofLease));
    await Promise.all(told);
  }

  async #create(event: LeaseEvent, regarding: Reference, related: Reference | undefined): Promise<void> {
    const { api, identity, deadlineMs, clock, trouble } = this.#options;
    const { kind, name } = regarding;
    try {
      await api.create(EVENTS, eventObject(event, regarding, related, identity, clock.wallMs()), { deadlineMs });
      trouble.clear("event-write", kind);
    } catch (error) {
      // Somebody has told it already.
      if (hasCode(error, "conflict")) trouble.clear("event-write", kind);
      else trouble.report("event-write", `creating an Event about ${kind} ${name}`, error, kind);
    }
  }
}

type Reference = NonNullable<LeaseEvent["regarding"]>;

/** The API server takes at most so much. */
const LONGEST_INSTANCE = 128;
const LONGEST_NOTE = 1_000;
const LONGEST_NAME_HEAD = 230;

function eventObject(
  event: LeaseEvent,
  regarding: Reference,
  related: Reference | undefined,
  identity: string,
  wallMs: number,
): KubernetesObject {
  const { reason, action, note, once, type = "Warning" } = event;
  const { name, namespace } = regarding;
  const head = name.slice(0, LONGEST_NAME_HEAD).replace(/[-.]+$/, "");
  const tail = createHash("sha256").update(`${reason} ${once}`).digest("hex").slice(0, 16);
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
    regarding,
    ...(related === undefined ? {} : { related }),
  };
}
