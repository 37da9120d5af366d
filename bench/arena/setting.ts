import { z } from "zod";
import { type Profile, profileName } from "./profile.ts";

/** Who is measured. */
export const CONTENDERS = ["per-shard", "per-member", "client-go", "knative"] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** How the report calls them. */
export const CONTENDER_TITLES: Readonly<Record<ContenderName, string>> = {
  "per-shard": "Electorate, per shard",
  "per-member": "Electorate, per member",
  "client-go": "client-go",
  knative: "Knative",
};

export function isPeer(contender: ContenderName): boolean {
  return contender === "client-go" || contender === "knative";
}

const profileSchema = z.object({ duration: z.string(), renewDeadline: z.string(), retryPeriod: z.string() });

/** One cell of a question's table: what is measured, under which conditions. */
export const settingSchema = z.object({
  contender: z.enum(CONTENDERS),
  shards: z.number(),
  replicas: z.number(),
  profile: profileSchema,
  /** Added to every round trip between a replica and the API server. */
  latencyMs: z.number(),
  /** Objects that the replicas watch and reconcile. */
  objects: z.number(),
  /** What happens in this cell, where a question has more than one thing to do; else empty. */
  variant: z.string(),
});

export type Setting = z.output<typeof settingSchema>;

export function setting(
  contender: ContenderName,
  shards: number,
  replicas: number,
  profile: Profile,
  rest: { readonly latencyMs?: number; readonly objects?: number; readonly variant?: string } = {},
): Setting {
  return { contender, shards, replicas, profile: { ...profile }, latencyMs: 0, objects: 0, variant: "", ...rest };
}

/** Tells cells of one question apart, and names them on the screen. */
export function settingName({ contender, shards, replicas, profile, latencyMs, objects, variant }: Setting): string {
  const parts = [CONTENDER_TITLES[contender], `${shards} shards`, `${replicas} replicas`, profileName(profile)];
  if (latencyMs > 0) parts.push(`+${latencyMs} ms`);
  if (objects > 0) parts.push(`${objects} objects`);
  if (variant !== "") parts.push(variant);
  return parts.join(", ");
}
