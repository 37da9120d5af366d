/**
 * Reads `workqueue_depth` out of a replica's `/metrics`: how many keys wait, by shard. Series of one shard that differ in
 * further labels are added up.
 */
export function queueDepths(metricsText: string): Map<string, number> {
  const depths = new Map<string, number>();
  for (const [, labels = "", value = ""] of metricsText.matchAll(/^workqueue_depth\{([^}]*)\}\s+(\S+)/gm)) {
    const shard = /(?:^|,)\s*name="([^"]*)"/.exec(labels)?.[1];
    const depth = Number(value);
    if (shard !== undefined && Number.isFinite(depth)) depths.set(shard, (depths.get(shard) ?? 0) + depth);
  }
  return depths;
}
