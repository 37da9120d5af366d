/** Our elector on a real API server, in this process, with the times in which it acted. */
import { setTimeout as delay } from "node:timers/promises";
import type { LockKind } from "../../src/config/leader-election.ts";
import { connect, type KubeConnection } from "../../src/kube/connection.ts";
import { LeaderElector } from "../../src/leader-election.ts";
import { messageOf } from "../../src/runtime/errors.ts";
import { silentTelemetry } from "../../src/runtime/telemetry.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { Tenancy } from "./foreign-elector.ts";

/** L 3 s, V 2 s, R 0.5 s, in client-go's words. */
export const SHORT_ELECTION = { leaseDuration: "3s", renewDeadline: "2s", retryPeriod: "500ms" } as const;

/** The same of a coordinator. */
export const SHORT_LEASE_SETTINGS = { durationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 500 } as const;

export interface OwnCandidateOptions {
  readonly plane: ControlPlane;
  readonly namespace: string;
  readonly lock: LockKind;
  readonly identity: string;
}

export class OwnCandidate {
  readonly name: string;
  /** Why the election ended by itself. */
  outcome: string | undefined;
  readonly #connection: KubeConnection;
  readonly #elector: LeaderElector;
  readonly #stop = new AbortController();
  readonly #tenancies: Tenancy[] = [];
  #actsFromNs: bigint | undefined;
  readonly #ended: Promise<void>;

  private constructor(options: OwnCandidateOptions, connection: KubeConnection) {
    this.name = options.identity;
    this.#connection = connection;
    this.#elector = new LeaderElector({
      name: "shop",
      namespace: options.namespace,
      identity: options.identity,
      lock: options.lock,
      ...SHORT_ELECTION,
      onLost: "continue",
      connection,
      telemetry: silentTelemetry,
      onStartedLeading: async (term) => {
        this.#actsFromNs = process.hrtime.bigint();
        // Work that takes a moment to stop: a Lease that is freed before shows as an overlap.
        await new Promise((stopped) => term.signal.addEventListener("abort", stopped, { once: true }));
        await delay(100);
        this.#tenancies.push({ fromNs: this.#actsFromNs, toNs: process.hrtime.bigint() });
        this.#actsFromNs = undefined;
      },
    });
    this.#ended = this.#elector.run(this.#stop.signal).then(
      () => {},
      (error: unknown) => {
        this.outcome = messageOf(error);
      },
    );
  }

  static async start(options: OwnCandidateOptions): Promise<OwnCandidate> {
    const kubeconfig = options.plane.info.kubeconfigPath;
    return new OwnCandidate(options, await connect({ component: options.identity, kubeconfig }));
  }

  get identity(): string {
    return this.#elector.identity;
  }

  get leads(): boolean {
    return this.#elector.term?.gate.permitsWrite() === true;
  }

  get tenancies(): readonly Tenancy[] {
    const { length } = this.#tenancies;
    const now = this.#actsFromNs;
    return now === undefined
      ? this.#tenancies.slice(0, length)
      : [...this.#tenancies, { fromNs: now, toNs: undefined }];
  }

  /** Its line is cut for good: it stops by its own clock, and its locks expire. */
  async cut(): Promise<void> {
    await this.#connection.close();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await this.#connection.close();
  }
}

/** Every time in which two of them acted. */
export function overlapsOf(
  actors: readonly { readonly identity: string; readonly tenancies: readonly Tenancy[] }[],
): string[] {
  const all = actors.flatMap(({ identity, tenancies }) => tenancies.map((tenancy) => ({ identity, ...tenancy })));
  return all.flatMap((one, index) =>
    all
      .slice(index + 1)
      .filter(
        (other) =>
          (one.toNs === undefined || other.fromNs < one.toNs) && (other.toNs === undefined || one.fromNs < other.toNs),
      )
      .map((other) => `${one.identity} and ${other.identity}`),
  );
}
