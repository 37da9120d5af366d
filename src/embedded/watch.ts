/**
 * Watches: what one client sees of a resource's changes, through its selector.
 *
 * Promises of this file: events come in the order of their revisions and each at most once; an object that begins to match
 * is ADDED, one that stops is DELETED with the revision of that change; a line is serialised once for all watchers of the
 * same form; nothing is delivered after the end; the end is told exactly once.
 */
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Change, ChangeType, Entry } from "./collection.ts";
import type { FailureStatus } from "./refusal.ts";
import type { Representation } from "./representation.ts";
import type { ObjectPredicate } from "./selectors.ts";
import { withRevision } from "./storage.ts";

/** How a watch ended: `finished` as the server ends one, `cut` as a broken connection. */
export type WatchEnd = "finished" | "cut";

/** Who reads a watch. */
export interface WatchListener {
  /** One event, without its newline. */
  line(text: string): void;
  end(how: WatchEnd): void;
}

export interface WatchOptions {
  readonly clock: Clock;
  readonly representation: Representation;
  readonly keyPrefix: string;
  /** Nothing when everything matches. */
  readonly matches: ObjectPredicate | undefined;
  /** Changes up to this revision are not sent. */
  readonly position: number;
  readonly timeoutMs: number;
  /** Nothing when the client did not ask for bookmarks. */
  readonly bookmarkIntervalMs: number | undefined;
  readonly currentRevision: () => number;
  /** Called once, when the watch ends in whatever way. */
  readonly ended: () => void;
}

/** How long before the time-out the last bookmark is sent. */
const LAST_BOOKMARK_MS = 2_000;

/** One open watch: its client subscribes to it, a test may hold, end or cut it. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #timers = new Set<Timer>();
  /** Lines that wait for a subscriber, or for `resume`. */
  #waiting: string[] = [];
  #listener: WatchListener | undefined;
  #position: number;
  /** Whether a table's column definitions are still to be sent. */
  #headerDue: boolean;
  #held = false;
  #flushing = false;
  #ended: WatchEnd | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#position = options.position;
    this.#headerDue = options.representation.form === "table";
    this.#after(options.timeoutMs, () => this.end("finished"));
    if (options.bookmarkIntervalMs !== undefined) this.#scheduleBookmark(options.bookmarkIntervalMs, options.timeoutMs);
  }

  get representation(): Representation {
    return this.#options.representation;
  }

  /** The one reader of this watch; lines from before are delivered at once. */
  subscribe(listener: WatchListener): void {
    this.#listener = listener;
    this.#flush();
    if (this.#ended !== undefined) listener.end(this.#ended);
  }

  /** Holds every line back, as a stalled connection does, until `resume`. The watch stays open. */
  hold(): void {
    this.#held = true;
  }

  resume(): void {
    this.#held = false;
    this.#flush();
  }

  /** Sends what is already there as ADDED events. */
  sendInitial(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.#matches(entry)) this.#send(this.#line("ADDED", entry));
    }
  }

  /** Says that everything before this was the state at the start. */
  sendInitialEnd(): void {
    this.#send(this.#bookmarkLine({ "k8s.io/initial-events-end": "true" }));
  }

  sendChange(change: Change): void {
    if (this.#ended !== undefined || change.revision <= this.#position) return;
    this.#position = change.revision;
    if (!change.entry.key.startsWith(this.#options.keyPrefix)) return;
    const line = this.#changeLine(change);
    if (line !== undefined) this.#send(line);
  }

  sendBookmark(): void {
    if (this.#ended === undefined) this.#send(this.#bookmarkLine());
  }

  /** An ERROR event in band, after which the server ends the watch. */
  fail(status: FailureStatus): void {
    if (this.#ended !== undefined) return;
    this.#send(`{"type":"ERROR","object":${JSON.stringify(status)}}`);
    this.end("finished");
  }

  /** Ends the watch; what is held back is lost. */
  end(how: WatchEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = how;
    if (this.#held) this.#waiting = [];
    for (const timer of this.#timers) timer.cancel();
    this.#options.ended();
    this.#listener?.end(how);
  }

  /** The client went away. */
  close(): void {
    this.#listener = undefined;
    this.#waiting = [];
    this.end("finished");
  }

  #changeLine(change: Change): string | undefined {
    const before = change.previous !== undefined && this.#matches(change.previous);
    const now = change.type !== "DELETED" && this.#matches(change.entry);
    if (now) return this.#shared(change, before ? "MODIFIED" : "ADDED", change.entry);
    if (!before || change.previous === undefined) return undefined;
    if (change.type === "DELETED") return this.#shared(change, "DELETED", change.entry);
    const { key, object } = change.previous;
    const last = withRevision(object, change.revision);
    return this.#shared(change, "DELETED", {
      key,
      object: last,
      json: JSON.stringify(last),
      revision: change.revision,
    });
  }

  #shared(change: Change, type: ChangeType, entry: Entry): string {
    if (this.#headerDue) return this.#line(type, entry);
    return change.line(this.#options.representation.lineKeys[type], () => this.#line(type, entry));
  }

  #line(type: ChangeType, entry: Entry): string {
    return `{"type":"${type}","object":${this.#options.representation.one(entry, this.#takeHeader())}}`;
  }

  #bookmarkLine(annotations?: Readonly<Record<string, string>>): string {
    const revision = Math.max(this.#position, this.#options.currentRevision());
    return `{"type":"BOOKMARK","object":${this.#options.representation.bookmark(revision, annotations, this.#takeHeader())}}`;
  }

  #takeHeader(): boolean {
    const due = this.#headerDue;
    this.#headerDue = false;
    return due;
  }

  #matches(entry: Entry): boolean {
    return this.#options.matches === undefined || this.#options.matches(entry.object);
  }

  #send(line: string): void {
    if (this.#ended !== undefined) return;
    if (this.#held || this.#flushing || this.#listener === undefined) this.#waiting.push(line);
    else this.#listener.line(line);
  }

  #flush(): void {
    if (this.#held || this.#flushing) return;
    // A reader that writes causes more lines while it reads: they queue up behind.
    this.#flushing = true;
    try {
      while (this.#listener !== undefined && !this.#held) {
        const line = this.#waiting.shift();
        if (line === undefined) break;
        this.#listener.line(line);
      }
    } finally {
      this.#flushing = false;
    }
  }

  #after(delayMs: number, callback: () => void): void {
    const timer = this.#options.clock.timer(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
  }

  /** One bookmark per interval, and one shortly before the time-out, for the client to go on from. */
  #scheduleBookmark(intervalMs: number, leftMs: number): void {
    const beforeEndMs = leftMs - LAST_BOOKMARK_MS;
    const delayMs = beforeEndMs > 0 ? Math.min(intervalMs, beforeEndMs) : intervalMs;
    this.#after(delayMs, () => {
      this.sendBookmark();
      this.#scheduleBookmark(intervalMs, leftMs - delayMs);
    });
  }
}
