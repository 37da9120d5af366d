/**
 * Replicas as processes: `electorate run` exactly as a user starts it, each with a configuration and a kubeconfig of its own.
 *
 * Promises: every JSON line that a replica wrote is in `lines` before `exited` resolves; the moment of a kill is known on the
 * clock that the lines use; no replica outlives the process that started it, whatever ended that (a small shell at the other
 * end of a pipe kills it, also when it is stopped); a fleet that is closed leaves neither a process nor a file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { type Deaths, parseTransition, type RecordedTransition } from "../../src/cli/demo/history.ts";
import { parseSinkLine, type SinkLine } from "./transitions.ts";

const ENTRY = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const HANDLERS = fileURLToPath(new URL("./sink-handlers.ts", import.meta.url));

/** L 3 s, V 2 s, R 0.5 s: Q is 0.4 s. */
export const SHORT_LEASE = { duration: "3s", renewDeadline: "2s", retryPeriod: "500ms" } as const;
export const SHORT_LEASE_MS = 3_000;

export interface ReplicaOptions {
  readonly kubeconfig: string;
  readonly namespace: string;
  /** `test` when left out. */
  readonly coordinator?: string;
  /** `configmaps` in 8 buckets when left out. The sink handler works for every one that names no other. */
  readonly resources?: readonly ResourceEntry[];
  /** Merged over the configuration, for what is not named above. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Written into each of its sink lines. */
  readonly note?: string;
  /** More arguments of the command. */
  readonly args?: readonly string[];
}

export interface ResourceEntry {
  readonly resource: string;
  readonly buckets?: number;
  readonly workers?: number;
  readonly namespaces?: readonly string[];
  readonly handler?: string;
}

/** A program and its arguments. */
export type Command = readonly [file: string, ...args: string[]];

export interface ReplicaExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ReplicaProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ReplicaExit>;
  /** Every JSON line of its standard output and error, in the order of arrival. */
  readonly lines: Record<string, unknown>[] = [];
  readonly transitions: RecordedTransition[] = [];
  /** What was no JSON line. */
  readonly plain: string[] = [];
  readonly #child: ChildProcess;
  readonly #leash: ChildProcess;
  #exit: ReplicaExit | undefined;
  #diedNs: bigint | undefined;

  constructor(name: string, command: Command, env: Readonly<Record<string, string>>) {
    this.name = name;
    const [file, ...args] = command;
    this.#child = spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    this.pid = this.#child.pid ?? 0;
    this.#leash = spawn("/bin/sh", ["-c", 'trap "" INT TERM HUP; read -r _; kill -9 "$1"', "leash", String(this.pid)], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#leash.unref();
    const ended = new Promise<ReplicaExit>((resolve) => {
      this.#child.once("error", () => resolve({ code: null, signal: null }));
      this.#child.once("exit", (code, signal) => {
        this.#diedNs ??= process.hrtime.bigint();
        // Only while the id is still of this child may the shell be there: afterwards it could be anybody's.
        this.#leash.kill("SIGKILL");
        resolve({ code, signal });
      });
    });
    this.exited = Promise.all([ended, this.#read(this.#child.stdout), this.#read(this.#child.stderr)]).then(
      ([exit]) => {
        this.#exit = exit;
        return exit;
      },
    );
  }

  /** How it ended, once it has. */
  get exit(): ReplicaExit | undefined {
    return this.#exit;
  }

  /** When it was killed, or was seen to have exited; `undefined` while it runs. */
  get diedNs(): bigint | undefined {
    return this.#diedNs;
  }

  /** `<name>_<uuid>`, once it has said so. */
  get identity(): string | undefined {
    const identity = this.lines.find(({ msg }) => msg === "starting")?.["identity"];
    return typeof identity === "string" ? identity : undefined;
  }

  /** `host:port` of its health and metrics, once it has said so. */
  get address(): string | undefined {
    const address = this.lines.find(({ msg }) => String(msg).startsWith("serving"))?.["address"];
    return typeof address === "string" ? address : undefined;
  }

  /** SIGKILL, as a lost machine; answers when it was sent. */
  kill(): bigint {
    const ns = process.hrtime.bigint();
    this.#diedNs ??= ns;
    this.#child.kill("SIGKILL");
    return ns;
  }

  /** SIGTERM; answers when it was sent. */
  stop(): bigint {
    const ns = process.hrtime.bigint();
    this.#child.kill("SIGTERM");
    return ns;
  }

  /** SIGSTOP: its clocks go on, it does not. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Its log as text, for a failing test. */
  tail(count = 25): string {
    return [...this.lines.map((line) => JSON.stringify(line)), ...this.plain].slice(-count).join("\n");
  }

  async #read(stream: NodeJS.ReadableStream | null): Promise<void> {
    if (stream === null) return;
    for await (const line of createInterface({ input: stream })) {
      const transition = parseTransition(this.name, line);
      if (transition !== undefined) this.transitions.push(transition);
      const fields = parseObject(line);
      if (fields === undefined) this.plain.push(line);
      else this.lines.push(fields);
    }
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

/** The replicas of one test, with the folder of their files and the sink that all of them write to. */
export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), "electorate-fleet-"));
  readonly sinkFile = join(this.folder, "sink");
  readonly #replicas: ReplicaProcess[] = [];

  constructor() {
    writeFileSync(this.sinkFile, "");
  }

  get replicas(): readonly ReplicaProcess[] {
    return this.#replicas;
  }

  /** Starts a replica; its name is its identity's part before the `_`. */
  start(name: string, options: ReplicaOptions): ReplicaProcess {
    const file = join(this.folder, `${name}-${this.#replicas.length}.yaml`);
    writeFileSync(file, configurationText(options));
    const args = [
      "run",
      "--config",
      file,
      "--kubeconfig",
      options.kubeconfig,
      "--identity",
      name,
      ...(options.args ?? []),
    ];
    return this.startRaw(name, args, options.note === undefined ? {} : { SINK_NOTE: options.note });
  }

  /** Starts the command with exactly these arguments. */
  startRaw(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ReplicaProcess {
    return this.startCommand(name, [process.execPath, ENTRY, ...args], env);
  }

  /** Starts any program that writes transition lines as replicas do. */
  startCommand(name: string, command: Command, env: Readonly<Record<string, string>> = {}): ReplicaProcess {
    const replica = new ReplicaProcess(name, command, { SINK_FILE: this.sinkFile, ...env });
    this.#replicas.push(replica);
    return replica;
  }

  /** Writes a file into the folder and answers its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** Transition lines of all replicas so far. */
  transitions(): RecordedTransition[] {
    return this.#replicas.flatMap((replica) => replica.transitions);
  }

  /** When each replica that is gone was killed or exited. */
  deaths(): Deaths {
    const dead = this.#replicas.map((replica) => [replica.name, replica.diedNs] as const);
    return new Map(dead.filter((entry): entry is readonly [string, bigint] => entry[1] !== undefined));
  }

  /** What the handlers of all replicas have written so far. */
  sink(): SinkLine[] {
    const text = readFileSync(this.sinkFile, "utf8");
    // The last line may be half written.
    return text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter(Boolean)
      .map(parseSinkLine);
  }

  /** The log of every replica, for a failing test. */
  report(): string {
    return this.#replicas
      .map((replica) => `--- ${replica.name} ${JSON.stringify(replica.exit)}\n${replica.tail()}`)
      .join("\n");
  }

  /** Ends what still runs, at once, and removes the files. */
  async close(): Promise<void> {
    for (const replica of this.#replicas) if (replica.exit === undefined) replica.kill();
    await Promise.all(this.#replicas.map((replica) => replica.exited));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function configurationText(options: ReplicaOptions): string {
  const { coordinator = "test", namespace, resources = [{ resource: "configmaps", buckets: 8 }] } = options;
  return stringify({
    coordinator,
    namespace,
    lease: SHORT_LEASE,
    drainTimeout: "3s",
    shutdownTimeout: "6s",
    http: { address: "127.0.0.1:0" },
    resources: resources.map((resource) => ({
      namespaces: [namespace],
      workers: 4,
      handler: `${HANDLERS}#work`,
      ...resource,
    })),
    ...options.configuration,
  });
}
