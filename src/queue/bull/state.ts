import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import type { Clock } from "../../runtime/clock.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import type { Priority } from "../work-queue.ts";
import { answered } from "./deadline.ts";
import { SCRIPTS, type ScriptName } from "./scripts.ts";

/** A job that Bull is to be given: look at `key`. */
export interface Token {
  readonly token: string;
  readonly key: string;
  readonly priority: Priority;
  /** Unix ms; `undefined`: now. */
  readonly dueMs: number | undefined;
}

/** `stale`: a newer epoch is registered. `lost`: ours is not the registered one, or parts of the state are missing. */
export type Status = "ok" | "stale" | "lost";

/** What every script answers. */
export interface Answer {
  readonly status: Status;
  /** The registered epoch, empty when none is. */
  readonly registered: string;
  readonly verdict: string;
  /** Unix ms since which the claimed key has waited. */
  readonly sinceMs: number | undefined;
  readonly ready: number;
  readonly delayed: number;
  /** Unix ms since which the oldest ready key waits. */
  readonly oldestMs: number | undefined;
  /** Unix ms at which the next delay ends, or should have. */
  readonly dueMs: number | undefined;
  /** Adds that did not merge into an earlier one. */
  readonly added: number;
  /** Jobs that Bull must be given now. */
  readonly tokens: readonly Token[];
}

/** A change of the state; `apply` performs many in one step. */
export type Operation =
  | { readonly name: "add"; readonly key: string; readonly priority: Priority }
  | {
      readonly name: "delay";
      readonly key: string;
      readonly dueMs: number;
      readonly priority: Priority;
      /** True when only a back-off asked for it. */
      readonly retry: boolean;
    }
  /** Ends the work that began with `token`; `return` queues the key again. */
  | { readonly name: "done" | "return"; readonly key: string; readonly token: string }
  | { readonly name: "failures"; readonly key: string; readonly failures: number };

/** Work that was begun with a token. */
export interface EndedWork {
  readonly key: string;
  readonly token: string;
}

const LETTERS: Readonly<Record<Priority, string>> = { fresh: "f", resync: "r" };

const DIGESTS = new Map<ScriptName, string>();

/** The state of one shard's queue in Redis, as one epoch sees and may change it. */
export class ShardState {
  readonly #client: Redis | Cluster;
  readonly #clock: Clock;
  readonly #base: string;
  readonly #epoch: string;

  /** `base` is what all keys of the shard begin with, the braces of a hash tag in it, so that one node has them all. */
  constructor(client: Redis | Cluster, clock: Clock, base: string, epoch: string) {
    if (!/^(?:0|[1-9][0-9]*)$/.test(epoch))
      throw new ElectorateError("misuse", `epoch ${JSON.stringify(epoch)} is no decimal number, so it has no order`);
    this.#client = client;
    this.#clock = clock;
    this.#base = base;
    this.#epoch = epoch;
  }

  /** Makes the epoch the registered one; `held` are the keys that the caller has in work, with their tokens. */
  register(held: Iterable<readonly [key: string, token: string]>): Promise<Answer> {
    return this.#run("register", [...held].flat());
  }

  apply(operations: readonly Operation[]): Promise<Answer> {
    return this.#run("apply", operations.flatMap(argumentsOf));
  }

  /**
   * Takes a key into work for its token, and ends other work on the way. Verdict: `run`; `pass` when the token is not valid; `again` when a
   * delay has ended whose key is in work, to be added again. `tokens` is ended work that must be ended by `apply`, not jobs.
   */
  claim(key: string, token: string, ended: readonly EndedWork[]): Promise<Answer> {
    return this.#run("claim", [key, token, ...ended.flatMap((work) => [work.key, work.token])]);
  }

  /** Gives entries whose job is gone (or all of them) a job again, a page at a time; `verdict` is the next cursor. */
  sweep(cursor: string, which: "missing" | "all"): Promise<Answer> {
    return this.#run("sweep", [cursor, which]);
  }

  reset(): Promise<Answer> {
    return this.#run("reset", []);
  }

  /** Failures in a row, of every key that has any. */
  async failures(): Promise<Map<string, number>> {
    const known = await answered(this.#clock, this.#client.hgetall(this.#key("failures")));
    return new Map(Object.entries(known).map(([key, count]) => [key, Number(count)]));
  }

  async #run(script: ScriptName, rest: readonly string[]): Promise<Answer> {
    const names = ["meta", "ready", "delayed", "entries", "working", "failures"].map((name) => this.#key(name));
    const keys = [...names, `${this.#base}active`, `${this.#base}delayed`];
    const given = [...keys, this.#epoch, String(Math.round(this.#clock.wallMs())), this.#base, ...rest];
    return answerOf(await answered(this.#clock, this.#evaluate(script, keys.length, given)));
  }

  /** By digest; a Redis that was restarted has forgotten the text. */
  async #evaluate(script: ScriptName, keys: number, given: readonly string[]): Promise<unknown> {
    try {
      return await this.#client.evalsha(digestOf(script), keys, ...given);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return this.#client.eval(SCRIPTS[script], keys, ...given);
    }
  }

  #key(name: string): string {
    return `${this.#base}electorate-${name}`;
  }
}

function digestOf(script: ScriptName): string {
  // Redis names scripts by this digest; nothing secret depends on it.
  const digest = DIGESTS.get(script) ?? createHash("sha1").update(SCRIPTS[script]).digest("hex");
  DIGESTS.set(script, digest);
  return digest;
}

function argumentsOf(operation: Operation): readonly string[] {
  const { name, key } = operation;
  switch (name) {
    case "add":
      return [name, key, LETTERS[operation.priority], ""];
    case "delay":
      return [name, key, String(Math.round(operation.dueMs)), LETTERS[operation.priority] + (operation.retry ? 1 : 0)];
    case "done":
    case "return":
      return [name, key, operation.token, ""];
    case "failures":
      return [name, key, String(operation.failures), ""];
    default:
      return name satisfies never;
  }
}

function answerOf(reply: unknown): Answer {
  if (!Array.isArray(reply) || reply.length < 9)
    throw new ElectorateError(
      "malformed-answer",
      "Redis answered a script of the queue with something else than asked for",
    );
  const [status, registered = "", verdict = "", since = "", ready, delayed, oldest = "", due = "", added, ...rest] =
    reply.map(String);
  if (status !== "ok" && status !== "stale" && status !== "lost")
    throw new ElectorateError("malformed-answer", `Redis answered a script of the queue with the status ${status}`);
  const tokens: Token[] = [];
  for (let at = 0; at + 3 < rest.length; at += 4) {
    const [token = "", key = "", letter, moment = ""] = rest.slice(at, at + 4);
    tokens.push({ token, key, priority: letter === "f" ? "fresh" : "resync", dueMs: momentOf(moment) });
  }
  return {
    status,
    registered,
    verdict,
    sinceMs: momentOf(since),
    ready: Number(ready),
    delayed: Number(delayed),
    oldestMs: momentOf(oldest),
    dueMs: momentOf(due),
    added: Number(added),
    tokens,
  };
}

function momentOf(text: string): number | undefined {
  return text === "" ? undefined : Number(text);
}
