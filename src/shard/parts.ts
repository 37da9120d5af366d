import { type Shard, shardId, shardsOf } from "../lease/names.ts";
import { createKeyMap } from "../placement/key-map.ts";
import { firstAborted } from "../runtime/abort.ts";
import { ElectorateError } from "../runtime/errors.ts";
import type { Part, PartOptions, RunsOn } from "./part.ts";

const STAGES = ["webhooks", "caches", "others"] as const;
const PLACES: readonly RunsOn[] = ["every-replica", "leader"];

/** The resource that the one leader's shard seems to be of; no kind of Kubernetes is called so. */
const LEADER = "leader";

interface Stage {
  readonly stop: AbortController;
  readonly ended: Promise<unknown>;
}

/**
 * The parts of a coordinator. Those of every replica run here, in stages: each is started when the one before is ready, and stopped when the
 * one after has ended. Those of a leader or a shard are run by the life of that shard.
 */
export class Parts {
  readonly #added: { readonly part: Part; readonly options: PartOptions }[] = [];
  readonly #stages: Stage[] = [];
  readonly #failure = new AbortController();
  #isStarted = false;

  /** @throws ElectorateError `misuse` for what would never run: a part that comes too late, or is to run nowhere; and for a second one of one name. */
  add(part: Part, options: PartOptions): void {
    if (this.#isStarted) throw new ElectorateError("misuse", `part "${part.name}" comes too late; add it before run`);
    const { runsOn, stage = "others" } = options;
    if (typeof runsOn !== "object" && !PLACES.includes(runsOn)) {
      const places = `${PLACES.map((place) => JSON.stringify(place)).join(", ")} or { shard }`;
      throw new ElectorateError(
        "misuse",
        `part "${part.name}" must run on ${places}, but runsOn is ${JSON.stringify(runsOn)}`,
      );
    }
    if (!STAGES.includes(stage)) {
      const stages = STAGES.map((known) => JSON.stringify(known)).join(", ");
      throw new ElectorateError(
        "misuse",
        `part "${part.name}" must be of a stage of ${stages}, but stage is ${JSON.stringify(stage)}`,
      );
    }
    if (this.#added.some((known) => known.part.name === part.name)) {
      throw new ElectorateError("misuse", `there is a part "${part.name}" already; give each part a name of its own`);
    }
    this.#added.push({ part, options });
  }

  /** Aborts when a part has failed, with its error as the reason. */
  get signal(): AbortSignal {
    return this.#failure.signal;
  }

  /** A part, or a source of events, failed: the replica ends in order. */
  failed(error: unknown): void {
    this.#failure.abort(error);
  }

  /**
   * Resolves when every webhook and cache is ready and the others have begun, or `signal` has aborted.
   * @throws whatever a part has failed with.
   */
  async start(signal: AbortSignal): Promise<void> {
    this.#isStarted = true;
    for (const stage of STAGES) {
      const stop = new AbortController();
      const runs = this.#where(({ runsOn, stage: own = "others" }) => runsOn === "every-replica" && own === stage).map(
        (part) => this.#begin(part, stop.signal),
      );
      this.#stages.push({ stop, ended: Promise.all(runs.map(({ ended }) => ended)) });
      const up = Promise.all(runs.map(({ ready }) => ready));
      if (stage !== "others") await Promise.race([up, firstAborted(signal, this.signal)]);
      this.signal.throwIfAborted();
      if (signal.aborted) return;
    }
  }

  /** The last stage first; false when `patience` aborted before all of them had ended. */
  async stop(patience: AbortSignal): Promise<boolean> {
    for (let stage = this.#stages.pop(); stage !== undefined; stage = this.#stages.pop()) {
      stage.stop.abort();
      await Promise.race([stage.ended, firstAborted(patience)]);
      if (patience.aborted) return false;
    }
    return true;
  }

  /** Tells all of them at once, and waits for nothing. */
  abandon(): void {
    for (const { stop } of this.#stages.splice(0)) stop.abort();
  }

  /** The shard under whose Lease the parts of the one leader run; none without such parts. */
  leaderShards(coordinator: string): readonly Shard[] {
    if (this.#where(({ runsOn }) => runsOn === "leader").length === 0) return [];
    return shardsOf(coordinator, { group: "", plural: LEADER }, 1, createKeyMap(1).id);
  }

  /** Parts that run while `shard` is led. */
  ofShard(shard: string): readonly Part[] {
    return this.#where(({ runsOn }) => {
      if (runsOn === "every-replica") return false;
      return shard === (runsOn === "leader" ? shardId(LEADER, 0) : runsOn.shard);
    });
  }

  /** @throws ElectorateError `invalid-configuration` when a part is to run on a shard that there is not. */
  requireShards(known: readonly string[]): void {
    for (const { part, options } of this.#added) {
      if (typeof options.runsOn !== "object" || known.includes(options.runsOn.shard)) continue;
      const shards = known.slice(0, 20).join(", ");
      throw new ElectorateError(
        "invalid-configuration",
        `part "${part.name}" is to run on the shard "${options.runsOn.shard}", which there is not; there are ${shards}`,
      );
    }
  }

  #where(holds: (options: PartOptions) => boolean): readonly Part[] {
    return this.#added.filter(({ options }) => holds(options)).map(({ part }) => part);
  }

  #begin(part: Part, signal: AbortSignal): { readonly ready: Promise<void>; readonly ended: Promise<void> } {
    const up = Promise.withResolvers<void>();
    const ended = (async () => {
      try {
        await part.run({ signal, term: undefined, ready: up.resolve });
      } catch (error) {
        if (!signal.aborted) this.failed(error);
      }
    })();
    return { ready: Promise.race([up.promise, ended]), ended };
  }
}
