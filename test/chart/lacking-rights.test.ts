/** Each right that the chart gives is taken away in turn: what is said then, and that giving it back is enough. */
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { createObjects, leasesOf } from "../support/cluster-objects.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../support/control-plane.ts";
import { say } from "../support/integration.ts";
import { leasesPath } from "../support/lease-history.ts";
import { Fleet, type ReplicaProcess, SHORT_LEASE, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { requireTools } from "../support/tools.ts";
import { ownersOf } from "../support/transitions.ts";
import { msBetween, until } from "../support/waiting.ts";
import { FULL_NAME, Release } from "./release.ts";

const BOUND_MS = 60_000;
const SHARDS = 2;
const OBJECTS = 8;

/** It needs each right on its kind, beside those of the program. */
const GREETER = `
export async function reconcile(request, { object, client }) {
  if (object === undefined) return;
  const { metadata } = await client.get(request, { fresh: true });
  if (metadata.annotations?.greeted === "yes") return;
  await client.patch(request, { metadata: { annotations: { greeted: "yes" } } }, { of: object });
}
`;

interface Lack {
  /** The `trouble` of the line that names the right. */
  readonly trouble: string | undefined;
  /** A Lease of one of our names without our labels: it has to be read and labelled. */
  readonly unlabelled?: boolean;
  /** It is needed only when a replica stops. */
  readonly atStop?: boolean;
}

/** What is said without each right, by `<verb> <resource>`. */
const LACKS: Readonly<Record<string, Lack>> = {
  "list leases": { trouble: "lease-names" },
  "watch leases": { trouble: "lease-feed" },
  "create leases": { trouble: "member-write" },
  "update leases": { trouble: "member-write" },
  "get leases": { trouble: "lease-read", unlabelled: true },
  "patch leases": { trouble: "lease-label", unlabelled: true },
  "delete leases": { trouble: "member-remove", atStop: true },
  "create events": { trouble: "event-write" },
  "list configmaps": { trouble: "source of configmaps" },
  "watch configmaps": { trouble: "source of configmaps" },
  // What handlers do is theirs to name: the line of the failed key has the answer.
  "get configmaps": { trouble: undefined },
  "patch configmaps": { trouble: undefined },
};

const roleSchema = z.object({
  metadata: z.looseObject({ name: z.string() }),
  rules: z.array(z.looseObject({ resources: z.array(z.string()), verbs: z.array(z.string()) })),
});
const rolesSchema = z.object({ items: z.array(roleSchema) });
type Role = z.output<typeof roleSchema>;

let plane: ControlPlane;
beforeAll(async () => {
  if (controlPlaneMissing() === undefined) plane = await startControlPlane();
});
afterAll(() => plane?.stop());
beforeEach((context) => {
  requireControlPlane(context);
  requireTools(context, "helm");
});

const MODES = ["dynamic", "static"] as const;
type Mode = (typeof MODES)[number];

function values(within: string, mode: Mode): object {
  const fieldSelector = `metadata.name!=${FULL_NAME}`;
  return {
    handlers: GREETER,
    resources: [{ resource: "configmaps", namespaces: [within], buckets: SHARDS, verbs: ["patch"], fieldSelector }],
    lease: { ...SHORT_LEASE, static: mode === "static" },
    drainTimeout: "3s",
    shutdownTimeout: "6s",
  };
}

class Lacking {
  readonly within: string;
  readonly mode: Mode;
  readonly fleet = new Fleet();
  readonly #release: Release;

  constructor(within: string, mode: Mode) {
    this.within = within;
    this.mode = mode;
    this.#release = new Release(plane, within);
  }

  async install(): Promise<void> {
    await plane.namespace(this.within);
    expect(await this.#release.install(values(this.within, this.mode))).toMatchObject({ code: 0 });
    for (const [file, text] of Object.entries(await this.#release.files())) this.fleet.write(file, text);
  }

  async start(name: string): Promise<ReplicaProcess> {
    const { kubeconfigPath } = await this.#release.kubeconfigOf(name);
    const config = join(this.fleet.folder, "electorate.yaml");
    const own = ["--identity", name, "--http-address", "127.0.0.1:0"];
    return this.fleet.startRaw(name, ["run", "--config", config, "--kubeconfig", kubeconfigPath, ...own]);
  }

  async roles(): Promise<readonly Role[]> {
    return rolesSchema.parse(JSON.parse(await plane.must("GET", rolesPath(this.within)))).items;
  }

  /** Takes one verb away; answers how it is given back. */
  async takeAway(verb: string, resource: string): Promise<() => Promise<void>> {
    const role = (await this.roles()).find(({ rules }) => rules.some((rule) => gives(rule, verb, resource)));
    if (role === undefined) throw new Error(`no role gives ${verb} on ${resource}`);
    const path = `${rolesPath(this.within)}/${role.metadata.name}`;
    const rules = role.rules
      .map((rule) =>
        gives(rule, verb, resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
      )
      .filter(({ verbs }) => verbs.length > 0);
    const set = async (next: unknown): Promise<void> => void (await plane.must("PATCH", path, { rules: next }));
    await set(rules);
    return () => set(role.rules);
  }

  /** Leaves the Lease of a shard without our labels: somebody made it, or took them off. */
  async unlabel(): Promise<void> {
    const name = `${FULL_NAME}-configmaps-00`;
    if (this.mode === "static") {
      const labels: Record<string, null> = {};
      for (const key of ["coordinator", "role", "resource", "bucket"]) labels[`electorate.dev/${key}`] = null;
      await plane.must("PATCH", leasesPath(this.within, name), { metadata: { labels } });
      return;
    }
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 };
    await plane.must("POST", leasesPath(this.within), { metadata: { name }, spec });
  }

  /** Waits until every shard is owned and every object was worked on. */
  async works(): Promise<void> {
    await until(
      `every shard of ${this.within} owned, and every object greeted`,
      BOUND_MS,
      async () => {
        const owned = ownersOf(this.fleet.transitions(), this.fleet.deaths()).size === SHARDS;
        const text = owned ? await plane.must("GET", `/api/v1/namespaces/${this.within}/configmaps`) : "";
        return (text.match(/"greeted":"yes"/g) ?? []).length === OBJECTS;
      },
      () => this.fleet.report(),
    );
  }
}

function rolesPath(namespace: string): string {
  return `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`;
}

function gives(
  rule: { readonly resources: readonly string[]; readonly verbs: readonly string[] },
  verb: string,
  resource: string,
) {
  return rule.resources.includes(resource) && rule.verbs.includes(verb);
}

/** The line that names the missing right, as the log shows it. */
function complaint(replica: ReplicaProcess, verb: string, resource: string, lack: Lack): string | undefined {
  const named = new RegExp(`cannot ${verb} resource \\\\?"${resource}`);
  const line = replica.lines.find(
    (fields) =>
      ["warn", "error"].includes(String(fields["level"])) &&
      (lack.trouble === undefined || String(fields["trouble"]).startsWith(lack.trouble)) &&
      named.test(JSON.stringify(fields)),
  );
  return line === undefined ? undefined : String(line["msg"]);
}

async function without(right: string, lack: Lack, mode: Mode): Promise<string> {
  const [verb = "", resource = ""] = right.split(" ");
  const on = new Lacking(`${mode}-lacks-${verb}-${resource}`, mode);
  onTestFinished(() => on.fleet.close());
  await on.install();
  const giveBack = await on.takeAway(verb, resource);
  if (lack.unlabelled) await on.unlabel();
  await createObjects(plane, on.within, "configmaps", OBJECTS);
  const replica = await on.start("shop-one");
  if (lack.atStop) {
    await on.works();
    replica.stop();
    await replica.exited;
  }
  const said = await until(
    `the lack of ${right} to be named`,
    BOUND_MS,
    () => complaint(replica, verb, resource, lack),
    () => on.fleet.report(),
  );
  if (!lack.atStop) expect(replica.exit, `${right}: ${said}`).toBeUndefined();
  await giveBack();
  const sinceNs = process.hrtime.bigint();
  const next = lack.atStop ? await on.start("shop-two") : replica;
  await on.works();
  const tookMs = msBetween(sinceNs, process.hrtime.bigint());
  next.stop();
  expect(await next.exited, `${right}: its end`).toEqual({ code: 0, signal: null });
  const members = await leasesOf(plane, on.within, "electorate.dev/role=member");
  // What nobody was allowed to delete stays until it is swept; whoever may leaves nothing.
  expect(members, `${right}: member Leases`).toHaveLength(lack.atStop ? 1 : 0);
  return `${mode}, without ${right}: "${said.slice(0, 200)}"; worked ${tookMs.toFixed(0)} ms after it was given back`;
}

describe.each(MODES)("the chart's rights, %s", (mode) => {
  it("have one more, or one less, than what is known of their lack", async () => {
    const on = new Lacking(`${mode}-all-rights`, mode);
    onTestFinished(() => on.fleet.close());
    await on.install();
    const rights = (await on.roles()).flatMap(({ rules }) =>
      rules.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      ),
    );
    expect(rights.toSorted()).toEqual(Object.keys(LACKS).toSorted());
  });

  it(
    "are missed without a word, end the replica when one is missing, or are not noticed when they are given back",
    async () => {
      // Three at a time: more processes than that and two cores measure nothing but themselves.
      const rest = Object.entries(LACKS);
      const lines: string[] = [];
      const worker = async (): Promise<void> => {
        for (let next = rest.shift(); next !== undefined; next = rest.shift()) lines.push(await without(...next, mode));
      };
      await Promise.all([worker(), worker(), worker()]);
      for (const line of lines) say(line);
      expect(lines).toHaveLength(Object.keys(LACKS).length);
    },
    4 * SHORT_LEASE_MS + 6 * BOUND_MS,
  );
});
