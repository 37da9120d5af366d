import { z } from "zod";
import { parseListenAddress } from "./address.ts";
import { labelProblem } from "./fields.ts";
import { ownedSchema, ownsEntry, resourceSchema, watchedSchema } from "./resource-schema.ts";
import { duration, text, wanted, wholeNumber } from "./values.ts";

/**
 * The shape of `electorate.yaml`: every key, its default, and what one value alone can get wrong. What values must hold
 * together is in `relations.ts`. A message never names its path; the caller puts file, line and path before it.
 */

/** More than any move can remove: it switches such moves off as well as leaving the key out does. */
const MOST_PAIRS = 1_000;
const MOST_WEIGHT = 1_000;
const LONGEST_TRAIT = 253;

/** Serves nothing when given as `http.address`. */
export const NO_ADDRESS = "none";

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
  return z.toJSONSchema(configurationSchema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== ownsEntry) return;
      const map = { ...jsonSchema };
      for (const field of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, field);
      jsonSchema.anyOf = [{ type: "string" }, map];
    },
  });
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
  ["resources[].owns[]", Object.keys(ownedSchema.shape)],
  ["resources[].watches[]", Object.keys(watchedSchema.shape)],
]);
