import { z } from "zod";
import { nearest } from "../../config/near-miss.ts";
import type { PlanMember } from "../../placement/fleet.ts";
import type { PlanOptions, PlanShard } from "../../placement/standing.ts";
import { ElectorateError, messageOf } from "../../runtime/errors.ts";

/** What `electorate plan` is asked: the document's shape, its defaults, and every problem that one may have. */
export interface PlanQuestion {
  readonly members: readonly PlanMember[];
  readonly shards: readonly PlanShard[];
  readonly holders: ReadonlyMap<string, string>;
  readonly options: PlanOptions;
}

const MOST_WEIGHT = 1_000_000;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function wanted(description: string) {
  return ({ input }: { readonly input?: unknown }): string =>
    input === undefined ? `is missing: give ${description}` : `must be ${description}, but is ${shown(input)}`;
}

const name = (what: string) =>
  z.string({ error: wanted(`the ${what}, a string`) }).min(1, { error: `is empty: give the ${what}` });

const flag = z.boolean({ error: wanted("true or false") });

function whole(what: string, remedy = "") {
  const error = wanted(`${what}, a whole number from 1 to ${MOST_WEIGHT}${remedy}`);
  return z.number({ error }).int({ error }).min(1, { error }).max(MOST_WEIGHT, { error });
}

const INSTANT = "a time such as 2026-01-01T00:00:00Z, or Unix milliseconds";

const instant = z.union([z.number(), z.string()], { error: wanted(INSTANT) }).transform((value, context) => {
  const ms = typeof value === "number" ? value : Date.parse(value);
  if (Number.isFinite(ms)) return ms;
  context.addIssue({ code: "custom", message: `must be ${INSTANT}, but is ${shown(value)}` });
  return z.NEVER;
});

const memberSchema = z.strictObject(
  {
    id: name("id of the member"),
    state: z.enum(["ready", "cordoned", "draining"], { error: wanted("ready, cordoned or draining") }).default("ready"),
    weight: whole("the weight", "; cordon a member that is to get nothing").default(1),
    zone: z.string({ error: wanted("the name of a zone") }).default(""),
    version: z.string({ error: wanted("the name of a version") }).default(""),
    createdAt: instant.default(0),
    resources: z.array(name("name of a resource"), { error: wanted("a list of resources; left out: all") }).optional(),
    seen: flag.default(true),
    understood: flag.default(true),
    probation: flag.default(false),
  },
  { error: wanted('a member such as { "id": "a" }') },
);

const shardSchema = z.strictObject(
  {
    id: name("id of the shard"),
    resource: name("resource of the shard"),
    weight: whole("the weight").default(1),
  },
  { error: wanted('a shard such as { "id": "pods-00", "resource": "pods" }') },
);

const byShard = (what: string) =>
  z.record(z.string(), z.string({ error: wanted(`the id of a member`) }).nullable(), {
    error: wanted(`a map from shard to ${what}`),
  });

const questionSchema = z.strictObject(
  {
    members: z.array(memberSchema, { error: wanted("a list of members") }),
    shards: z.array(shardSchema, { error: wanted("a list of shards") }),
    holders: byShard("holder").default({}),
    pins: byShard("member").default({}),
    cooldown: z.array(name("id of a shard"), { error: wanted("a list of shards") }).default([]),
    freeze: flag.default(false),
    rolloutOver: flag.default(false),
    respread: whole("the pairs that an extra move must remove", "; leave it out for no such moves")
      .nullable()
      .optional(),
  },
  { error: wanted("a map with members, shards and holders") },
);

type Input = z.output<typeof questionSchema>;

const KEYS: Readonly<Record<string, readonly string[]>> = {
  members: Object.keys(memberSchema.shape),
  shards: Object.keys(shardSchema.shape),
  "": Object.keys(questionSchema.shape),
};

/**
 * Reads one document. `source` stands in messages.
 * @throws ElectorateError `invalid-configuration` with every problem, each as `source path: what is wrong and the remedy`.
 */
export function parseQuestion(text: string, source: string): PlanQuestion {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new ElectorateError("invalid-configuration", `${source} is not a JSON document: ${messageOf(error)}`);
  }
  const parsed = questionSchema.safeParse(data);
  if (!parsed.success) throw refusal(source, parsed.error.issues.flatMap(sentences));
  const problems = contradictions(parsed.data);
  if (problems.length > 0) throw refusal(source, problems);
  return questionOf(parsed.data);
}

function refusal(source: string, problems: readonly string[]): ElectorateError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((problem) => `${source} ${problem}`).join("\n");
  return new ElectorateError("invalid-configuration", `${source} has ${count}:\n${lines}`);
}

function sentences(issue: z.core.$ZodIssue): readonly string[] {
  const path = pathText(issue.path);
  if (issue.code !== "unrecognized_keys") return [path === "" ? issue.message : `${path}: ${issue.message}`];
  const keys = KEYS[String(issue.path[0] ?? "")] ?? [];
  return issue.keys.map((key) => {
    const meant = nearest(key, keys);
    const hint = meant === undefined ? "remove it" : `did you mean "${meant}"?`;
    return `${pathText([...issue.path, key])}: is not a key that is known here; ${hint} (keys here: ${keys.join(", ")})`;
  });
}

/** `members[3].weight`, `holders["pods-00"]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      const text = String(part);
      if (!/^\w+$/.test(text)) return `[${JSON.stringify(text)}]`;
      return index === 0 ? text : `.${text}`;
    })
    .join("");
}

/** What is wrong although each value alone is right. A holder or a pin may name a member that is gone; a shard must exist. */
function contradictions({ members, shards, holders, pins, cooldown }: Input): readonly string[] {
  const known = new Set(shards.map(({ id }) => id));
  const named = [
    ...Object.keys(holders).map((shard) => ({ path: ["holders", shard], shard })),
    ...Object.keys(pins).map((shard) => ({ path: ["pins", shard], shard })),
    ...cooldown.map((shard, index) => ({ path: ["cooldown", index], shard })),
  ];
  return [
    ...repeated("members", members),
    ...repeated("shards", shards),
    ...named.flatMap(({ path, shard }) => {
      if (known.has(shard)) return [];
      const meant = nearest(shard, known);
      const hint = meant === undefined ? "add it to shards, or remove it here" : `did you mean "${meant}"?`;
      return [`${pathText(path)}: names "${shard}", which is not among shards; ${hint}`];
    }),
  ];
}

function repeated(list: string, entries: readonly { readonly id: string }[]): readonly string[] {
  const first = new Map<string, number>();
  return entries.flatMap(({ id }, index) => {
    const before = first.get(id);
    if (before === undefined) {
      first.set(id, index);
      return [];
    }
    return [`${list}[${index}].id: is "${id}", as ${list}[${before}] is; ids are unique, so rename or remove one`];
  });
}

function questionOf({ members, shards, holders, pins, cooldown, freeze, rolloutOver, respread }: Input): PlanQuestion {
  return {
    members: members.map(({ createdAt, resources, ...member }) => ({
      ...member,
      createdAtMs: createdAt,
      resources: resources === undefined ? undefined : new Map(resources.map((resource) => [resource, ""])),
    })),
    shards,
    holders: named(holders),
    options: {
      pins: named(pins),
      cooldown: new Set(cooldown),
      freeze,
      rolloutOver,
      respread: respread ?? undefined,
    },
  };
}

/** null and "" are what a Lease that nobody holds says. */
function named(entries: Readonly<Record<string, string | null>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(entries).flatMap(([shard, member]) => (member === null || member === "" ? [] : [[shard, member]])),
  );
}
