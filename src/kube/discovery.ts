import type { Clock } from "../runtime/clock.ts";
import { hasCode } from "../runtime/errors.ts";
import { answerError, isRecord, isSuccess, malformed, parseJson } from "./answer.ts";
import type { ApiResource } from "./api.ts";
import { type Catalogue, type CatalogueEntry, findResource } from "./resource-catalogue.ts";
import type { Transport } from "./transport.ts";

/**
 * Asks the API server what resources it has: two requests where it offers aggregated discovery, else one for each group
 * version. A group whose own server is down is left out and named, and does not hide the others.
 */

const AGGREGATED = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .concat("application/json")
  .join(", ");

/** A name that was not found is asked for again at most this often: a resource definition may be installed later. */
const ASK_AGAIN_MS = 5_000;

/** The deadline is that of each request of a discovery. */
export interface DiscoveryOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Finds resources by name and remembers what the server has. */
export class Discovery {
  readonly #transport: Transport;
  readonly #clock: Clock;
  #known: { readonly catalogue: Catalogue; readonly atMs: number } | undefined;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Finds a resource by any name that kubectl takes. Throws `invalid-configuration` with near misses, or what the server answered. */
  async find(name: string, options: DiscoveryOptions): Promise<ApiResource> {
    const known = this.#known;
    if (known !== undefined) {
      try {
        return findResource(known.catalogue, name);
      } catch (error) {
        if (this.#clock.monotonicMs() - known.atMs < ASK_AGAIN_MS) throw error;
      }
    }
    const catalogue = await this.#read(options);
    this.#known = { catalogue, atMs: this.#clock.monotonicMs() };
    return findResource(catalogue, name);
  }

  async #read(options: DiscoveryOptions): Promise<Catalogue> {
    const parts = await Promise.all([this.#readRoot("/api", options), this.#readRoot("/apis", options)]);
    return { entries: parts.flatMap(({ entries }) => entries), broken: parts.flatMap(({ broken }) => broken) };
  }

  async #readRoot(path: string, options: DiscoveryOptions): Promise<Catalogue> {
    let root: unknown;
    try {
      root = await this.#get(path, AGGREGATED, options);
    } catch (error) {
      // A server without a core group, or without any other, is a server all the same.
      if (hasCode(error, "not-found")) return { entries: [], broken: [] };
      throw error;
    }
    if (!isRecord(root)) throw malformed(`GET ${path}`, "the answer is not an object");
    if (root.kind === "APIGroupDiscoveryList") return readAggregated(root);
    return this.#readEach(groupVersionsOf(root), options);
  }

  async #readEach(groupVersions: readonly GroupVersion[], options: DiscoveryOptions): Promise<Catalogue> {
    const entries: CatalogueEntry[][] = [];
    const broken: string[] = [];
    await Promise.all(
      groupVersions.map(async (groupVersion, index) => {
        const { group, version } = groupVersion;
        try {
          const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
          entries[index] = readResourceList(await this.#get(path, "application/json", options), groupVersion);
        } catch (error) {
          if (hasCode(error, "aborted")) throw error;
          broken.push(`${group}/${version}`);
        }
      }),
    );
    return { entries: entries.flat(), broken };
  }

  async #get(path: string, accept: string, options: DiscoveryOptions): Promise<unknown> {
    const answer = await this.#transport.request({ method: "GET", path, accept, ...options });
    if (!isSuccess(answer.status)) throw answerError(answer, `GET ${path}`, this.#clock.wallMs());
    return parseJson(answer.body, `GET ${path}`);
  }
}

interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

/** Of `APIVersions` (core) or `APIGroupList`, each group's preferred version first. */
function groupVersionsOf(root: Readonly<Record<string, unknown>>): GroupVersion[] {
  if (Array.isArray(root.versions)) return texts(root.versions).map((version) => ({ group: "", version }));
  return records(root.groups).flatMap((group) => {
    const name = textOf(group.name);
    const preferred = isRecord(group.preferredVersion) ? textOf(group.preferredVersion.version) : "";
    const versions = records(group.versions).map((version) => textOf(version.version));
    const ordered = [preferred, ...versions.filter((version) => version !== preferred)];
    return ordered.filter((version) => version !== "").map((version) => ({ group: name, version }));
  });
}

function readAggregated(list: Readonly<Record<string, unknown>>): Catalogue {
  const entries: CatalogueEntry[] = [];
  const broken: string[] = [];
  for (const item of records(list.items)) {
    const group = isRecord(item.metadata) ? textOf(item.metadata.name) : "";
    for (const offered of records(item.versions)) {
      const version = textOf(offered.version);
      // A stale entry may still list what the group had; it is used, and an unknown name says that the group is in doubt.
      if (offered.freshness === "Stale") broken.push(`${group}/${version}`);
      for (const resource of records(offered.resources)) {
        const responseKind = isRecord(resource.responseKind) ? textOf(resource.responseKind.kind) : "";
        entries.push({
          group,
          version,
          plural: textOf(resource.resource),
          kind: responseKind,
          namespaced: resource.scope === "Namespaced",
          singular: textOf(resource.singularResource) || responseKind.toLowerCase(),
          shortNames: texts(resource.shortNames),
        });
      }
    }
  }
  return { entries, broken };
}

function readResourceList(list: unknown, { group, version }: GroupVersion): CatalogueEntry[] {
  const resources = isRecord(list) ? records(list.resources) : [];
  return resources
    .filter((resource) => !textOf(resource.name).includes("/"))
    .map((resource) => ({
      group,
      version,
      plural: textOf(resource.name),
      kind: textOf(resource.kind),
      namespaced: resource.namespaced === true,
      singular: textOf(resource.singularName) || textOf(resource.kind).toLowerCase(),
      shortNames: texts(resource.shortNames),
    }));
}

function records(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
