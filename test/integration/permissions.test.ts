import { renameSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { annotate, createObjects } from "../support/cluster-objects.ts";
import { kubeconfigText, type PolicyRule } from "../support/control-plane-access.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { leasesPath } from "../support/lease-history.ts";
import { type ReplicaProcess, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { msBetween, until } from "../support/waiting.ts";

/** Rights that are missing, and credentials that expire. */

const scene = integration();
const LEASES = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
const CONFIG_MAPS = { apiGroups: [""], resources: ["configmaps"] };
const VERBS = {
  leases: ["get", "list", "watch", "create", "update", "patch", "delete"],
  configmaps: ["get", "list", "watch", "patch"],
} as const;
const SHARDS = 2;

function rules(lacking?: Lack): PolicyRule[] {
  const of = (resource: keyof typeof VERBS): string[] =>
    VERBS[resource].filter((verb) => lacking?.resource !== resource || lacking.verb !== verb);
  return [
    { ...LEASES, verbs: of("leases") },
    { ...CONFIG_MAPS, verbs: of("configmaps") },
  ];
}

interface Lack {
  readonly verb: string;
  readonly resource: keyof typeof VERBS;
  /** A Lease of one of our names without our labels: it has to be read and labelled. */
  readonly unlabelled?: boolean;
}

const LACKS: readonly Lack[] = [
  { verb: "list", resource: "leases" },
  { verb: "watch", resource: "leases" },
  { verb: "create", resource: "leases" },
  { verb: "update", resource: "leases" },
  { verb: "get", resource: "leases", unlabelled: true },
  { verb: "patch", resource: "leases", unlabelled: true },
  { verb: "list", resource: "configmaps" },
  { verb: "watch", resource: "configmaps" },
  { verb: "patch", resource: "configmaps" },
];

/** The line that names the missing verb and the resource. */
function complaint(replica: ReplicaProcess, { verb, resource }: Lack): string | undefined {
  const line = replica.lines.find((fields) => {
    const text = JSON.stringify(fields);
    return (
      ["warn", "error"].includes(String(fields["level"])) &&
      text.includes(resource) &&
      new RegExp(`\\b${verb}\\b`).test(text)
    );
  });
  if (line === undefined) return undefined;
  const { msg, error } = line;
  return typeof error === "string" ? `${String(msg)}: ${error}` : String(msg);
}

test("a missing right is not named, ends the replica, or is not noticed when it is granted", async (context) => {
  const on = await scene(context, "rights");
  // Three at a time: more processes than that and two cores measure nothing but themselves.
  const rest = [...LACKS];
  const lines: string[] = [];
  const worker = async (): Promise<void> => {
    for (let lack = rest.shift(); lack !== undefined; lack = rest.shift()) lines.push(await withoutRight(on, lack));
  };
  await Promise.all([worker(), worker(), worker()]);
  for (const line of lines) say(line);
  expect(lines).toHaveLength(LACKS.length);
}, 120_000);

async function withoutRight(on: Scene, lack: Lack): Promise<string> {
  const namespace = `lacks-${lack.verb}-${lack.resource}`;
  const account = await on.plane.serviceAccount(namespace, "replica", rules(lack));
  const keys = await createObjects(on.plane, namespace, "configmaps", 4, { "test/work": "write" });
  if (lack.unlabelled) {
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 };
    await on.plane.must("POST", leasesPath(namespace), { metadata: { name: "test-configmaps-00" }, spec });
  }
  const name = namespace.replace("lacks-", "");
  const replica = on.start(name, {
    namespace,
    kubeconfig: account.kubeconfigPath,
    resources: [{ resource: "configmaps", buckets: SHARDS }],
  });
  const said = await until(
    `${name} to be named`,
    20_000,
    () => complaint(replica, lack),
    () => replica.tail(),
  );
  expect(said, `${name}: said`).toMatch(/forbidden|cannot/i);
  expect(replica.exit, `${name}: runs on`).toBeUndefined();
  await account.setRules(rules());
  const grantedNs = process.hrtime.bigint();
  // What was written before, while a term of the first write stood, proves nothing.
  await annotate(on.plane, "configmaps", keys, { "test/round": "granted" });
  await until(
    `${name}: every key to be written once it is granted`,
    30_000,
    () => {
      const lines = on.fleet.sink().filter(({ phase, round }) => phase === "written" && round === "granted");
      return keys.every((key) => lines.some((line) => line.key === key));
    },
    () => replica.tail(),
  );
  const tookMs = msBetween(grantedNs, process.hrtime.bigint());
  replica.stop();
  expect(await replica.exited, `${name}: stops clean`).toEqual({ code: 0, signal: null });
  return `without ${lack.verb} on ${lack.resource}: "${said.slice(0, 230)}"; worked ${tookMs.toFixed(0)} ms after it was granted`;
}

test("a token that expires takes the shards with it, although a new one is in the file", async (context) => {
  const on = await scene(context, "tokens");
  await createObjects(on.plane, "tokens", "configmaps", 10, { "test/again": "50" });
  const first = await on.plane.serviceAccount("tokens", "first", rules());
  const second = await on.plane.serviceAccount("tokens", "second", rules());
  const third = await on.plane.serviceAccount("tokens", "third", rules());
  const tokenFile = on.fleet.write("token", first.token);
  // As the kubelet does it: a new file takes the place of the old one.
  const replace = (token: string): void => renameSync(on.fleet.write("token.next", token), tokenFile);
  const kubeconfig = on.fleet.write("token.kubeconfig", kubeconfigText(on.plane.info, { tokenFile }, "tokens"));
  const replica = on.start("a", { kubeconfig });
  await on.allOwned(8);
  const revoke = (name: string): Promise<string> =>
    on.plane.must("DELETE", `/api/v1/namespaces/tokens/serviceaccounts/${name}`);

  // In good time: the new token is there before the old one is refused, and nobody notices.
  replace(second.token);
  await delay(2_500);
  await revoke("first");
  await untilRefused(on, first.token);
  await delay(SHORT_LEASE_MS);
  const lostAtFirst = replica.transitions.filter(({ event }) => event === "gate-closed").length;
  const refusedAtFirst = unauthorized(replica).length;
  say(`token replaced before it expired: ${lostAtFirst} terms ended, ${refusedAtFirst} complaints`);
  expect(lostAtFirst).toBe(0);
  expect(refusedAtFirst).toBe(0);

  // Too late: the old one is refused first. Every 401 has the file read again at once.
  await revoke("second");
  await until(
    "a 401",
    30_000,
    () => unauthorized(replica).length > 0,
    () => replica.tail(),
  );
  const replacedNs = process.hrtime.bigint();
  replace(third.token);
  const worked = await until("renewals to work again", 10_000, () => {
    const renewed = on.history.moments.filter(
      ({ lease, ns }) => ns > replacedNs && lease.spec?.holderIdentity === replica.identity,
    );
    return renewed.length > 8 ? renewed[0]?.ns : undefined;
  });
  const lost = replica.transitions.filter(({ event }) => event === "gate-closed").length;
  say(
    `token replaced after the first 401: the first renewal passed ${msBetween(replacedNs, worked).toFixed(0)} ms later, ${lost} terms ended`,
  );
  expect(msBetween(replacedNs, worked)).toBeLessThan(1_000);
  expect(lost).toBe(0);
  expect(on.faults()).toEqual([]);
}, 120_000);

/** Lines about a 401. */
function unauthorized(replica: ReplicaProcess): Record<string, unknown>[] {
  return replica.lines.filter((line) => line["code"] === "unauthorized");
}

/** The API server keeps a token that it has seen for some seconds. */
async function untilRefused(on: Scene, token: string): Promise<void> {
  await until("the revoked token to be refused", 30_000, async () => {
    const { status } = await on.plane.call("GET", leasesPath("tokens"), undefined, token);
    return status === 401;
  });
}
