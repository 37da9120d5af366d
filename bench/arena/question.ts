/**
 * A question that the benchmark answers: which cells it has, how one of them is measured, and what the report says of the results.
 * `ask` runs the cells one after the other, writes what was measured after each, and leaves out what cannot be measured, with the reason.
 */
import type { z } from "zod";
import type { Section } from "../report/section.ts";
import type { ApiServer } from "./api-server.ts";
import { environmentWith, loadAverage } from "./environment.ts";
import type { Peers } from "./peers.ts";
import { timeText } from "./progress.ts";
import { type Cell, finish, keepFailure, type Result, resumed, writeUnfinished } from "./results.ts";
import { isPeer, type Setting, settingName, settingSchema } from "./setting.ts";
import { Stage } from "./stage.ts";

export type SetName = "default" | "full";

/** One cell as the report reads it. */
export interface Answered<Figures> {
  readonly setting: Setting;
  readonly figures: Figures;
  readonly loadAverage: number;
}

interface Definition<Figures> {
  readonly name: string;
  readonly settings: (set: SetName) => readonly Setting[];
  /** About how long one cell takes, start and end of the replicas included. */
  seconds(setting: Setting): number;
  measure(stage: Stage): Promise<Figures>;
  readonly figures: z.ZodType<Figures>;
  readonly section: (answered: readonly Answered<Figures>[]) => Section;
}

export interface Question {
  readonly name: string;
  readonly settings: (set: SetName) => readonly Setting[];
  readonly seconds: (set: SetName) => number;
  ask(session: Session): Promise<void>;
  section(result: Result): Section;
}

export interface Session {
  readonly server: ApiServer;
  readonly peers: Peers;
  readonly set: SetName;
  /** Only cells whose names contain this. */
  readonly only: string;
  readonly begin: (name: string, seconds: number) => void;
  readonly say: (line: string) => void;
}

export function question<Figures>(definition: Definition<Figures>): Question {
  const { name, settings, section, figures } = definition;
  const total = (set: SetName): number => settings(set).reduce((sum, setting) => sum + definition.seconds(setting), 0);
  return {
    name,
    settings,
    seconds: total,
    ask: (session) => ask(definition, session),
    section: ({ cells }) =>
      section(
        cells
          .filter(({ failure }) => failure === undefined)
          .map((cell) => ({
            setting: settingSchema.parse(cell.setting),
            figures: figures.parse(cell.figures),
            loadAverage: cell.loadAverage,
          })),
      ),
  };
}

async function ask<Figures>(definition: Definition<Figures>, session: Session): Promise<void> {
  const { server, peers, set, only } = session;
  const environment = environmentWith(server.name, peers.versions);
  const fresh: Result = { question: definition.name, set, environment, cells: [] };
  const { cells: kept, ...head } = set === "full" ? resumed(fresh) : fresh;
  const cells: Cell[] = [];
  for (const [index, setting] of definition.settings(set).entries()) {
    const name = settingName(setting);
    const seconds = definition.seconds(setting);
    session.begin(`${definition.name}: ${name}`, seconds);
    const before = kept.find((cell) => cell.name === name);
    if (before !== undefined) {
      session.say(`kept ${name}, measured at ${before.measuredAt}`);
      cells.push(before);
      continue;
    }
    if (!name.includes(only) || (isPeer(setting.contender) && peers.program(setting.contender) === undefined)) continue;
    cells.push(await measureCell(definition, session, setting, `bench-${definition.name}-${index}`));
    writeUnfinished({ ...head, cells });
  }
  if (only === "") finish({ ...head, cells });
  else session.say(`not all cells were measured: what is known stands under bench/results/unfinished`);
}

async function measureCell<Figures>(
  definition: Definition<Figures>,
  session: Session,
  setting: Setting,
  namespace: string,
): Promise<Cell> {
  const name = settingName(setting);
  const startedMs = performance.now();
  const cell = { name, setting, measuredAt: new Date().toISOString(), loadAverage: loadAverage() };
  const tookSeconds = (): number => Math.round((performance.now() - startedMs) / 100) / 10;
  const stage = await Stage.open(session.server, session.peers, setting, namespace);
  try {
    const figures = definition.figures.parse(await definition.measure(stage));
    session.say(`${definition.name}: ${name}: done in ${timeText(tookSeconds())}`);
    return { ...cell, tookSeconds: tookSeconds(), figures };
  } catch (error) {
    const whole = error instanceof Error ? error.message : String(error);
    const failure = whole.split("\n")[0] ?? "";
    session.say(
      `${definition.name}: ${name}: FAILED: ${failure}; the rest of it in ${keepFailure(`${name}: ${whole}`)}`,
    );
    process.exitCode = 1;
    return { ...cell, tookSeconds: tookSeconds(), figures: null, failure };
  } finally {
    await stage.close();
  }
}
