import { type Clock, sleep } from "../../runtime/clock.ts";
import { metricsText, valuesBy } from "../replica-metrics.ts";
import { milliseconds } from "./history.ts";
import type { ReplicaProcess } from "./replica-process.ts";
import type { Screen } from "./screen.ts";
import { CHANGES_PER_SECOND } from "./settings.ts";
import type { Stage, StoryStep } from "./stage.ts";
import { count, type MemberView, plain, seconds, shardTable, shardViews, storyFrame } from "./view.ts";

/** Shows the stage while the story plays: frames in a terminal, lines elsewhere. */

export interface DisplayProps {
  readonly screen: Screen;
  readonly stage: Stage;
  readonly headline: string;
  readonly clock: Clock;
  /** Acknowledged changes so far. */
  readonly changes: () => number;
}

/** Six frames a second: quick enough for the eye, cheap enough for two cores. */
const FRAME_MS = 160;
const DEPTHS_MS = 500;
const METRICS_DEADLINE_MS = 1_000;

export class Display {
  readonly #props: DisplayProps;
  readonly #startedNs: bigint;
  #depths: ReadonlyMap<string, number> = new Map();
  #tableShown = "";

  constructor(props: DisplayProps) {
    this.#props = props;
    this.#startedNs = props.clock.monotonicNs();
  }

  get elapsedMs(): number {
    return milliseconds(this.#props.clock.monotonicNs() - this.#startedNs);
  }

  /** Draws, and asks the replicas for their queues, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#every(FRAME_MS, signal, async () => this.draw()),
      this.#every(DEPTHS_MS, signal, () => this.#askForDepths(signal)),
    ]);
  }

  draw(): void {
    const { screen, stage, headline, changes } = this.#props;
    if (!screen.live) return;
    const reconciles = stage.journal.ended.toLocaleString("en-US");
    const view = {
      headline,
      elapsedMs: this.elapsedMs,
      steps: stage.steps,
      shards: shardViews(stage.shards, stage.terms(), this.#depths),
      members: stage.replicas.map(memberView),
      counters: `${reconciles} reconciles, ${count(changes(), "change")} at ${CHANGES_PER_SECOND} a second and in bursts`,
    };
    screen.frame((size) => storyFrame(view, size, screen.paint));
  }

  /** In a terminal the next frame shows it; elsewhere a line does, with the table where owners changed. */
  step({ title, state, note }: StoryStep): void {
    const { screen } = this.#props;
    if (screen.live) return;
    const time = `[${seconds(this.elapsedMs).padStart(7)}]`;
    if (state === "active") {
      screen.line(`${time} ${title} ...`);
      return;
    }
    screen.line(`${time} ${title}: ${state === "failed" ? "FAILED, " : ""}${note}`);
    this.#tableOnce();
  }

  /** Shows the end and leaves it standing. */
  close(): void {
    this.draw();
    this.#props.screen.close();
  }

  #tableOnce(): void {
    const { screen, stage } = this.#props;
    const terms = stage.terms();
    const known = terms.map((term) => `${term.shard} ${term.replica} ${term.epoch} ${term.end}`).join();
    if (known === this.#tableShown) return;
    this.#tableShown = known;
    const shards = shardViews(stage.shards, terms, this.#depths);
    const lines = shardTable(shards, { room: shards.length, bordered: false, paint: plain });
    for (const line of lines) screen.line(`          ${line}`);
  }

  async #every(periodMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await work();
      await sleep(this.#props.clock, periodMs, signal).catch(() => {});
    }
  }

  async #askForDepths(signal: AbortSignal): Promise<void> {
    const running = this.#props.stage.replicas.filter(({ state }) => state === "running");
    const { clock } = this.#props;
    const answers = await Promise.all(
      running.map(async ({ name, address }) => {
        // A replica that is being killed is no news here.
        const text = await metricsText({ address, deadlineMs: METRICS_DEADLINE_MS, clock, signal }).catch(() => "");
        return { name, depths: valuesBy(text, "workqueue_depth", "name") };
      }),
    );
    this.#depths = new Map(
      answers.flatMap(({ name, depths }) =>
        [...depths].map(([shard, depth]): [string, number] => [`${name} ${shard}`, depth]),
      ),
    );
  }
}

function memberView({ name, state, asked }: ReplicaProcess): MemberView {
  if (state !== "gone") return { name, state: asked === "killed" ? "killed" : state };
  const ends = { asked: "stopped", killed: "killed" } as const;
  return { name, state: asked === undefined ? "crashed" : ends[asked] };
}
