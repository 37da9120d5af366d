import type { LeaseEvent } from "../lease/events.ts";
import { isMemberLeaseOf, LABEL_ROLE, memberLeaseNameOf, nameOf } from "../lease/names.ts";
import type { LeaseVersion } from "../lease/record.ts";
import type { LeaseFeedEvent } from "../lease/store.ts";
import type { Log } from "../runtime/telemetry.ts";

export interface NamesakesOptions {
  readonly coordinator: string;
  /** Own identity. */
  readonly identity: string;
  readonly log: Log;
  /** Sends an Event. */
  tell(event: LeaseEvent): void;
}

/**
 * Finds members that live beside this one under its name. Their identities differ, so that nothing is owned twice, but a pin, a drain and a
 * cordon by that name mean both. A container that is started again has the name of the one that died: only a member that is seen to renew while this
 * one lives is told of, once.
 */
export class Namesakes {
  readonly #options: NamesakesOptions;
  /** The renewal of each namesake that was seen first, by its Lease; `undefined` once it was told of. */
  readonly #firstSeen = new Map<string, string | undefined>();

  constructor(options: NamesakesOptions) {
    this.#options = options;
  }

  apply(event: LeaseFeedEvent): void {
    switch (event.type) {
      case "snapshot":
        for (const version of event.versions) this.#look(version);
        return;
      case "changed":
        this.#look(event.version);
        return;
      case "deleted":
        this.#firstSeen.delete(event.version.name);
        return;
      case "bookmark":
        return;
      default:
        event satisfies never;
    }
  }

  #look({ name, labels, record }: LeaseVersion): void {
    const { identity } = this.#options;
    const { holder, renewTime } = record;
    // Who empties or edits the Lease of a member is not that member.
    if (labels[LABEL_ROLE] !== "member" || !isMemberLeaseOf(name, holder)) return;
    if (holder === identity || nameOf(holder) !== nameOf(identity)) return;
    if (!this.#firstSeen.has(name)) this.#firstSeen.set(name, renewTime);
    const first = this.#firstSeen.get(name);
    if (first === undefined || first === renewTime) return;
    this.#firstSeen.set(name, undefined);
    this.#tell(holder, name);
  }

  #tell(other: string, leaseName: string): void {
    const { coordinator, identity, log } = this.#options;
    const shared = nameOf(identity);
    const both = [identity, other].sort();
    const isFirst = both[0] === identity;
    const note =
      `Two members are called ${shared}: ${both.join(" and ")}. Whoever pins, drains or cordons by that name means both: ` +
      "give each process a name of its own, by POD_NAME or --identity.";
    log.warn({ name: shared, identities: both }, note);
    this.#options.tell({
      // The same for both of them, so that one Event is stored.
      lease: (isFirst ? memberLeaseNameOf(coordinator, identity) : undefined) ?? leaseName,
      uid: undefined,
      reason: "DuplicateIdentity",
      action: "Join",
      note,
      once: both.join(" "),
    });
  }
}
