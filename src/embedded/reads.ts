/** get, list and watch. */
import type { Clock } from "../runtime/clock.ts";
import type { Randomness } from "../runtime/randomness.ts";
import type { Entry } from "./collection.ts";
import { checkListOptions, parseRevision } from "./list-options.ts";
import { continueToken, type Page, parseContinueToken } from "./paging.ts";
import { badRequest, expired, type Named, notFound, tooLargeResourceVersion } from "./refusal.ts";
import { type ListMetadata, negotiate, Representation, type RowObject } from "./representation.ts";
import { type CoreRequest, isTrue, keyOf, keyPrefixOf, type Target } from "./routes.ts";
import { fieldPredicate, type ObjectPredicate, parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import type { Storage } from "./storage.ts";
import { Watch } from "./watch.ts";

export interface ReaderOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly bookmarkIntervalMs: number;
}

const LEAST_WATCH_MS = 30 * 60_000;
const EVENTS = "events";

export class Reader {
  readonly #options: ReaderOptions;
  readonly #watches = new Set<Watch>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The watches that are open now. */
  get watches(): readonly Watch[] {
    return [...this.#watches];
  }

  /** The newest resourceVersion. */
  get resourceVersion(): string {
    return String(this.#options.storage.revision);
  }

  get(target: Target, request: CoreRequest): string {
    const { resource, namespace, name = "" } = target;
    const { storage } = this.#options;
    const asked = parseRevision(request.query?.resourceVersion, "get");
    if (asked > storage.revision) throw tooLargeResourceVersion(asked, storage.revision);
    const entry = storage.collection(resource.collection).get(keyOf(namespace, name));
    if (entry === undefined) throw notFound(resource, name);
    return this.representation(target, request, false).one(entry);
  }

  list(target: Target, request: CoreRequest): string {
    checkListOptions(request.query ?? {}, false);
    const representation = this.representation(target, request, true);
    const { entries, metadata } = this.#page(target, request);
    return representation.many(entries, metadata);
  }

  watch(target: Target, request: CoreRequest): Watch {
    const { storage } = this.#options;
    const query = request.query ?? {};
    checkListOptions(query, true);
    const representation = this.representation(target, request, false);
    const matches = selectorOf(target, request);
    const asked = parseRevision(query.resourceVersion, "watch");
    const initial = query.sendInitialEvents === undefined ? undefined : isTrue(query.sendInitialEvents);
    if (initial === true && asked > storage.revision) throw tooLargeResourceVersion(asked, storage.revision);
    const fromState = initial ?? asked === 0;
    const watch = this.#open(target, request, representation, matches, fromState ? storage.revision : asked);
    const collection = storage.collection(target.resource.collection);
    if (fromState) {
      watch.sendInitial(collection.scan(keyPrefixOf(target)));
      // A watch from "any version" tells the end of the initial events too, as long as bookmarks are wanted.
      const told = initial === true || (initial === undefined && query.resourceVersion === "0");
      if (told && bookmarksWanted(request)) watch.sendInitialEnd();
    } else if (asked > 0) {
      const changes = collection.changesAfter(asked);
      if (changes === undefined) {
        watch.fail(expired(`too old resource version: ${asked} (${collection.floor})`).status);
      } else for (const change of changes) watch.sendChange(change);
    }
    return watch;
  }

  representation(target: Target, request: CoreRequest, list: boolean): Representation {
    const form = negotiate(request.accept, list, target.resource);
    const include = request.query?.includeObject;
    const rowObject: RowObject = include === "None" || include === "Object" ? include : "Metadata";
    return new Representation(target.resource, form, rowObject, () => this.#options.clock.wallMs());
  }

  /** The entries that a list or a deletecollection covers. */
  select(target: Target, request: CoreRequest): Entry[] {
    const matches = selectorOf(target, request);
    const entries = this.#options.storage.collection(target.resource.collection).scan(keyPrefixOf(target));
    return matches === undefined ? entries : entries.filter((entry) => matches(entry.object));
  }

  #open(
    target: Target,
    request: CoreRequest,
    representation: Representation,
    matches: ObjectPredicate | undefined,
    position: number,
  ): Watch {
    const { storage, clock, randomness, bookmarkIntervalMs } = this.#options;
    const timeoutSeconds = Number(request.query?.timeoutSeconds ?? 0);
    const watch = new Watch({
      clock,
      representation,
      keyPrefix: keyPrefixOf(target),
      matches,
      // `sendInitialEvents=false` without a resourceVersion begins with what happens next.
      position: position === 0 ? storage.revision : position,
      timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1_000 : LEAST_WATCH_MS * (1 + randomness.next()),
      bookmarkIntervalMs: bookmarksWanted(request) ? bookmarkIntervalMs : undefined,
      currentRevision: () => storage.revision,
      ended: () => {
        silence();
        this.#watches.delete(watch);
      },
    });
    const silence = storage.listen(target.resource.collection, (change) => watch.sendChange(change));
    this.#watches.add(watch);
    return watch;
  }

  #page(target: Target, request: CoreRequest): { entries: Entry[]; metadata: ListMetadata } {
    const { storage } = this.#options;
    const query = request.query ?? {};
    const matches = selectorOf(target, request);
    const limit = pageLimit(target, query);
    const page = this.#pageStart(query, limit);
    const prefix = keyPrefixOf(target);
    const collection = storage.collection(target.resource.collection);
    const all = page.revision === undefined ? collection.scan(prefix) : collection.scanAt(page.revision, prefix);
    const revision = page.revision ?? storage.revision;
    if (all === undefined) throw compacted(page);
    const from = page.startKey === "" ? 0 : all.findIndex((entry) => entry.key.slice(prefix.length) >= page.startKey);
    const rest = from === -1 ? [] : all.slice(from);
    const { entries, last, left } = take(rest, matches, limit);
    if (last === undefined) return { entries, metadata: { resourceVersion: String(revision) } };
    const token = continueToken({ revision, startKey: `${last.key.slice(prefix.length)}\0` });
    // With a selector the server would have to look at every object to know how many are left.
    const count = matches === undefined ? { remainingItemCount: left } : {};
    return { entries, metadata: { resourceVersion: String(revision), continue: token, ...count } };
  }

  #pageStart(query: Readonly<Record<string, string>>, limit: number): Page {
    const { storage } = this.#options;
    const asked = parseRevision(query.resourceVersion, "list");
    if (query.continue !== undefined && query.continue !== "") {
      if (asked > 0) throw badRequest("specifying resource version is not allowed when using continue");
      return parseContinueToken(query.continue);
    }
    if (asked > storage.revision) throw tooLargeResourceVersion(asked, storage.revision);
    const match = query.resourceVersionMatch;
    // A limit with a resourceVersion and no rule for it has always meant exactly that version.
    const exact = match === "Exact" || (match === undefined && limit > 0 && asked > 0);
    return { revision: exact ? asked : undefined, startKey: "" };
  }
}

function take(
  rest: readonly Entry[],
  matches: ObjectPredicate | undefined,
  limit: number,
): { entries: Entry[]; last: Entry | undefined; left: number } {
  const entries: Entry[] = [];
  let last: Entry | undefined;
  for (const [index, entry] of rest.entries()) {
    if (matches !== undefined && !matches(entry.object)) continue;
    if (limit > 0 && entries.length === limit) return { entries, last, left: rest.length - index };
    entries.push(entry);
    last = entry;
  }
  return { entries, last: undefined, left: 0 };
}

const bookmarksWanted = (request: CoreRequest): boolean =>
  request.query?.allowWatchBookmarks !== undefined && isTrue(request.query.allowWatchBookmarks);

function compacted(page: Page): Error {
  if (page.startKey === "") return expired("The resourceVersion for the provided list is too old.");
  const message =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the" +
    " continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing" +
    " with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the" +
    " time the first chunk was returned and now may show up in the list.";
  return expired(message, continueToken({ revision: undefined, startKey: page.startKey }));
}

/** A list of "any version" comes from the watch cache in one piece, whatever the limit; Events have no such cache. */
function pageLimit(target: Target, query: Readonly<Record<string, string>>): number {
  const limit = parseLimit(query.limit);
  const anyVersion = query.resourceVersion === "0" && (query.resourceVersionMatch ?? "NotOlderThan") === "NotOlderThan";
  return anyVersion && target.resource.collection !== EVENTS ? 0 : limit;
}

function parseLimit(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

const unknownField =
  (resource: Named) =>
  (field: string): Error => {
    if (resource.plural !== "events" && resource.plural !== "pods") {
      return badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
    }
    return badRequest(`field label not supported: ${field}`);
  };

/** The predicate of a request's selectors and, for a watch of one object, its name. */
function selectorOf(target: Target, request: CoreRequest): ObjectPredicate | undefined {
  const labels = parseLabelSelector(request.query?.labelSelector);
  const requirements = parseFieldSelector(request.query?.fieldSelector);
  if (target.name !== undefined) requirements.push({ field: "metadata.name", value: target.name, equal: true });
  const fields = fieldPredicate(requirements, target.resource.fields, unknownField(target.resource));
  if (labels === undefined) return fields;
  const none = {};
  return (object) => labels(object.metadata.labels ?? none) && (fields === undefined || fields(object));
}
