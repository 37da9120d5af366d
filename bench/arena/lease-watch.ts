import { LEASES } from "../../src/kube/api.ts";
import { ListWatch } from "../../src/kube/list-watch.ts";
import type { Transport } from "../../src/kube/transport.ts";

/** One version of a Lease, when it arrived on the benchmark's own watch. */
export interface LeaseSighting {
  readonly name: string;
  readonly resourceVersion: string;
  readonly ns: bigint;
}

export interface LeaseWatching {
  /** Ends the watch. */
  stop(): void;
}

/**
 * Watches the Leases of one role in a namespace; resolves once their first list is known, so that no change made after that is missed.
 * Leases of that list are sightings too.
 */
export async function watchLeases(
  transport: Transport,
  namespace: string,
  role: "member" | "control",
  onSighting: (sighting: LeaseSighting) => void,
): Promise<LeaseWatching> {
  const stop = new AbortController();
  const { promise: listed, resolve, reject } = Promise.withResolvers<void>();
  const labelSelector = `electorate.dev/coordinator=bench,electorate.dev/role=${role}`;
  const watch = new ListWatch({ transport, resource: LEASES, selection: { namespace, labelSelector } });
  const read = async (): Promise<void> => {
    for await (const event of watch.events(stop.signal)) {
      const ns = process.hrtime.bigint();
      const objects = event.type === "snapshot" ? event.objects : event.type === "changed" ? [event.object] : [];
      for (const { metadata } of objects) {
        onSighting({ name: metadata.name, resourceVersion: metadata.resourceVersion ?? "", ns });
      }
      if (event.type === "snapshot") resolve();
    }
  };
  read().catch((error: unknown) => {
    if (!stop.signal.aborted) reject(error);
  });
  await listed;
  return { stop: () => stop.abort() };
}
