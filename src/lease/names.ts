import { createHash } from "node:crypto";
import { type ApiResource, resourceName } from "../kube/api.ts";
import { ElectorateError } from "../runtime/errors.ts";

/** Names, labels and annotations of our Leases: the wire format that other programs and people see. */

export const LABEL_COORDINATOR = "electorate.dev/coordinator";
export const LABEL_ROLE = "electorate.dev/role";
export const LABEL_RESOURCE = "electorate.dev/resource";
export const LABEL_BUCKET = "electorate.dev/bucket";

/** Full name of the resource, because a label holds 63 characters at most. */
export const ANNOTATION_RESOURCE = "electorate.dev/resource";
/** `<algorithm>-<version>/<count>`: how the holder maps keys to buckets. */
export const ANNOTATION_KEY_MAP = "electorate.dev/key-map";
/** Major version of the protocol that a member speaks. */
export const ANNOTATION_PROTOCOL = "electorate.dev/protocol";
/** Full identity of a member; `holderIdentity` may be emptied by a fence. */
export const ANNOTATION_IDENTITY = "electorate.dev/identity";
export const ANNOTATION_STATE = "electorate.dev/state";
/** JSON object: each resource whose first list is complete, with its key map. */
export const ANNOTATION_RESOURCES = "electorate.dev/resources";
/** Share of the load that a member is to carry; a whole number. */
export const ANNOTATION_WEIGHT = "electorate.dev/weight";
export const ANNOTATION_ZONE = "electorate.dev/zone";
/** Which release a member runs: the hash of its pod template, or what the configuration says. */
export const ANNOTATION_VERSION = "electorate.dev/version";
/** On a member Lease, what somebody asks of the member: see `intents.ts`, for this one and the next two. */
export const ANNOTATION_INTENT = "electorate.dev/intent";
/** On a shard Lease: the member that is to hold it, by the part of its identity before `_`. */
export const ANNOTATION_PIN = "electorate.dev/pin";
/** On the control Lease: no shard that has a live holder is moved. */
export const ANNOTATION_FREEZE = "electorate.dev/freeze";
/** Where a member serves `/metrics`, as `host:port`; empty when it serves nothing. */
export const ANNOTATION_ADDRESS = "electorate.dev/address";
/** `<pod uid>/<container>/<container id>`: where a member runs, by which others can see that it is dead. */
export const ANNOTATION_CONTAINER = "electorate.dev/container";
/** How this shard Lease is kept alive: `per-shard` or `per-member`. */
export const ANNOTATION_RENEWAL = "electorate.dev/renewal";
/** `<identity>;<leaseTransitions>`: see `fence.ts`. */
export const ANNOTATION_FENCE = "electorate.dev/fence";
/** Epoch of the holder's term, from its second write on: the first one is the epoch. */
export const ANNOTATION_EPOCH = "electorate.dev/epoch";

/** `<to>;<leaseTransitions>;<resourceVersion replaced>`: see `transfer.ts`. */
export const ANNOTATION_TRANSFER = "electorate.dev/transfer";

/** The protocol that this version speaks. */
export const PROTOCOL = "1";

/** What a Lease of ours is for. The control Lease is never held: it carries what is asked of the whole coordinator. */
export const ROLES = ["shard", "member", "control"] as const;

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LONGEST_NAME = 253;
const LONGEST_LABEL = 63;

/** True for a name that the API server takes for a Lease. */
export function isSubdomain(name: string): boolean {
  return name.length <= LONGEST_NAME && SUBDOMAIN.test(name);
}

/** One bucket of one resource: the unit of ownership. */
export interface Shard {
  /** `configmaps-03`, `deployments.apps-00`: what logs, metrics and commands call it. */
  readonly id: string;
  readonly leaseName: string;
  /** `plural.group`, or the plural alone for core. */
  readonly resource: string;
  readonly bucket: number;
  /** Key map of this replica for the resource. */
  readonly keyMap: string;
}

/** `03`: two digits or more, so that names sort. */
function bucketText(bucket: number): string {
  return String(bucket).padStart(2, "0");
}

export function shardId(resource: string, bucket: number): string {
  return `${resource}-${bucketText(bucket)}`;
}

/**
 * The shards of one resource.
 * @throws ElectorateError `lease-name-refused` when a Lease of that name could not exist.
 */
export function shardsOf(
  coordinator: string,
  resource: Pick<ApiResource, "group" | "plural">,
  buckets: number,
  keyMap: string,
): Shard[] {
  const name = resourceName(resource);
  return Array.from({ length: buckets }, (_, bucket) => {
    const id = shardId(name, bucket);
    const leaseName = `${coordinator}-${id}`.toLowerCase();
    if (!isSubdomain(leaseName)) {
      throw new ElectorateError(
        "lease-name-refused",
        `the Lease of shard ${id} would be called "${leaseName}" (${leaseName.length} characters), which is not a DNS subdomain of at most ` +
          `${LONGEST_NAME} characters; choose a shorter or simpler coordinator name than "${coordinator}"`,
      );
    }
    return { id, leaseName, resource: name, bucket, keyMap };
  });
}

/** `<coordinator>-member-<uuid>`. */
export function memberLeaseName(coordinator: string, uuid: string): string {
  return `${coordinator}-member-${uuid}`;
}

/** Name of the member Lease that an identity has, whether or not it is there; `undefined` for one that is no member's. */
export function memberLeaseNameOf(coordinator: string, identity: string): string | undefined {
  const uuid = uuidOf(identity);
  return uuid === undefined ? undefined : memberLeaseName(coordinator, uuid);
}

/** `<coordinator>-control`; no shard is called so, because a shard's name ends with a number. */
export function controlLeaseName(coordinator: string): string {
  return `${coordinator}-control`;
}

/** True for what a member may be called: `<name>_<uuid>`. */
export function isIdentity(text: string): boolean {
  return uuidOf(text) !== undefined;
}

/** True when a Lease of that name, of whatever coordinator, is the member Lease of `identity`. */
export function isMemberLeaseOf(leaseName: string, identity: string): boolean {
  const uuid = uuidOf(identity);
  return uuid !== undefined && leaseName.endsWith(`-member-${uuid}`);
}

function uuidOf(identity: string): string | undefined {
  return /^[^_]+_([^_]+)$/.exec(identity)?.[1];
}

/**
 * Identity of one process: `<pod name>_<uuid>`. The part before `_` is for people, who pin and drain by it; the uuid is new
 * at each start, so that no two processes ever share an identity, whatever a deployment does.
 */
export interface Identity {
  readonly text: string;
  readonly name: string;
  readonly uuid: string;
}

/** @throws ElectorateError `invalid-configuration` when `name` is empty or holds a `_`. */
export function createIdentity(name: string, uuid: string): Identity {
  if (name === "" || name.includes("_") || name.trim() !== name) {
    throw new ElectorateError(
      "invalid-configuration",
      `identity must be a name without "_" and blanks at its ends, because "_" divides it from the process's uuid, but is "${name}"`,
    );
  }
  return { text: `${name}_${uuid}`, name, uuid };
}

/** The part of an identity before `_`, by which people know a member. */
export function nameOf(identity: string): string {
  return identity.split("_", 1)[0] ?? identity;
}

/** A resource name as a label value: as it is up to 63 characters, else its head, `-` and 8 hex digits of its SHA-256. */
export function resourceLabel(resource: string): string {
  if (resource.length <= LONGEST_LABEL) return resource;
  return `${resource.slice(0, 54)}-${createHash("sha256").update(resource).digest("hex").slice(0, 8)}`;
}

export function shardLabels(coordinator: string, shard: Shard): Record<string, string> {
  return {
    [LABEL_COORDINATOR]: coordinator,
    [LABEL_ROLE]: "shard",
    [LABEL_RESOURCE]: resourceLabel(shard.resource),
    [LABEL_BUCKET]: bucketText(shard.bucket),
  };
}

/** Selects every Lease of a coordinator, of every role. */
export function leaseSelector(coordinator: string): string {
  return `${LABEL_COORDINATOR}=${coordinator},${LABEL_ROLE} in (${ROLES.join(",")})`;
}
