import type { MemberTraits } from "../config/settings.ts";
import type { LeaseTimings } from "../config/timings.ts";
import {
  ANNOTATION_ADDRESS,
  ANNOTATION_CONTAINER,
  ANNOTATION_IDENTITY,
  ANNOTATION_PROTOCOL,
  ANNOTATION_RESOURCES,
  ANNOTATION_STATE,
  ANNOTATION_VERSION,
  ANNOTATION_WEIGHT,
  ANNOTATION_ZONE,
  type Identity,
  LABEL_COORDINATOR,
  LABEL_ROLE,
  memberLeaseName,
  PROTOCOL,
} from "../lease/names.ts";
import { changedLease, type LeaseChange, type LeaseVersion, newLease, nextRenewTime } from "../lease/record.ts";
import type { LeaseStore } from "../lease/store.ts";
import { type Clock, sleep } from "../runtime/clock.ts";
import type { GateClock } from "../runtime/gate-clock.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { TroubleLog } from "../runtime/trouble.ts";

export interface MemberKeeperOptions {
  readonly coordinator: string;
  readonly namespace: string;
  readonly identity: Identity;
  readonly timings: LeaseTimings;
  readonly traits: MemberTraits;
  /** Where this replica serves `/metrics`, for people and programs; empty when it serves nothing. */
  readonly address: string;
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly trouble: TroubleLog;
  readonly gateClock: GateClock;
  /** Told of every acknowledged write: its resourceVersion, and when it was sent on the gate clock. */
  acknowledged(resourceVersion: string, sentMs: number): void;
}

const SHORTEST_PAUSE_MS = 10;

/**
 * Keeps this replica's member Lease: written after the first list, renewed every R, written at once when what it says
 * changes, deleted at a clean end. With per-shard renewal no gate depends on it, so any trouble is just tried again.
 */
export class MemberKeeper {
  readonly leaseName: string;
  readonly #options: MemberKeeperOptions;
  #state: "ready" | "draining" = "ready";
  #resources: Readonly<Record<string, string>> = {};
  #container: string | null = null;
  #version: LeaseVersion | undefined;
  #renewTime = "";
  #wake = new AbortController();
  #dirty = false;

  constructor(options: MemberKeeperOptions) {
    this.#options = options;
    this.leaseName = memberLeaseName(options.coordinator, options.identity.uuid);
  }

  /** This replica's source of `resource` has its first list complete. */
  announce(resource: string, keyMap: string): void {
    this.#resources = { ...this.#resources, [resource]: keyMap };
    this.#changed();
  }

  /** Which container this replica runs in, for others to see when it has ended. */
  claim(container: string): void {
    this.#container = container;
    this.#changed();
  }

  /** From now on it wants nothing. */
  drain(): void {
    this.#state = "draining";
    this.#changed();
  }

  /** The Lease is gone; whoever deleted it, it is made again. */
  missed(): void {
    this.#version = undefined;
    this.#changed();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, timings } = this.#options;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    while (!signal.aborted) {
      this.#dirty = false;
      const startedMs = clock.monotonicMs();
      await this.#write();
      // What changed while the write was on its way goes out next, but a Lease that somebody fights over is not written in a loop.
      const pauseMs = this.#dirty ? SHORTEST_PAUSE_MS : startedMs + timings.retryPeriodMs - clock.monotonicMs();
      this.#wake = new AbortController();
      if (signal.aborted) return;
      await sleep(clock, Math.max(SHORTEST_PAUSE_MS, pauseMs), this.#wake.signal).catch(() => {});
    }
  }

  /** Deletes the Lease; for a clean end, when nothing names this replica any more. */
  async remove(): Promise<void> {
    const { store, trouble } = this.#options;
    try {
      const answer = await store.get(this.leaseName);
      if (answer.type === "ok") await store.remove(this.leaseName, answer.version);
    } catch (error) {
      trouble.report("member-remove", `deleting member Lease ${this.leaseName}`, error);
    }
  }

  #changed(): void {
    this.#dirty = true;
    this.#wake.abort();
  }

  async #write(): Promise<void> {
    const { store, clock, telemetry, trouble } = this.#options;
    const role = { role: "member" };
    const startedMs = clock.monotonicMs();
    const sentMs = this.#options.gateClock.earliestMs();
    try {
      const change = this.#change();
      const version = this.#version;
      const answer =
        version === undefined
          ? await store.create(newLease(this.leaseName, this.#options.namespace, change))
          : await store.update(changedLease(version, change));
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: answer.type });
      if (answer.type === "ok") {
        const tookMs = clock.monotonicMs() - startedMs;
        telemetry.meter.observe("electorate_renewal_duration_seconds", role, tookMs / 1000);
        this.#version = answer.version;
        this.#options.acknowledged(answer.version.resourceVersion, sentMs);
      } else {
        await this.#lookAgain();
      }
      trouble.clear("member-write");
    } catch (error) {
      telemetry.meter.increment("electorate_renewals_total", { ...role, result: "failed" });
      trouble.report("member-write", `writing member Lease ${this.leaseName}`, error);
    }
  }

  /** Somebody else wrote, or an answer was lost: go on from what is there. */
  async #lookAgain(): Promise<void> {
    const answer = await this.#options.store.get(this.leaseName);
    this.#version = answer.type === "ok" ? answer.version : undefined;
    this.#dirty = true;
  }

  #change(): LeaseChange {
    const { coordinator, identity, timings, clock, traits, address } = this.#options;
    this.#renewTime = nextRenewTime(clock.wallMs(), this.#version?.record.renewTime ?? this.#renewTime);
    return {
      record: {
        holder: identity.text,
        durationMs: timings.durationMs,
        acquireTime: this.#version?.record.acquireTime ?? this.#renewTime,
        renewTime: this.#renewTime,
        transitions: this.#version?.record.transitions ?? 0,
      },
      labels: { [LABEL_COORDINATOR]: coordinator, [LABEL_ROLE]: "member" },
      annotations: {
        [ANNOTATION_IDENTITY]: identity.text,
        [ANNOTATION_PROTOCOL]: PROTOCOL,
        [ANNOTATION_STATE]: this.#state,
        [ANNOTATION_WEIGHT]: String(traits.weight),
        [ANNOTATION_ZONE]: traits.zone,
        [ANNOTATION_VERSION]: traits.version,
        [ANNOTATION_CONTAINER]: this.#container,
        [ANNOTATION_ADDRESS]: address === "" ? null : address,
        [ANNOTATION_RESOURCES]: JSON.stringify(this.#resources),
      },
    };
  }
}
