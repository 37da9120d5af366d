import type { KubernetesObject } from "../../src/kube/api.ts";
import {
  ANNOTATION_EPOCH,
  ANNOTATION_IDENTITY,
  ANNOTATION_KEY_MAP,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RENEWAL,
  ANNOTATION_RESOURCE,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  LABEL_COORDINATOR,
  LABEL_ROLE,
} from "../../src/lease/names.ts";
import { formatMicroTime, type LeaseVersion, parseLease } from "../../src/lease/record.ts";

/** Leases as the commands that report on them read them, described in a word or two. */

export const NOW = Date.UTC(2026, 0, 1, 12);
export const at = (secondsAgo: number): string => formatMicroTime((NOW - secondsAgo * 1000) * 1000);

interface ShardFields {
  readonly holder?: string;
  readonly seconds?: number;
  readonly acquired?: string;
  readonly renewed?: string;
  readonly epoch?: string;
  readonly keyMap?: string;
  readonly renewal?: string;
  readonly spec?: unknown;
  readonly coordinator?: string;
}

export function lease(
  name: string,
  labels: Record<string, string>,
  annotations: Record<string, string>,
  spec: unknown,
): LeaseVersion {
  const object: KubernetesObject = { metadata: { name, uid: "u", resourceVersion: "900", labels, annotations }, spec };
  return parseLease(object);
}

export function shard(id: string, fields: ShardFields = {}): LeaseVersion {
  const {
    holder = "",
    seconds = 15,
    acquired = at(100),
    renewed = at(1),
    epoch,
    keyMap = "hashring-1/4",
    renewal = "per-shard",
    coordinator = "shop",
  } = fields;
  const annotations = {
    [ANNOTATION_RESOURCE]: id.slice(0, id.lastIndexOf("-")),
    [ANNOTATION_KEY_MAP]: keyMap,
    [ANNOTATION_RENEWAL]: renewal,
    ...(epoch === undefined ? {} : { [ANNOTATION_EPOCH]: epoch }),
  };
  const spec = {
    holderIdentity: holder,
    leaseDurationSeconds: seconds,
    acquireTime: acquired,
    renewTime: renewed,
    leaseTransitions: 3,
  };
  return lease(
    `${coordinator}-${id}`,
    { [LABEL_COORDINATOR]: coordinator, [LABEL_ROLE]: "shard" },
    annotations,
    "spec" in fields ? fields.spec : spec,
  );
}

export function member(
  name: string,
  state = "ready",
  seenSecondsAgo = 1,
  protocol = "1",
  said: Readonly<Record<string, string>> = {},
): LeaseVersion {
  const annotations = {
    [ANNOTATION_IDENTITY]: `${name}_u-${name}`,
    [ANNOTATION_STATE]: state,
    [ANNOTATION_PROTOCOL]: protocol,
    [ANNOTATION_RESOURCES]: '{"pods":"hashring-1/4"}',
    ...said,
  };
  const spec = {
    holderIdentity: `${name}_u-${name}`,
    leaseDurationSeconds: 15,
    acquireTime: at(3_700),
    renewTime: at(seenSecondsAgo),
    leaseTransitions: 0,
  };
  return lease(`shop-member-u-${name}`, { [LABEL_COORDINATOR]: "shop", [LABEL_ROLE]: "member" }, annotations, spec);
}
