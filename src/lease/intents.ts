import { ANNOTATION_FREEZE, ANNOTATION_INTENT, ANNOTATION_PIN, LABEL_ROLE } from "./names.ts";
import type { LeaseVersion } from "./record.ts";
import type { LeaseFeedEvent } from "./store.ts";

/**
 * What people ask of a coordinator: annotations on its Leases, which every replica watches anyway. There is no other channel, so
 * that whoever may patch a Lease may ask, with this project's command or with kubectl. An intent that is not understood is none.
 */

/** `drain`: gives its shards away and gets none. `cordon`: keeps what it has and gets none. Either one runs on. */
export type Intent = "drain" | "cordon";

/** What is asked of a member, as its Lease says. It ends with the process: its successor has a Lease of its own. */
export function intentOf({ annotations }: Pick<LeaseVersion, "annotations">): Intent | undefined {
  const text = annotations[ANNOTATION_INTENT];
  return text === "drain" || text === "cordon" ? text : undefined;
}

/** Name of the member that a shard is to be held by, as its Lease says. */
export function pinOf({ annotations }: Pick<LeaseVersion, "annotations">): string | undefined {
  return annotations[ANNOTATION_PIN]?.trim() || undefined;
}

/** What the freeze says, such as who asked for it and when; `undefined` when there is none. */
export function freezeOf({ annotations }: Pick<LeaseVersion, "annotations">): string | undefined {
  const text = annotations[ANNOTATION_FREEZE]?.trim() ?? "";
  return text === "" || text === "false" ? undefined : text;
}

/** The freeze after an event of the coordinator's feed; `controlLease` is the name of its control Lease. */
export function observeFreeze(
  before: string | undefined,
  event: LeaseFeedEvent,
  controlLease: string,
): string | undefined {
  const isControl = ({ name, labels }: LeaseVersion): boolean =>
    name === controlLease && labels[LABEL_ROLE] === "control";
  switch (event.type) {
    case "snapshot": {
      const control = event.versions.find(isControl);
      return control && freezeOf(control);
    }
    case "changed":
      return isControl(event.version) ? freezeOf(event.version) : before;
    case "deleted":
      return isControl(event.version) ? undefined : before;
    case "bookmark":
      return before;
    default:
      return event satisfies never;
  }
}
