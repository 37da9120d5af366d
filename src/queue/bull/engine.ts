import Bull from "bull";
import type { Connections } from "./connections.ts";
import type { Token } from "./state.ts";

/** Who is given the jobs that Bull takes. A rejection puts the job back. */
export type Receiver = (key: string, token: string) => Promise<void>;

interface TokenData {
  readonly key: string;
}

export interface EngineOptions {
  readonly connections: Connections;
  readonly prefix: string;
  readonly name: string;
  /** How many jobs are taken at once. */
  readonly concurrency: number;
  readonly onTrouble: (error: Error) => void;
  /** Bull lets a job wait again after this much silence of its worker; only jobs that a dying process took depend on it. Default 30,000. */
  readonly lockMs?: number;
  /** Default 5,000. */
  readonly stalledCheckMs?: number;
}

const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 5_000;
/** Pause of Bull's loops after an error. */
const RETRY_MS = 250;

/**
 * The one Bull queue of a shard in this process. It lives as long as the process, because Bull cannot take a `process` back: it takes jobs
 * while a term has it, and is paused (locally; a global pause would stop the next owner) while none has.
 */
export class Engine {
  readonly #options: EngineOptions;
  #queue: Bull.Queue<TokenData> | undefined;
  /** Who was started last and not stopped; it becomes the receiver when its turn comes. */
  #wanted: Receiver | undefined;
  #receiver: Receiver | undefined;
  /** Bull's pause takes half a second; the next start waits for it, nobody else does. */
  #turn: Promise<void> = Promise.resolve();
  #processing = false;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Gives jobs to `receiver`, as soon as Bull has paused for the one before. */
  start(receiver: Receiver): void {
    this.#wanted = receiver;
    this.#then(async () => {
      if (this.#wanted !== receiver || this.#closed) return;
      // Not earlier: what the old term's loops still bring is put back.
      this.#receiver = receiver;
      if (this.#processing) return this.#bull().resume(true);
      this.#processing = true;
      // Resolves when the queue is closed; rejects when a connection was given up before.
      void this.#bull()
        .process("*", this.#options.concurrency, (job) => this.#receive(job))
        .catch(this.#options.onTrouble);
    });
  }

  /** Takes no job any more; one that Bull takes nevertheless is put back. */
  stop(receiver: Receiver): void {
    if (this.#wanted === receiver) this.#wanted = undefined;
    if (this.#receiver !== receiver) return;
    this.#receiver = undefined;
    // Without waiting for its jobs, which end at once: when it waits, a rejection of its reconnect is nobody's.
    this.#then(() => this.#bull().pause(true, true));
  }

  /** Listens for what Bull listens for, so that a user who may not is found out here: Bull would only never bring a job. */
  async listen(): Promise<void> {
    const { connections, prefix, name } = this.#options;
    await connections.forBull("subscriber", name).subscribe(`${prefix}:${name}:delayed`);
  }

  /** Gives Bull jobs; those that it has already stay one. Rejects unless it has all of them. */
  async ask(tokens: readonly Token[], nowMs: number): Promise<void> {
    const jobs = tokens.map(({ token, key, priority, dueMs }) => ({
      name: priority,
      data: { key },
      opts: {
        jobId: `t${token}`,
        // Bull takes jobs with a priority before those without; a queue full of resyncs then costs it no search.
        ...(priority === "fresh" ? { priority: 1 } : {}),
        ...(dueMs === undefined ? {} : { delay: Math.max(0, Math.round(dueMs - nowMs)) }),
        // A job that is put back is no failure.
        attempts: Number.MAX_SAFE_INTEGER,
        stackTraceLimit: 1,
        removeOnComplete: true,
        removeOnFail: true,
      },
    }));
    const added = await this.#bull().addBulk(jobs);
    // Bull does not look at the single answers of its transaction.
    if (added.some(({ id }) => typeof id !== "string")) throw new Error("Redis did not take all jobs of a queue");
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#receiver = undefined;
    await this.#queue?.close(true);
  }

  #then(step: () => Promise<void>): void {
    this.#turn = this.#turn.then(step).catch(this.#options.onTrouble);
  }

  async #receive(job: Bull.Job<TokenData>): Promise<void> {
    const receiver = this.#receiver;
    if (receiver === undefined) throw new Error("the term that took this job has ended");
    await receiver(job.data.key, String(job.id).slice(1));
  }

  #bull(): Bull.Queue<TokenData> {
    if (this.#queue !== undefined) return this.#queue;
    const { connections, prefix, name, onTrouble, lockMs = LOCK_MS, stalledCheckMs = STALLED_CHECK_MS } = this.#options;
    const queue = new Bull<TokenData>(name, {
      prefix,
      createClient: (type) => connections.forBull(type, `${prefix}:${Buffer.from(name).toString("base64")}`),
      settings: {
        lockDuration: lockMs,
        stalledInterval: stalledCheckMs,
        // Never given up: the state says whether its key still waits.
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        retryProcessDelay: RETRY_MS,
      },
    });
    // It names the connection for Bull's list of workers, which is done already, and leaves its own rejection unhandled.
    Object.assign(queue, { setWorkerName: () => Promise.resolve() });
    queue.on("error", onTrouble);
    this.#queue = queue;
    return queue;
  }
}
