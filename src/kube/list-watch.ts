import { type Clock, systemClock } from "../runtime/clock.ts";
import { ElectorateError } from "../runtime/errors.ts";
import { type Randomness, systemRandomness } from "../runtime/randomness.ts";
import { answerError } from "./answer.ts";
import type { ApiResource, FeedEvent, KubernetesObject, Selection } from "./api.ts";
import type { BackOff } from "./back-off.ts";
import { listAll, METADATA_LIST, METADATA_WATCH } from "./listing.ts";
import { collectionPath, selectionQuery } from "./request-path.ts";
import { compareResourceVersions, isResourceVersion } from "./resource-version.ts";
import type { ApiStream, Transport } from "./transport.ts";
import { type Course, courseAfter, type Ending, FIRST_COURSE, type WatchLife } from "./watch-course.ts";
import { parseWatchLine, type WatchLine } from "./watch-line.ts";
import { WatchReader } from "./watch-reader.ts";

/**
 * A resource's objects and their changes, in order, for as long as anyone listens: the shell around `watch-course.ts`.
 *
 * Promises:
 * - It never ends by itself: every trouble, a missing permission among them, is reported and tried again.
 * - After a cut, an error or silence it resumes from the newest resourceVersion it has passed on; when that is too old it
 *   lists again and says so by a `snapshot`. So no change is lost; one may come twice.
 * - Nothing is read ahead of the consumer beyond what the connection buffers.
 * - When the signal aborts, or the consumer leaves, no request, stream or timer of it is left.
 */

/** Something went wrong and will be tried again. */
export interface FeedTrouble {
  readonly error: ElectorateError;
  readonly during: "list" | "watch";
  /** Failures in a row, from 1. */
  readonly attempt: number;
  /** Time since the first of them, in milliseconds. */
  readonly sinceMs: number;
  /** Wait before the next try, in milliseconds. */
  readonly retryInMs: number;
}

/** What to follow, and how patiently; only `transport` and `resource` have no default. */
export interface ListWatchOptions {
  readonly transport: Transport;
  readonly resource: ApiResource;
  /** All namespaces and all objects when left out. */
  readonly selection?: Selection;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
  /** For each page of a list, and for a watch until its answer begins. Default 30,000. */
  readonly deadlineMs?: number;
  /** A watch without a byte for this long is cut and resumed. Default 130,000: two bookmarks of kube-apiserver. */
  readonly idleLimitMs?: number;
  /** The server is asked to end each watch after a random time between these. Default 300 and 600. */
  readonly watchSeconds?: readonly [least: number, most: number];
  /** Default 800 to 30,000. */
  readonly backOff?: BackOff;
  /** A watch that stood this long is healthy, even if nothing came. Default 2,000. */
  readonly healthyAfterMs?: number;
  readonly pageSize?: number;
  /**
   * Never lists, and so needs no right to: the watch begins with a `changed` for every object that there is, and again after a position
   * was lost. There is no `snapshot`, so that what was deleted meanwhile is not told. Default false.
   */
  readonly watchOnly?: boolean;
  /** Asks for `PartialObjectMetadata` instead of whole objects. */
  readonly metadataOnly?: boolean;
  /** Applied to every object before anything else is done with it, such as to drop `managedFields`. Must not throw. */
  readonly transform?: (object: KubernetesObject) => KubernetesObject;
  readonly onTrouble?: (trouble: FeedTrouble) => void;
  /** Called at the start and after each trouble, once a watch has brought something new or stood for `healthyAfterMs`. */
  readonly onHealthy?: () => void;
}

const DEFAULTS = {
  selection: {},
  deadlineMs: 30_000,
  idleLimitMs: 130_000,
  watchSeconds: [300, 600],
  backOff: { baseMs: 800, maxMs: 30_000 },
  healthyAfterMs: 2_000,
} as const;

/** Follows one resource; see the head of this file for its promises. */
export class ListWatch {
  readonly #options: ListWatchOptions & Required<Pick<ListWatchOptions, keyof typeof DEFAULTS>>;
  readonly #clock: Clock;
  readonly #randomness: Randomness;
  readonly #what: string;
  /** The newest resourceVersion that was passed on. */
  #position = "";
  /** Ends whatever is waited for, so that a demand is seen. Undefined while nothing is waited for. */
  #wake: (() => void) | undefined;
  /** A list was asked for, and none has begun since. */
  #demanded = false;
  #running = false;
  /** When the failures in a row began; undefined while there are none. */
  #troubledSinceMs: number | undefined;
  #healthy = false;

  constructor(options: ListWatchOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#clock = options.clock ?? systemClock;
    this.#randomness = options.randomness ?? systemRandomness;
    this.#what = `watch ${collectionPath(options.resource, this.#options.selection.namespace)}`;
  }

  /**
   * Asks for a list that begins after this call, and a `snapshot` from it. Ends a wait for the next try, so the caller
   * bounds how often it asks; a list under way is finished first.
   */
  relist(): void {
    this.#demanded = true;
    this.#wake?.();
  }

  /** Until `signal` aborts; then it ends without throwing. One consumer at a time. */
  async *events(signal: AbortSignal): AsyncGenerator<FeedEvent, void> {
    if (this.#running) throw new ElectorateError("misuse", `${this.#what}: only one consumer at a time`);
    this.#running = true;
    let course = FIRST_COURSE;
    this.#demanded = false;
    this.#troubledSinceMs = undefined;
    this.#healthy = false;
    try {
      while (!signal.aborted) {
        const ending = await this.#pause(course, signal);
        if (signal.aborted) return;
        const next = ending ?? (course.next === "list" ? yield* this.#list(signal) : yield* this.#watch(signal));
        if (signal.aborted) return;
        course = this.#follow(course, next);
      }
    } finally {
      this.#running = false;
    }
  }

  /** Decides what comes next, and reports trouble. */
  #follow(course: Course, ending: Ending): Course {
    const next = courseAfter(course, ending, this.#options.backOff, this.#randomness);
    if (next.failures === 0) this.#troubledSinceMs = undefined;
    else if ("error" in ending && (next.failures !== course.failures || next.delayMs > 0)) {
      const nowMs = this.#clock.monotonicMs();
      this.#healthy = false;
      this.#troubledSinceMs ??= nowMs;
      this.#options.onTrouble?.({
        error: ending.error,
        during: course.next,
        attempt: next.failures,
        sinceMs: nowMs - this.#troubledSinceMs,
        retryInMs: next.delayMs,
      });
    }
    return next;
  }

  #confirmHealthy(): void {
    this.#troubledSinceMs = undefined;
    if (this.#healthy) return;
    this.#healthy = true;
    this.#options.onHealthy?.();
  }

  /** Waits out a back-off; a demand for a list, before or during it, ends it. */
  async #pause(course: Course, signal: AbortSignal): Promise<Ending | undefined> {
    if (this.#demanded && course.next !== "list") return { how: "demanded" };
    if (course.delayMs <= 0 || this.#demanded) return undefined;
    await new Promise<void>((resolve) => {
      const stop = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", stop);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.timer(course.delayMs, stop);
      signal.addEventListener("abort", stop, { once: true });
      this.#wake = stop;
    });
    return this.#demanded && course.next !== "list" ? { how: "demanded" } : undefined;
  }

  async *#list(signal: AbortSignal): AsyncGenerator<FeedEvent, Ending> {
    const { transport, resource, selection, deadlineMs, pageSize, metadataOnly, transform } = this.#options;
    this.#demanded = false;
    if (this.#options.watchOnly === true) {
      this.#position = "";
      return { how: "listed" };
    }
    let listed: Awaited<ReturnType<typeof listAll>>;
    try {
      const accept = metadataOnly === true ? METADATA_LIST : undefined;
      listed = await listAll(transport, this.#clock, {
        resource,
        selection,
        deadlineMs,
        signal,
        pageSize,
        accept,
        transform,
      });
    } catch (error) {
      return { how: "list-failed", error: requireOwn(error) };
    }
    if (signal.aborted) return { how: "demanded" };
    this.#position = listed.resourceVersion;
    yield { type: "snapshot", resourceVersion: listed.resourceVersion, objects: listed.objects };
    return { how: "listed" };
  }

  async *#watch(signal: AbortSignal): AsyncGenerator<FeedEvent, Ending> {
    // One signal for all that can end this watch: the caller's, a demand for a list, silence, or our own leaving.
    const line = new AbortController();
    const stop = (): void => line.abort(new ElectorateError("aborted", `${this.#what}: ended`));
    signal.addEventListener("abort", stop, { once: true });
    this.#wake = stop;
    try {
      const stream = await this.#open(line.signal);
      if ("how" in stream) return stream;
      return yield* this.#readEvents(stream, line.signal);
    } finally {
      this.#wake = undefined;
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  async #open(signal: AbortSignal): Promise<ApiStream | Ending> {
    const { transport, resource, selection, deadlineMs, metadataOnly, watchSeconds } = this.#options;
    const [least, most] = watchSeconds;
    let stream: ApiStream;
    try {
      stream = await transport.stream({
        method: "GET",
        path: collectionPath(resource, selection.namespace),
        query: {
          ...selectionQuery(selection),
          watch: "true",
          allowWatchBookmarks: "true",
          ...(this.#position === "" ? {} : { resourceVersion: this.#position }),
          timeoutSeconds: String(Math.round(least + (most - least) * this.#randomness.next())),
        },
        ...(metadataOnly === true ? { accept: METADATA_WATCH } : {}),
        deadlineMs,
        signal,
      });
      if (stream.status === 200) return stream;
    } catch (error) {
      return this.#demanded ? { how: "demanded" } : { how: "refused", error: requireOwn(error) };
    }
    const reading = await new WatchReader(stream.lines, this.#clock, deadlineMs).next();
    const body = reading.kind === "line" ? reading.text : "";
    const { status, headers } = stream;
    return { how: "refused", error: answerError({ status, headers, body }, this.#what, this.#clock.wallMs()) };
  }

  async *#readEvents(stream: ApiStream, ended: AbortSignal): AsyncGenerator<FeedEvent, Ending> {
    const { idleLimitMs, healthyAfterMs } = this.#options;
    const life = { heard: false, progressed: false, stood: false };
    const reader = new WatchReader(stream.lines, this.#clock, idleLimitMs);
    const interrupt = (): void => reader.interrupt();
    ended.addEventListener("abort", interrupt, { once: true });
    if (ended.aborted) interrupt();
    const standing = this.#clock.timer(healthyAfterMs, () => {
      life.stood = true;
      this.#confirmHealthy();
    });
    try {
      for (;;) {
        const reading = await reader.next();
        if (reading.kind !== "line") return this.#endingOf(reading, life);
        const outcome = this.#take(reading.text, life);
        if ("how" in outcome) return outcome;
        yield outcome;
      }
    } finally {
      standing.cancel();
      ended.removeEventListener("abort", interrupt);
      reader.leave();
    }
  }

  /** What one line means for the consumer, or how it ends the watch. Moves the position before the event is passed on. */
  #take(text: string, life: { -readonly [field in keyof WatchLife]: boolean }): FeedEvent | Ending {
    let line: WatchLine;
    try {
      line = parseWatchLine(text, this.#what);
    } catch (error) {
      return { how: "rejected", error: requireOwn(error), life };
    }
    if (line.type === "error") return { how: "rejected", error: line.error, life };
    const step = stepTo(this.#position, line.resourceVersion);
    if (line.type === "bookmark" && step < 0) {
      const why = `a bookmark went back from resourceVersion ${this.#position} to ${line.resourceVersion}: was the API server restored?`;
      return { how: "rejected", error: new ElectorateError("gone", `${this.#what}: ${why}`), life };
    }
    life.heard = true;
    if (step > 0) {
      this.#position = line.resourceVersion;
      life.progressed = true;
      this.#confirmHealthy();
    }
    if (line.type === "bookmark") return line;
    const { transform } = this.#options;
    return { type: line.type, object: transform === undefined ? line.object : transform(line.object) };
  }

  #endingOf(reading: Exclude<Awaited<ReturnType<WatchReader["next"]>>, { kind: "line" }>, life: WatchLife): Ending {
    switch (reading.kind) {
      case "interrupted":
        return { how: "demanded" };
      case "silent":
        return { how: "silent", life };
      case "cut":
        return { how: "cut", error: requireOwn(reading.error), life };
      case "end": {
        const error = new ElectorateError("unreachable", `${this.#what}: the server ends every watch at once`);
        return { how: "ended", error, life };
      }
      default:
        return reading satisfies never;
    }
  }
}

/** Above 0 when `to` is past `from`, below 0 when it is before. A version without an order is taken to be past any other. */
function stepTo(from: string, to: string): number {
  if (from === to) return 0;
  return isResourceVersion(from) && isResourceVersion(to) ? compareResourceVersions(to, from) : 1;
}

/** Errors of a transport or of parsing; anything else is a fault of this program, and ends the feed. */
function requireOwn(error: unknown): ElectorateError {
  if (error instanceof ElectorateError) return error;
  throw error;
}
