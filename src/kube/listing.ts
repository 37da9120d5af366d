import type { Clock } from "../runtime/clock.ts";
import { ElectorateError, hasCode } from "../runtime/errors.ts";
import { answerError, isSuccess, type ListPage, parseListPage } from "./answer.ts";
import type { ApiResource, KubernetesObject, Selection } from "./api.ts";
import { collectionPath, selectionQuery } from "./request-path.ts";
import type { Transport } from "./transport.ts";

/**
 * A whole list, page by page, all of one moment.
 *
 * A list is never read from a cache that may be old: without a resourceVersion the server answers with what is true now.
 * When the continue token expires between two pages, the list is read once more from its beginning, then in one piece,
 * so that it cannot expire again.
 */

/** What to list. */
export interface Listing {
  readonly resource: ApiResource;
  readonly selection: Selection;
  /** Of each page. */
  readonly deadlineMs: number;
  /** Monotonic time by which the whole list must be there; none when left out. */
  readonly untilMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Objects per page. Default 500. */
  readonly pageSize?: number | undefined;
  readonly accept?: string | undefined;
  /** Applied to each object as soon as its page is there, so that what it drops is never kept. */
  readonly transform?: ((object: KubernetesObject) => KubernetesObject) | undefined;
}

/** All objects of one moment, and that moment. */
export interface Listed {
  readonly objects: KubernetesObject[];
  readonly resourceVersion: string;
}

/** Accept header for metadata alone; a server that cannot do it sends whole objects. */
export const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json";
/** The same for a watch. */
export const METADATA_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json";

/** Throws the error of the first page that failed. */
export async function listAll(transport: Transport, clock: Clock, listing: Listing): Promise<Listed> {
  try {
    return await listPages(transport, clock, listing, listing.pageSize ?? 500);
  } catch (error) {
    if (!(error instanceof ExpiredToken)) throw error;
  }
  return listPages(transport, clock, listing, undefined);
}

/** The list has changed too much since its first page. */
class ExpiredToken extends ElectorateError {}

async function listPages(
  transport: Transport,
  clock: Clock,
  listing: Listing,
  limit: number | undefined,
): Promise<Listed> {
  const objects: KubernetesObject[] = [];
  let page = await readPage(transport, clock, listing, limit, "");
  const { resourceVersion } = page;
  for (;;) {
    for (const object of page.objects)
      objects.push(listing.transform === undefined ? object : listing.transform(object));
    if (page.continueToken === "") return { objects, resourceVersion };
    page = await readPage(transport, clock, listing, limit, page.continueToken);
  }
}

async function readPage(
  transport: Transport,
  clock: Clock,
  listing: Listing,
  limit: number | undefined,
  continueToken: string,
): Promise<ListPage> {
  const path = collectionPath(listing.resource, listing.selection.namespace);
  const query = selectionQuery(listing.selection);
  if (limit !== undefined) query.limit = String(limit);
  if (continueToken !== "") query.continue = continueToken;
  const answer = await transport.request({
    method: "GET",
    path,
    query,
    deadlineMs: Math.min(
      listing.deadlineMs,
      Math.max(1, (listing.untilMs ?? Number.POSITIVE_INFINITY) - clock.monotonicMs()),
    ),
    ...(listing.accept === undefined ? {} : { accept: listing.accept }),
    ...(listing.signal === undefined ? {} : { signal: listing.signal }),
  });
  const what = `list ${path}`;
  if (isSuccess(answer.status)) {
    const page = parseListPage(answer.body, what);
    if (page.continueToken === "" || page.continueToken !== continueToken) return page;
    throw new ElectorateError(
      "malformed-answer",
      `${what}: the server answers a continue token with the same token, so the list would never end`,
    );
  }
  const error = answerError(answer, what, clock.wallMs());
  if (continueToken === "" || !hasCode(error, "gone")) throw error;
  throw new ExpiredToken("gone", error.message, { status: answer.status });
}
