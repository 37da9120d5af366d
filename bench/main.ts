/**
 * `npm run bench`: the default set of every question, at most 15 minutes on two cores. `npm run bench -- <question> ...` asks some of them,
 * `-- report` writes the report from what was measured (`--check` only compares), `-- compare A B` prints the ratios of two result files.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ApiServer } from "./arena/api-server.ts";
import { buildPeers } from "./arena/peers.ts";
import { type Progress, startProgress, timeText } from "./arena/progress.ts";
import type { Question, SetName } from "./arena/question.ts";
import { isPeer, settingName } from "./arena/setting.ts";
import { compareFiles } from "./compare/files.ts";
import { crash } from "./crash.ts";
import { footprint } from "./footprint.ts";
import { frozen } from "./frozen.ts";
import { handoff } from "./handoff.ts";
import { picture } from "./picture.ts";
import { promotion } from "./promotion.ts";
import { answersText, staleFiles, writeReport } from "./report/write.ts";
import { rollout } from "./rollout.ts";
import { scaleOut } from "./scale-out.ts";
import { steadyState } from "./steady-state.ts";
import { throughput } from "./throughput.ts";

/** In the order of the report. */
const QUESTIONS: readonly Question[] = [
  handoff,
  picture,
  crash,
  scaleOut,
  rollout,
  frozen,
  steadyState,
  throughput,
  promotion,
  footprint,
];
/** Scripts of their own, without an API server. */
const SCRIPTS = ["placement", "queue"];

const NAMES = [...QUESTIONS.map(({ name }) => name), ...SCRIPTS];

async function askAll(questions: readonly Question[], set: SetName, only: string): Promise<void> {
  const progress = startProgress();
  try {
    const wanted = questions
      .flatMap((question) => question.settings(set))
      .filter((setting) => settingName(setting).includes(only))
      .map(({ contender }) => contender);
    const peers = await buildPeers(new Set<string>(wanted.filter(isPeer)), progress.say);
    progress.say("starting the API server");
    const server = await ApiServer.start();
    try {
      const total = questions.reduce((sum, question) => sum + question.seconds(set), 0);
      const of = questions.reduce((sum, question) => sum + question.settings(set).length, 0);
      progress.say(`${of} cells, about ${timeText(total)}, on ${server.name}`);
      const begin = countdown(progress, of, total);
      for (const question of questions) await question.ask({ server, peers, set, only, begin, say: progress.say });
    } finally {
      await server.stop();
      peers.close();
    }
  } finally {
    progress.close();
  }
}

/** What is left is what the cells that have not begun are said to take. */
function countdown(progress: Progress, of: number, total: number): (name: string, seconds: number) => void {
  let done = 0;
  let left = total;
  return (name, seconds) => {
    progress.begin(name, done, of, left);
    done += 1;
    left -= seconds;
  };
}

async function runScript(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ["--expose-gc", join(import.meta.dirname, `${name}.ts`), ...args], {
    stdio: "inherit",
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", (exitCode) => resolve(exitCode));
  });
  if (code !== 0) process.exitCode = code ?? 1;
}

function refuse(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 2;
}

function report(check: boolean): void {
  if (!check) {
    process.stdout.write(
      `written: ${writeReport(QUESTIONS)
        .map((path) => join("bench", path))
        .join(", ")}\n`,
    );
    return;
  }
  const stale = staleFiles(QUESTIONS);
  if (stale.length === 0) return;
  refuse(
    `not what bench/results say: ${stale.map((path) => join("bench", path)).join(", ")}; write them by npm run bench -- report`,
  );
}

async function main(): Promise<void> {
  const [first = "", ...rest] = process.argv.slice(2);
  if (SCRIPTS.includes(first)) return runScript(first, rest);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      only: { type: "string", default: "" },
    },
  });
  if (first === "report") return report(values.check);
  if (first === "compare") {
    const [, one, other] = positionals;
    if (one === undefined || other === undefined)
      return refuse("compare needs two result files: compare A.json B.json");
    process.stdout.write(compareFiles(one, other));
    return undefined;
  }
  if (positionals.some((name) => SCRIPTS.includes(name))) return refuse(`ask ${SCRIPTS.join(" or ")} alone`);
  const unknown = positionals.find((name) => !QUESTIONS.some((question) => question.name === name));
  if (unknown !== undefined) return refuse(`there is no question "${unknown}"; the questions are ${NAMES.join(", ")}`);
  const set = values.full ? "full" : "default";
  const asked = positionals.length === 0 ? QUESTIONS : QUESTIONS.filter(({ name }) => positionals.includes(name));
  const answerable = asked.filter((question) => question.settings(set).length > 0);
  const empty = positionals.find((name) => answerable.every((question) => question.name !== name));
  if (empty !== undefined) return refuse(`the default set has no cells of "${empty}"; add --full`);
  await askAll(answerable, set, values.only);
  if (values.only === "") process.stdout.write(answersText(answerable));
  return report(false);
}

await main();
