import { z } from "zod";
import { MOST_BUCKETS } from "../placement/key-map.ts";
import { parseListenAddress } from "./address.ts";
import { parseDuration, unitless } from "./duration.ts";
import { handlerProblem, labelProblem, resourceProblem } from "./fields.ts";
import { fieldSelectorProblem, labelSelectorProblem } from "./selectors.ts";

/**
 * The shape of `electorate.yaml`: every key, its default, and what one value alone can get wrong. What values must hold
 * together is in `relations.ts`. A message never names its path; the caller puts file, line and path before it.
 */

const MOST_WORKERS = 1_000;
/** More than any move can remove: it switches such moves off as well as leaving the key out does. */
const MOST_PAIRS = 1_000;
const MOST_WEIGHT = 1_000;
const LONGEST_TRAIT = 253;

/** Serves nothing when given as `http.address`. */
export const NO_ADDRESS = "none";

/** What to say when a value is missing or of another type. */
function wanted(description: string) {
  return (issue: { readonly input?: unknown }): string =>
    issue.input === undefined
      ? `is required: give ${description}`
      : `must be ${description}, but is ${described(issue.input)}`;
}

/** A value as a message shows it: short, with its type where that is the mistake. */
function described(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return `the string "${value.slice(0, 60)}"`;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? `the ${typeof value} ${value}`
    : `of type ${typeof value}`;
}

function text(description: string, problemOf: (value: string) => string | undefined) {
  return z.string({ error: wanted(description) }).superRefine((value, context) => {
    const problem = problemOf(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

function duration(example: string) {
  return z
    .string({
      error: (issue) =>
        typeof issue.input === "number" ? unitless(issue.input) : wanted(`a duration such as ${example}`)(issue),
    })
    .transform((value, context) => {
      const parsed = parseDuration(value);
      if (typeof parsed === "number") return parsed;
      context.addIssue({ code: "custom", message: parsed.problem });
      return z.NEVER;
    });
}

function wholeNumber(most: number, what: string) {
  const description = `a whole number of ${what} from 1 to ${most}`;
  return z.number({ error: wanted(description) }).superRefine((value, context) => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return;
    context.addIssue({ code: "custom", message: `must be ${description}, but is ${value}` });
  });
}

/** What a member says of itself in an annotation. */
function trait(description: string) {
  return text(description, (value) => {
    if (value.trim() === "") return "is empty; leave the key out to have it from the environment";
    if (value.length <= LONGEST_TRAIT) return undefined;
    return `must be at most ${LONGEST_TRAIT} characters, but has ${value.length}; choose a shorter one`;
  });
}

const leaseSchema = z.strictObject(
  {
    duration: duration("15s")
      .prefault("15s")
      .describe("How long a Lease stands after its last change was seen; whole seconds."),
    renewDeadline: duration("10s")
      .prefault("10s")
      .describe("How long a holder acts after it sent its last acknowledged renewal."),
    retryPeriod: duration("2s").prefault("2s").describe("Time between two renewals of one Lease."),
    clockRatio: z
      .number({ error: wanted("a number such as 1.25") })
      .default(1.25)
      .describe("The worst ratio of two replicas' clock rates that is survived."),
    renewal: z
      .enum(["per-shard", "per-member"], { error: wanted('"per-shard" or "per-member"') })
      .default("per-shard")
      .describe("Which Leases are renewed: each shard's, or only the member's, for hundreds of shards and more."),
    proofOfDeath: z
      .boolean({ error: wanted("true or false") })
      .default(false)
      .describe("Whether the Pod of a dead member may prove its death before its Lease has expired."),
    static: z
      .boolean({ error: wanted("true or false") })
      .default(false)
      .describe("Whether shard Leases are made by somebody else: replicas then never create or delete one."),
  },
  { error: wanted("a map with duration, renewDeadline, retryPeriod, clockRatio, renewal, proofOfDeath and static") },
);

const httpSchema = z.strictObject(
  {
    address: text('an address such as "0.0.0.0:8080"', (value) => {
      if (value === NO_ADDRESS) return undefined;
      const parsed = parseListenAddress(value);
      return "problem" in parsed
        ? `${parsed.problem}; use "0.0.0.0:8080", or "${NO_ADDRESS}" to serve nothing`
        : undefined;
    })
      .default("0.0.0.0:8080")
      .describe("Where /livez, /readyz and /metrics are served."),
    authorizeMetrics: z
      .boolean({ error: wanted("true or false") })
      .default(false)
      .describe("Whether /metrics is for those alone whom the API server, asked about their token, lets get it."),
  },
  { error: wanted("a map with address and authorizeMetrics") },
);

const nonEmpty = (value: string): string | undefined => (value.trim() === "" ? "is empty; remove it" : undefined);
const FILE = text("the name of a file, relative to this YAML", nonEmpty);

const tlsSchema = z.strictObject(
  {
    caFile: FILE.optional().describe("PEM file of the authorities to trust. Left out: Node's own."),
    certFile: FILE.optional().describe("PEM file of a client certificate."),
    keyFile: FILE.optional().describe("PEM file of its key."),
    serverName: text("a host name", nonEmpty).optional().describe("Left out: the host of the address."),
  },
  { error: wanted("a map with caFile, certFile, keyFile and serverName, {} for TLS as it is by default") },
);

const redisSchema = z.strictObject(
  {
    addresses: z
      .array(text("an address such as redis:6379", nonEmpty), {
        error: wanted("a list of addresses such as [redis:6379]"),
      })
      .describe("host:port of the server; of the sentinels, or of some nodes of a cluster."),
    sentinelMaster: text("the name of a master", nonEmpty)
      .optional()
      .describe("Set when the addresses are of sentinels."),
    cluster: z
      .boolean({ error: wanted("true or false") })
      .default(false)
      .describe("True for a Redis Cluster."),
    database: z.number({ error: wanted("a number such as 0") }).default(0),
    username: text("the name of a user", nonEmpty).optional().describe("ACL user."),
    passwordFile: FILE.optional().describe("Holds the password alone; read again at every connect."),
    sentinelPasswordFile: FILE.optional().describe("The same for the sentinels."),
    tls: tlsSchema.optional().describe("Left out: no TLS."),
  },
  { error: wanted("a map with addresses") },
);

const queueSchema = z.strictObject(
  {
    driver: z
      .enum(["memory", "bull"], { error: wanted('"memory" or "bull"') })
      .default("memory")
      .describe("Where the work queues are: memory, or Redis by bull."),
    clusterId: text("a name", nonEmpty)
      .optional()
      .describe("Names the cluster where the uid of the namespace kube-system may not be read."),
    redis: redisSchema.optional().describe("How to reach Redis; for driver bull."),
  },
  { error: wanted("a map with driver") },
);

const namespacesSchema = z
  .array(
    text("the name of a namespace", (value) => labelProblem("namespace", value)),
    { error: wanted("a list of namespaces") },
  )
  .superRefine((names, context) => {
    if (names.length === 0)
      context.addIssue({ code: "custom", message: "is an empty list; name a namespace, or leave the key out for all" });
    names.forEach((name, index) => {
      if (names.indexOf(name) === index) return;
      context.addIssue({ code: "custom", path: [index], message: `names "${name}" again; remove it` });
    });
  });

const resourceSchema = z.strictObject(
  {
    resource: text("the plural name of a resource such as configmaps", resourceProblem).describe(
      "plural[.group][/version], found by discovery.",
    ),
    namespaces: namespacesSchema.optional().describe("Left out: all namespaces."),
    labelSelector: text("a label selector such as app=shop", labelSelectorProblem).optional(),
    fieldSelector: text("a field selector such as metadata.name=shop", fieldSelectorProblem).optional(),
    metadataOnly: z
      .boolean({ error: wanted("true or false") })
      .default(false)
      .describe("Caches metadata only; handlers then see no spec and no status."),
    buckets: wholeNumber(MOST_BUCKETS, "buckets")
      .default(1)
      .describe("Shards of this resource, each with a Lease of its own."),
    workers: wholeNumber(MOST_WORKERS, "workers").default(1).describe("Keys of one shard that are worked on at once."),
    handler: text("a module and its export such as ./handlers.ts#reconcileConfigMap", handlerProblem).describe(
      "module#export, the module's path relative to this file.",
    ),
  },
  { error: wanted("a map with resource and handler") },
);

export const configurationSchema = z.strictObject(
  {
    coordinator: text("a name such as shop", (value) => labelProblem("coordinator name", value)).describe(
      "Prefix of every Lease.",
    ),
    namespace: text("the name of a namespace", (value) => labelProblem("namespace", value))
      .optional()
      .describe("Namespace of the Leases. Left out: the pod's own, or that of the kubeconfig's context."),
    lease: leaseSchema.prefault({}),
    drainTimeout: duration("20s")
      .prefault("20s")
      .describe("How long keys in work may go on after their shard stopped taking new ones."),
    shutdownTimeout: duration("25s").prefault("25s").describe("How long a stop may take in all."),
    onOverrun: z
      .enum(["exit", "report"], { error: wanted('"exit" or "report"') })
      .default("exit")
      .describe("What happens when work outlives its Lease: exit ends the process, report only says so."),
    leaderElection: z
      .enum(["shards", "none"], { error: wanted('"shards" or "none"') })
      .default("shards")
      .describe("none uses no Lease at all: this replica works on everything."),
    rolloutWindow: duration("10m")
      .prefault("10m")
      .describe("How long members of two versions may be alive together before shards are spread over both."),
    respread: wholeNumber(MOST_PAIRS, "pairs of buckets")
      .optional()
      .describe("Pairs on one member that a move for the sake of the spread must remove. Left out: no such moves."),
    http: httpSchema.prefault({}),
    weight: wholeNumber(MOST_WEIGHT, "shares")
      .default(1)
      .describe("Share of the load that this replica is to carry beside others."),
    zone: trait("the name of a zone such as eu-1a")
      .optional()
      .describe("Where it runs: buckets of one resource are spread over zones. Left out: ELECTORATE_ZONE."),
    version: trait("the name of a release such as v1.4.2")
      .optional()
      .describe(
        "Which release it runs: while two are alive, shards move to the newer only. Left out: POD_TEMPLATE_HASH.",
      ),
    queue: queueSchema.prefault({}),
    resources: z.array(resourceSchema, { error: wanted("a list of resources") }).superRefine((resources, context) => {
      if (resources.length === 0)
        context.addIssue({ code: "custom", message: "is an empty list; name at least one resource with its handler" });
    }),
  },
  { error: wanted("a map with coordinator and resources") },
);

export type ConfigurationInput = z.output<typeof configurationSchema>;

/** Schemas of the values that relations compare, by path, so that one wrong value does not hide a wrong relation elsewhere. */
export const fieldSchemas = configurationSchema.shape;
export const resourceFieldSchemas = resourceSchema.shape;

/** The JSON Schema of the YAML, for editors and for the chart. */
export function configurationJsonSchema(): object {
  return z.toJSONSchema(configurationSchema, { io: "input" });
}

/** Every key that may stand anywhere, as `parent` path pattern to names: what near misses are looked for in. */
export const KNOWN_KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ["", Object.keys(configurationSchema.shape)],
  ["lease", Object.keys(leaseSchema.shape)],
  ["http", Object.keys(httpSchema.shape)],
  ["queue", Object.keys(queueSchema.shape)],
  ["queue.redis", Object.keys(redisSchema.shape)],
  ["queue.redis.tls", Object.keys(tlsSchema.shape)],
  ["resources[]", Object.keys(resourceSchema.shape)],
]);
