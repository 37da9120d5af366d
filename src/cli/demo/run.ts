import { createServer } from "node:net";
import { styleText } from "node:util";
import { type Shard, shardsOf } from "../../lease/names.ts";
import { systemClock } from "../../runtime/clock.ts";
import { messageOf } from "../../runtime/errors.ts";
import { type Cluster, openCluster } from "./cluster.ts";
import { Display } from "./display.ts";
import { commandEntry, DemoFolder, lifelineUrl, replicaConfiguration } from "./files.ts";
import { Journal } from "./journal.ts";
import { killAll, ReplicaProcess } from "./replica-process.ts";
import { darkScreen, openScreen, type Screen } from "./screen.ts";
import { COORDINATOR, DEMO_TIMINGS_TEXT, type DemoSettings } from "./settings.ts";
import { Stage, StoryFailure } from "./stage.ts";
import { Story } from "./story.ts";
import { type Summary, summarise } from "./summary.ts";
import { summaryText } from "./summary-text.ts";
import { count, type Paint } from "./view.ts";
import { CONFIG_MAPS, WIDGETS, Workload } from "./workload.ts";

/**
 * Sets the stage, lets the story be told and takes everything down again: whatever happens, no process and no file of the
 * demo is left when `runDemo` resolves, nor when this process exits earlier.
 */

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type StopSignal = keyof typeof SIGNAL_NUMBERS;
const STOP_SIGNALS: readonly StopSignal[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** Somebody asked the demo to end. */
class Interruption extends Error {
  override readonly name = "Interruption";
  readonly exitCode: number;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.exitCode = 128 + SIGNAL_NUMBERS[signal];
  }
}

/** Resolves with the exit code: 0 when everything held, 1 when something did not, 128 and the signal's number when stopped. */
export async function runDemo(settings: DemoSettings): Promise<number> {
  const interruption = new AbortController();
  const listeners = STOP_SIGNALS.map((name) => ({ name, stop: () => interruption.abort(new Interruption(name)) }));
  for (const { name, stop } of listeners) process.on(name, stop);
  const folder = new DemoFolder();
  const replicas: ReplicaProcess[] = [];
  const takeDown = (): void => {
    killAll(replicas);
    folder.remove();
  };
  process.once("exit", takeDown);
  try {
    const cluster = await openCluster(folder, { open: settings.keep });
    try {
      return await perform({ settings, cluster, folder, replicas, signal: interruption.signal });
    } finally {
      killAll(replicas);
      await Promise.all(replicas.map((replica) => replica.exited));
      await cluster.close();
    }
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    process.stderr.write(`${error.message}: all replicas are ended\n`);
    return error.exitCode;
  } finally {
    takeDown();
    process.off("exit", takeDown);
    for (const { name, stop } of listeners) process.off(name, stop);
  }
}

interface Performance {
  readonly settings: DemoSettings;
  readonly cluster: Cluster;
  readonly folder: DemoFolder;
  /** Every replica that was started. */
  readonly replicas: ReplicaProcess[];
  readonly signal: AbortSignal;
}

async function perform({ settings, cluster, folder, replicas, signal }: Performance): Promise<number> {
  const clock = systemClock;
  const shards = demoShards(settings.buckets);
  const journal = new Journal(clock);
  const config = folder.write("electorate.yaml", replicaConfiguration(settings));
  const workload = new Workload(cluster.api, clock, settings.objects);
  const screen = settings.json ? darkScreen : openScreen({ stream: process.stdout, environment: process.env, paint });
  const stage: Stage = new Stage({
    clock,
    journal,
    shards: shards.map(({ id }) => id),
    signal,
    launch: async (name) => {
      const replica = await startReplica(name, { config, cluster, journal });
      replicas.push(replica);
      return replica;
    },
    onStep: (step) => display.step(step),
  });
  const readLeases = () => cluster.readLeases(shards);
  const story = new Story({ stage, settings, workload, readLeases, leaseRequests: () => cluster.leaseRequests() });
  const headline = headlineOf(settings, shards.length);
  const display = new Display({ screen, stage, headline, clock, changes: () => workload.changes });

  screen.line(`${headline}\n`);
  const failures = await tell(story, display, { before: () => workload.create(signal), signal });
  const summary = summarise({
    shards: stage.shards,
    replicas: stage.replicas.filter(({ state }) => state === "running").map(({ name }) => name),
    steps: stage.records(),
    transitions: journal.transitions,
    reconciles: journal.reconciles,
    deaths: journal.deaths,
    wanted: workload.wanted,
    objects: await workload.observe(),
    holders: (await readLeases()).holders,
    calm: story.calm,
    changes: workload.changes,
    elapsedMs: display.elapsedMs,
    failures,
  });
  say(summary, screen, settings);
  complain(replicas);
  if (settings.keep) await keep(cluster, signal);
  return summary.ok ? 0 : 1;
}

interface Telling {
  /** What must be there before the story begins. */
  readonly before: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** Tells the story with the display beside it; answers what failed. */
async function tell(story: Story, display: Display, { before, signal }: Telling): Promise<string[]> {
  const over = new AbortController();
  const shown = display.run(over.signal);
  try {
    await before();
    await story.tell();
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StoryFailure)) throw error;
    return [messageOf(error)];
  } finally {
    over.abort();
    await shown;
    display.close();
  }
}

/** The shards that the replicas will share. Which key falls into which bucket is their business, and not looked at here. */
function demoShards(buckets: number): Shard[] {
  return [...shardsOf(COORDINATOR, CONFIG_MAPS, buckets, ""), ...shardsOf(COORDINATOR, WIDGETS, 1, "")];
}

function headlineOf({ replicas, objects }: DemoSettings, shards: number): string {
  const parts = [
    `${replicas} replicas`,
    count(shards, "shard"),
    count(objects, "object"),
    `Leases ${DEMO_TIMINGS_TEXT}`,
  ];
  return `electorate demo: ${parts.join(", ")}`;
}

interface Launch {
  /** Path of the configuration. */
  readonly config: string;
  readonly cluster: Cluster;
  readonly journal: Journal;
}

async function startReplica(name: string, { config, cluster, journal }: Launch): Promise<ReplicaProcess> {
  const address = `127.0.0.1:${await freePort()}`;
  const where = ["--config", config, "--kubeconfig", cluster.kubeconfig, "--http-address", address];
  const command = {
    entry: commandEntry(),
    arguments: ["run", ...where, "--identity", name],
    preload: lifelineUrl(),
    address,
  };
  return new ReplicaProcess(name, command, journal, systemClock);
}

/** A port that nobody listens on now. The kernel does not give the same one out again soon. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

function say(summary: Summary, screen: Screen, { json }: DemoSettings): void {
  const text = json ? JSON.stringify(summary, null, 2) : `\n${summaryText(summary, screen.paint)}`;
  process.stdout.write(`${text}\n`);
}

/** Shows what a replica said that ended unasked, or not as it was asked to. */
function complain(replicas: readonly ReplicaProcess[]): void {
  for (const { name, complaints, asked, exit } of replicas) {
    const failed = exit !== undefined && asked !== "killed" && exit.code !== 0;
    if (failed) process.stderr.write(`\nlast lines of ${name}:\n${complaints.map((line) => `  ${line}\n`).join("")}`);
  }
}

/** Leaves the replicas and the API server as they are until somebody asks for the end. */
async function keep(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const kubectl = `kubectl --kubeconfig ${cluster.kubeconfig}`;
  process.stderr.write(`
Still running until Ctrl-C, and open to everybody on this machine. From another terminal:
  ${kubectl} get leases
  ${kubectl} get configmaps,widgets -l app=demo
  ${kubectl} get configmaps -l app=demo -o yaml | grep demo.electorate.dev/observed
`);
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
