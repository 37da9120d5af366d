import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Clock } from "../../runtime/clock.ts";
import type { Journal } from "./journal.ts";
import { isReconcileReport, type Receipt } from "./report.ts";

/**
 * One replica as a process of its own: `electorate run`, exactly as a user starts it.
 *
 * Promises of this file: no replica outlives the demo, however the demo ends (`lifeline.ts` for a crash, `killAll` for the
 * rest); every line that it wrote is in the journal before `exited` resolves.
 */

export interface ReplicaExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `leaving` was sent SIGTERM, `gone` has exited. */
export type ReplicaState = "starting" | "running" | "leaving" | "gone";

export interface ReplicaCommand {
  /** File that Node runs. */
  readonly entry: string;
  readonly arguments: readonly string[];
  /** Module that is loaded first. */
  readonly preload: string;
  /** `host:port` where it serves its metrics. */
  readonly address: string;
}

const KEPT_LINES = 30;

export class ReplicaProcess {
  readonly name: string;
  readonly address: string;
  readonly exited: Promise<ReplicaExit>;
  readonly #child: ChildProcess;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #errors: string[] = [];
  #state: ReplicaState = "starting";
  #end: "asked" | "killed" | undefined;
  #exit: ReplicaExit | undefined;

  constructor(name: string, command: ReplicaCommand, journal: Journal, clock: Clock) {
    this.name = name;
    this.address = command.address;
    this.#journal = journal;
    this.#clock = clock;
    this.#child = fork(command.entry, command.arguments, {
      execArgv: ["--import", command.preload],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child.on("message", (message) => this.#receive(message));
    this.exited = Promise.all([this.#closed(), this.#readOutput(), this.#readErrors()]).then(([exit]) => exit);
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** How the process ended, once it has. */
  get exit(): ReplicaExit | undefined {
    return this.#exit;
  }

  /** How this replica was told to end; `undefined` when nobody asked. */
  get asked(): "asked" | "killed" | undefined {
    return this.#end;
  }

  /** The last lines that explain a failure: its standard error, and log lines of level error. */
  get complaints(): readonly string[] {
    return this.#errors;
  }

  /** Said by the story once the replica is a member. */
  running(): void {
    if (this.#state === "starting") this.#state = "running";
  }

  /** SIGTERM: it finishes its work, gives its shards back and exits. */
  stop(): void {
    this.#end ??= "asked";
    if (this.#state !== "gone") this.#state = "leaving";
    this.#child.kill("SIGTERM");
  }

  /** SIGKILL: as a lost machine, with whatever is in work. Its gates count as closed from this moment. */
  kill(): void {
    this.#end = "killed";
    const ns = this.#clock.monotonicNs();
    if (this.#child.kill("SIGKILL")) this.#journal.died(this.name, ns);
  }

  #closed(): Promise<ReplicaExit> {
    return new Promise((resolve) => {
      const gone = (exit: ReplicaExit): void => {
        this.#journal.died(this.name);
        this.#state = "gone";
        this.#exit ??= exit;
        resolve(exit);
      };
      this.#child.once("error", (error) => {
        this.#complain(error.message);
        if (this.#child.pid === undefined) gone({ code: null, signal: null });
      });
      this.#child.once("exit", (code, signal) => gone({ code, signal }));
    });
  }

  async #readOutput(): Promise<void> {
    if (this.#child.stdout === null) return;
    for await (const line of createInterface({ input: this.#child.stdout })) {
      if (!this.#journal.line(this.name, line) && isErrorLine(line)) this.#complain(line);
    }
  }

  async #readErrors(): Promise<void> {
    if (this.#child.stderr === null) return;
    for await (const line of createInterface({ input: this.#child.stderr })) this.#complain(line);
  }

  #complain(line: string): void {
    this.#errors.push(line);
    if (this.#errors.length > KEPT_LINES) this.#errors.shift();
  }

  #receive(message: unknown): void {
    if (!isReconcileReport(message)) return;
    this.#journal.report(this.name, message);
    const receipt: Receipt = { type: "receipt", sequence: message.sequence };
    // A replica that is gone needs no receipt.
    if (this.#child.connected) this.#child.send(receipt, () => {});
  }
}

function isErrorLine(line: string): boolean {
  return line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"') || !line.startsWith("{");
}

/** Ends every replica that still runs, at once. */
export function killAll(replicas: Iterable<ReplicaProcess>): void {
  for (const replica of replicas) {
    if (replica.state !== "gone") replica.kill();
  }
}
