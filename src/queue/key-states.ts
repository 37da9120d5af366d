import { type Link, LinkedList } from "./linked-list.ts";
import type { Priority } from "./work-queue.ts";

/** A key that can be taken. */
interface Ready {
  readonly key: string;
  readonly priority: Priority;
  /** When the first of the adds that it answers was made. */
  readonly addedMs: number;
  /** When it became ready at its present priority. */
  readonly readyMs: number;
}

/** A key that was handed out, and the add that came meanwhile, if one did. */
interface InWork {
  readonly startedMs: number;
  again: { priority: Priority; readonly addedMs: number } | undefined;
}

/**
 * Where each key of a queue stands. No clock and no I/O: the caller says what time it is.
 *
 *               add                 takeNext               add
 *     (unknown) ---> ready(resync|fresh) ---> in work ---> in work, again
 *         ^                  ^                   |              |
 *         |                  |                finish          finish
 *         +------------------|-------------------+              |
 *                            +----------------------------------+
 *
 * Invariants: a key is in at most one of these states; it is handed out only from `ready`, so never twice at once; all
 * operations are O(1), whatever number of keys waits.
 */
export class KeyStates {
  readonly #ready = new Map<string, Link<Ready>>();
  readonly #inWork = new Map<string, InWork>();
  readonly #fresh = new LinkedList<Ready>();
  readonly #resync = new LinkedList<Ready>();
  #again = 0;

  /** Keys that can be taken now. */
  get readyCount(): number {
    return this.#ready.size;
  }

  /** Keys in work that will be ready once more when that work ends. */
  get againCount(): number {
    return this.#again;
  }

  get inWorkCount(): number {
    return this.#inWork.size;
  }

  /** When the key that waits longest at its priority became ready; `undefined` when none waits. */
  get oldestReadyMs(): number | undefined {
    const fresh = this.#fresh.first?.value.readyMs;
    const resync = this.#resync.first?.value.readyMs;
    if (fresh === undefined || resync === undefined) return fresh ?? resync;
    return Math.min(fresh, resync);
  }

  /** Start of each piece of work that has not ended. */
  *startsOfWork(): Iterable<number> {
    for (const work of this.#inWork.values()) yield work.startedMs;
  }

  /** True when the key is to be worked on because of this add; false when the add merged into an earlier one. */
  add(key: string, priority: Priority, nowMs: number): boolean {
    const work = this.#inWork.get(key);
    if (work !== undefined) return this.#addAgain(work, priority, nowMs);
    const link = this.#ready.get(key);
    if (link === undefined) {
      this.#append({ key, priority, addedMs: nowMs, readyMs: nowMs });
      return true;
    }
    if (priority === "fresh" && link.value.priority === "resync") {
      this.#resync.remove(link);
      this.#append({ ...link.value, priority, readyMs: nowMs });
    }
    return false;
  }

  /** Moves the next key to `in work`: the first fresh one, or the first resync one when no fresh one waits. */
  takeNext(nowMs: number): { readonly key: string; readonly addedMs: number } | undefined {
    const next = this.#fresh.takeFirst() ?? this.#resync.takeFirst();
    if (next === undefined) return undefined;
    this.#ready.delete(next.key);
    this.#inWork.set(next.key, { startedMs: nowMs, again: undefined });
    return next;
  }

  /** Ends the work on a key and says when it began; `undefined` when the key is not in work. */
  finish(key: string, nowMs: number): number | undefined {
    const work = this.#inWork.get(key);
    if (work === undefined) return undefined;
    this.#inWork.delete(key);
    if (work.again !== undefined) {
      this.#again--;
      this.#append({ key, ...work.again, readyMs: nowMs });
    }
    return work.startedMs;
  }

  /** Forgets every key that waits; those in work stay until they are finished. */
  dropWaiting(): void {
    this.#ready.clear();
    this.#fresh.clear();
    this.#resync.clear();
    this.#again = 0;
    for (const work of this.#inWork.values()) work.again = undefined;
  }

  #addAgain(work: InWork, priority: Priority, nowMs: number): boolean {
    if (work.again === undefined) {
      work.again = { priority, addedMs: nowMs };
      this.#again++;
      return true;
    }
    if (priority === "fresh") work.again.priority = "fresh";
    return false;
  }

  #append(ready: Ready): void {
    const list = ready.priority === "fresh" ? this.#fresh : this.#resync;
    this.#ready.set(ready.key, list.append(ready));
  }
}
