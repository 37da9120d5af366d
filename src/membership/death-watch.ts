import type { PodPlace } from "../config/settings.ts";
import { type KubernetesObject, PODS } from "../kube/api.ts";
import { KubeClient } from "../kube/client.ts";
import { ListWatch } from "../kube/list-watch.ts";
import type { Transport } from "../kube/transport.ts";
import { ANNOTATION_CONTAINER } from "../lease/names.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Randomness } from "../runtime/randomness.ts";
import type { TroubleLog } from "../runtime/trouble.ts";
import { claimText, ownContainer, provenDead } from "./container.ts";
import { memberOf, type Roster } from "./roster.ts";

export interface DeathWatchOptions {
  /** Not the coordination traffic's own: a watch of Pods must not stand in front of a renewal. */
  readonly transport: Transport;
  readonly pod: PodPlace;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly trouble: TroubleLog;
  readonly roster: () => Roster;
  /** This replica's claim is known: it belongs into its member Lease. */
  claimed(text: string): void;
  /** Somebody more may be proven dead. */
  changed(): void;
}

/**
 * A kubelet tells of a restart a moment late, and until then the Pod shows the container before this one as running. A process
 * that has run for so long is not confused with it.
 */
const SETTLED_MS = 30_000;
const ASK_AGAIN_MS = 30_000;
/** Proofs about nobody who has a member Lease are dropped when there are more. */
const MOST_PROOFS = 1_000;

/**
 * Which members are proven dead by their Pods, with one watch of those that run under this Pod's service account: all replicas of a
 * controller do, and rarely anybody else. It needs `get` and `watch` on pods; without them nobody is proven dead, and that is all.
 */
export class DeathWatch {
  readonly #options: DeathWatchOptions;
  /** By the text of the claim. A container that has ended has ended for ever. */
  readonly #proofs = new Set<string>();
  readonly #api: KubeClient;

  constructor(options: DeathWatchOptions) {
    this.#options = options;
    this.#api = new KubeClient(options.transport, options);
  }

  /** True when the container of that member is known to have ended, and every process of it. */
  isDead(identity: string): boolean {
    if (this.#proofs.size === 0) return false;
    const claim = memberOf(this.#options.roster(), identity)?.lease.annotations[ANNOTATION_CONTAINER];
    return claim !== undefined && this.#proofs.has(claim);
  }

  async run(signal: AbortSignal): Promise<void> {
    const own = await this.#readPod(signal);
    await Promise.all([this.#claim(signal), this.#follow(own, signal)]);
  }

  async #follow(own: KubernetesObject, signal: AbortSignal): Promise<void> {
    const { transport, pod, clock, randomness, trouble } = this.#options;
    const account = serviceAccountOf(own);
    const feed = new ListWatch({
      transport,
      resource: PODS,
      selection: {
        namespace: pod.namespace,
        ...(account === "" ? {} : { fieldSelector: `spec.serviceAccountName=${account}` }),
      },
      clock,
      randomness,
      watchOnly: true,
      onTrouble: ({ error }) => trouble.report("pod-watch", `watching Pods in namespace ${pod.namespace}`, error),
      onHealthy: () => trouble.clear("pod-watch"),
    });
    for await (const event of feed.events(signal)) {
      // What a Pod shows last, when it is deleted, is as good.
      if (event.type === "changed" || event.type === "deleted") this.#take(event.object);
    }
  }

  #take(pod: KubernetesObject): void {
    const fresh = provenDead(pod).filter((proof) => !this.#proofs.has(proof));
    if (fresh.length === 0) return;
    if (this.#proofs.size + fresh.length > MOST_PROOFS) this.#dropUnclaimed();
    for (const proof of fresh) this.#proofs.add(proof);
    this.#options.changed();
  }

  #dropUnclaimed(): void {
    const claims = new Set(
      [...this.#options.roster().values()].map(({ lease }) => lease.annotations[ANNOTATION_CONTAINER]),
    );
    for (const proof of this.#proofs) if (!claims.has(proof)) this.#proofs.delete(proof);
  }

  /** Read once: from then on the process and its container are one. */
  async #claim(signal: AbortSignal): Promise<void> {
    const { pod, clock, trouble } = this.#options;
    const startedMs = clock.wallMs() - pod.uptimeMs();
    await sleep(clock, Math.max(0, SETTLED_MS - pod.uptimeMs()), signal);
    for (;;) {
      const own = ownContainer(await this.#readPod(signal), pod.container, startedMs);
      if (own.type === "known") {
        trouble.clear("pod-claim");
        this.#options.claimed(claimText(own.claim));
        return;
      }
      trouble.report("pod-claim", "finding the container of this process", new Error(own.why));
      await sleep(clock, ASK_AGAIN_MS, signal);
    }
  }

  async #readPod(signal: AbortSignal): Promise<KubernetesObject> {
    const { pod, clock, trouble } = this.#options;
    for (;;) {
      try {
        const own = await this.#api.get(PODS, pod.namespace, pod.name, { signal });
        trouble.clear("pod-read");
        return own;
      } catch (error) {
        if (signal.aborted) throw error;
        if (!(error instanceof ElectorateError)) throw error;
        trouble.report("pod-read", `reading this replica's Pod ${pod.name} in namespace ${pod.namespace}`, error);
      }
      await sleep(clock, ASK_AGAIN_MS, signal);
    }
  }
}

function serviceAccountOf({ spec }: KubernetesObject): string {
  if (typeof spec !== "object" || spec === null || !("serviceAccountName" in spec)) return "";
  return typeof spec.serviceAccountName === "string" ? spec.serviceAccountName : "";
}
