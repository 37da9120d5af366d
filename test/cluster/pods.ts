import { z } from "zod";
import type { KubernetesNode } from "../support/node.ts";

const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), deletionTimestamp: z.string().optional() }),
      status: z.object({
        podIP: z.string().optional(),
        startTime: z.string().optional(),
        conditions: z.array(z.object({ type: z.string(), lastTransitionTime: z.string() })).optional(),
        containerStatuses: z.array(z.object({ ready: z.boolean(), containerID: z.string().optional() })).optional(),
      }),
    }),
  ),
});

export interface PodState {
  readonly name: string;
  readonly ready: boolean;
  /** Empty while it has none. */
  readonly ip: string;
  readonly containerId: string;
  /** From its place on the node until it was ready for the last time, in whole seconds. */
  readonly startSeconds: number;
}

/** The pods of a release that are not being deleted, by name. */
export async function podsOf(node: KubernetesNode, namespace: string, release: string): Promise<readonly PodState[]> {
  const selector = `app.kubernetes.io/name=electorate,app.kubernetes.io/instance=${release}`;
  const text = await node.kubectl(["get", "pods", "-n", namespace, "-l", selector, "-o", "json"]);
  return podsSchema
    .parse(JSON.parse(text))
    .items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(
      ({ metadata: { name }, status: { podIP: ip = "", startTime = "", conditions = [], containerStatuses = [] } }) => {
        const readyAt = conditions.find(({ type }) => type === "Ready")?.lastTransitionTime ?? "";
        return {
          name,
          ip,
          ready: containerStatuses.length > 0 && containerStatuses.every(({ ready }) => ready),
          containerId: containerStatuses[0]?.containerID?.replace(/^\w+:\/\//, "") ?? "",
          startSeconds: (Date.parse(readyAt) - Date.parse(startTime)) / 1_000,
        };
      },
    );
}
