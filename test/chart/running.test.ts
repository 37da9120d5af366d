/**
 * What the chart renders, run as its pods would run it: as processes, on a real API server, with the rights that it grants. Most of it is
 * waiting for Leases, so that two tests run at a time, each in a namespace of its own.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from "vitest";
import { annotate, createObjects, leasesOf } from "../support/cluster-objects.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../support/control-plane.ts";
import { samplesOf } from "../support/document-claims.ts";
import { LeaseHistory, leasesPath } from "../support/lease-history.ts";
import { Fleet, type ReplicaProcess, SHORT_LEASE, SHORT_LEASE_MS } from "../support/replica-process.ts";
import { requireTools } from "../support/tools.ts";
import { ownersOf } from "../support/transitions.ts";
import { until } from "../support/waiting.ts";
import { createNamespace, FULL_NAME, Release, startAsPod } from "./release.ts";
import { CHART, LEAST_VALUES, rendered } from "./rendering.ts";

const BOUND_MS = 30_000;
const ONE_BY_ONE = { concurrent: false };

let plane: ControlPlane;
beforeAll(async () => {
  if (controlPlaneMissing() === undefined) plane = await startControlPlane();
});
afterAll(() => plane?.stop());
beforeEach((context) => {
  requireControlPlane(context);
  requireTools(context, "helm");
});

/** A release in a namespace of its own, and the replicas that run what it would. */
class Deployed {
  readonly release: Release;
  readonly fleet = new Fleet();

  constructor(release: Release, context: TestContext) {
    this.release = release;
    context.onTestFailed(() => void process.stdout.write(`${this.fleet.report()}\n`));
    context.onTestFinished(() => this.fleet.close());
  }

  start(pod: string): Promise<ReplicaProcess> {
    return startAsPod(this.release, this.fleet, pod);
  }

  /** Waits until the replicas of these names own so many shards together, each of them its share. */
  ownedBy(shards: number, ...names: readonly string[]): Promise<true> {
    return until(`${shards} shards owned by ${names.join(" and ")}`, BOUND_MS + 2 * SHORT_LEASE_MS, () => {
      const owners = [...ownersOf(this.fleet.transitions(), this.fleet.deaths()).values()].map(
        ({ replica }) => replica,
      );
      const held = names.map((name) => owners.filter((owner) => owner === name).length);
      const all = owners.length === shards && owners.every((owner) => names.includes(owner));
      return all && Math.max(...held) - Math.min(...held) <= 1 ? true : undefined;
    });
  }

  /** What the API server refused them. */
  refused(): readonly Record<string, unknown>[] {
    return this.fleet.replicas.flatMap(({ lines }) =>
      lines.filter((line) => /forbidden|denied/i.test(JSON.stringify(line))),
    );
  }
}

async function deployed(context: TestContext, namespace: string): Promise<Deployed> {
  await createNamespace(plane, namespace);
  return new Deployed(new Release(plane, namespace), context);
}

const GREETER = `
export async function reconcile(request, { object, client }) {
  if (object === undefined || object.metadata.annotations?.greeted === "yes") return;
  await client.patch(request, { metadata: { annotations: { greeted: "yes" } } }, { of: object });
}
`;

function greeter(namespace: string, buckets: number, lease: object): object {
  const fieldSelector = `metadata.name!=${FULL_NAME}`;
  const resource = { resource: "configmaps", namespaces: [namespace], buckets, verbs: ["patch"], fieldSelector };
  const timings = { drainTimeout: "3s", shutdownTimeout: "6s" };
  const admissionPolicy = { enabled: true };
  return { handlers: GREETER, resources: [resource], lease: { ...SHORT_LEASE, ...lease }, ...timings, admissionPolicy };
}

function allGreeted(namespace: string, count: number): Promise<true> {
  return until("every object is greeted", BOUND_MS, async () => {
    const text = await plane.must("GET", `/api/v1/namespaces/${namespace}/configmaps`);
    return (text.match(/"greeted":"yes"/g) ?? []).length === count;
  });
}

describe("replicas with the chart's rights alone, behind its admission policy", { concurrent: true }, () => {
  it.for(["per-shard", "per-member"])(
    "cannot take, work on, hand over, fence or leave a shard, %s",
    ONE_BY_ONE,
    async (renewal, context) => {
      const within = `fleet-${renewal}`;
      const on = await deployed(context, within);
      expect(await on.release.install(greeter(within, 4, { renewal }))).toMatchObject({ code: 0 });
      const one = await on.start("shop-one");
      await on.ownedBy(4, "shop-one");
      const two = await on.start("shop-two");
      await on.ownedBy(4, "shop-one", "shop-two");
      await createObjects(plane, within, "configmaps", 20);
      await allGreeted(within, 20);
      one.stop();
      await on.ownedBy(4, "shop-two");
      expect((await one.exited).code).toBe(0);
      const three = await on.start("shop-three");
      await on.ownedBy(4, "shop-two", "shop-three");
      two.kill();
      await on.ownedBy(4, "shop-three");
      three.stop();
      expect((await three.exited).code).toBe(0);
      expect(on.refused()).toEqual([]);
      expect(await on.release.helm(["uninstall", "shop"])).toMatchObject({ code: 0 });
      const left = await leasesOf(plane, within);
      // The Leases of the shards, for a successor, and what a killed member left.
      const holders = left.map(({ metadata, spec }) => [
        metadata.labels?.["electorate.dev/role"],
        spec?.holderIdentity ?? "",
      ]);
      expect(holders.filter(([role]) => role === "shard")).toEqual(Array(4).fill(["shard", ""]));
      expect(holders.filter(([role, holder = ""]) => role !== "shard" && !holder.startsWith("shop-two"))).toEqual(
        renewal === "per-member" ? [["member", ""]] : [],
      );
    },
  );
});

describe("meanwhile", { concurrent: true }, () => {
  describe("static mode", ONE_BY_ONE, () => {
    it("an upgrade under load disturbs a holder, or a replica makes or deletes the Lease of a shard", async (context) => {
      const within = "static";
      const on = await deployed(context, within);
      const values = greeter(within, 4, { static: true });
      expect(await on.release.install(values)).toMatchObject({ code: 0 });
      const history = await LeaseHistory.start(plane, within);
      context.onTestFinished(() => history.stop());
      const keys = await createObjects(plane, within, "configmaps", 20);
      const one = await on.start("shop-one");
      const two = await on.start("shop-two");
      await on.ownedBy(4, "shop-one", "shop-two");
      await allGreeted(within, 20);

      const ofShards = () => leasesOf(plane, within, "electorate.dev/role=shard");
      const holders = async () =>
        (await ofShards()).map(({ metadata: { name, uid }, spec }) => [
          name,
          uid,
          spec?.holderIdentity,
          spec?.leaseTransitions,
        ]);
      const before = await holders();
      const sinceNs = process.hrtime.bigint();
      const load = (async () => {
        for (let round = 0; round < 5; round += 1) await annotate(plane, "configmaps", keys, { greeted: null });
      })();
      // A label writes every Lease, and a bucket less leaves one without a place in the release.
      const changed = { ...greeter(within, 3, { static: true }), commonLabels: { team: "shop" } };
      expect(await on.release.upgrade(changed)).toMatchObject({ code: 0 });
      const leases = (await rendered(changed)).filter(({ kind }) => kind === "Lease");
      const apply = ["apply", "--server-side", "--force-conflicts", "-n", within, "-f", "-"];
      const list = {
        apiVersion: "v1",
        kind: "List",
        items: leases.map((lease) => ({ ...lease, metadata: { ...lease.metadata, namespace: within } })),
      };
      await plane.kubectl(apply, JSON.stringify(list));
      await load;
      await allGreeted(within, 20);
      const labelled = (await ofShards()).filter(({ metadata }) => metadata.labels?.["team"] === "shop");
      expect(labelled).toHaveLength(3);
      await until("two renewals of each shard since", BOUND_MS, () =>
        before.every(([name]) => history.of(String(name)).filter(({ ns }) => ns > sinceNs).length > 4),
      );
      expect(await holders()).toEqual(before);
      expect(on.fleet.transitions().filter(({ event, ns }) => event === "gate-closed" && ns > sinceNs)).toEqual([]);

      two.stop();
      await on.ownedBy(4, "shop-one");
      expect((await two.exited).code).toBe(0);
      await plane.must("DELETE", leasesPath(within, `${FULL_NAME}-configmaps-01`));
      await on.ownedBy(3, "shop-one");
      await until("its absence to be said", BOUND_MS, () =>
        one.lines.some(({ msg }) => String(msg).includes(`Lease ${FULL_NAME}-configmaps-01 is missing`)),
      );
      expect(await ofShards()).toHaveLength(3);
      expect(await on.release.upgrade(changed)).toMatchObject({ code: 0 });
      await on.ownedBy(4, "shop-one");
      one.stop();
      expect((await one.exited).code).toBe(0);
      expect(on.refused()).toEqual([]);
      expect(await leasesOf(plane, within, "electorate.dev/role=member")).toEqual([]);
      const gone = history.moments.filter(({ type, name }) => type === "DELETED" && !name.includes("-member-"));
      expect(gone.map(({ name }) => name)).toEqual([`${FULL_NAME}-configmaps-01`]);
      expect(await on.release.helm(["uninstall", "shop"])).toMatchObject({ code: 0 });
      expect(await ofShards()).toHaveLength(4);
    });

    it("a fleet that made its Leases itself is not taken over, or its holders are disturbed", async (context) => {
      const within = "static-later";
      const on = await deployed(context, within);
      const values = { ...LEAST_VALUES, resources: [{ resource: "configmaps", namespaces: [within] }] };
      expect(await on.release.install(values)).toMatchObject({ code: 0 });
      const one = await on.start("shop-one");
      await on.ownedBy(1, "shop-one");
      const isStatic = { ...values, lease: { static: true } };
      const refused = await on.release.upgrade(isStatic);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(
        /Lease "shop-electorate-configmaps-00".*cannot be imported into the current release/,
      );
      expect(await on.release.upgrade(isStatic, "--take-ownership")).toMatchObject({ code: 0 });
      const [lease] = await leasesOf(plane, within, "electorate.dev/role=shard");
      expect(lease?.metadata.labels?.["app.kubernetes.io/instance"]).toBe("shop");
      expect(lease?.spec?.holderIdentity).toBe(one.identity);
      expect(await on.release.upgrade(values)).toMatchObject({ code: 0 });
      const [kept] = await leasesOf(plane, within, "electorate.dev/role=shard");
      expect(kept?.metadata.uid).toBe(lease?.metadata.uid);
      one.stop();
      expect((await one.exited).code).toBe(0);
      expect(on.fleet.transitions().filter(({ event }) => event === "lease-lost")).toEqual([]);
    });

    it("the admission policy lets a replica make or delete the Lease of a shard", async (context) => {
      const within = "static-guarded";
      const on = await deployed(context, within);
      expect(await on.release.install(greeter(within, 1, { static: true }))).toMatchObject({ code: 0 });
      const { token } = await on.release.kubeconfigOf("shop-a");
      const made = async (name: string): Promise<number> => {
        const labels = { "electorate.dev/coordinator": FULL_NAME, "electorate.dev/role": "shard" };
        const body = { metadata: { name: `${FULL_NAME}-${name}`, labels } };
        return (await plane.call("POST", leasesPath(within), body, token)).status;
      };
      const removed = async (name: string): Promise<number> =>
        (await plane.call("DELETE", leasesPath(within, `${FULL_NAME}-${name}`), undefined, token)).status;
      let tries = 0;
      await until("the policy is obeyed", BOUND_MS, async () => {
        tries += 1;
        return (await made(`configmaps-${10 + tries}`)) === 422;
      });
      expect(await made("configmaps-99")).toBe(422);
      expect(await removed("configmaps-00")).toBe(422);
      expect(await made("member-a")).toBe(201);
      expect(await removed("member-a")).toBe(200);
    });
  });

  describe("metrics that are not for everybody", ONE_BY_ONE, () => {
    it("are read by whom nobody let read them, or not by whom somebody did", async (context) => {
      const within = "metered";
      const on = await deployed(context, within);
      const resources = [{ resource: "configmaps", namespaces: [within] }];
      const values = { ...LEAST_VALUES, resources, http: { authorizeMetrics: true } };
      expect(await on.release.install(values)).toMatchObject({ code: 0 });
      const stranger = await plane.serviceAccount(within, "stranger", []);
      const reader = await plane.serviceAccount(within, "reader", []);
      await bindReader(within, "reader");
      const replica = await on.start("shop-one");
      const address = await until(
        "its address",
        BOUND_MS,
        () => replica.address,
        () => replica.tail(),
      );
      const get = async (path: string, token?: string): Promise<number> => {
        const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
        return (await fetch(`http://${address}${path}`, { headers })).status;
      };
      expect(await get("/livez")).toBe(200);
      expect(await get("/metrics")).toBe(401);
      expect(await get("/metrics", "nonsense")).toBe(401);
      expect(await get("/metrics", stranger.token)).toBe(403);
      expect(await get("/metrics", reader.token)).toBe(200);
      await until("it to be ready", BOUND_MS, async () => (await get("/readyz")) === 200);

      // The right to ask is taken away: nobody new may read, and the log says which right it is.
      const bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
      await plane.must("DELETE", `${bindings}/${within}-${FULL_NAME}-metrics`);
      const accounts = `/api/v1/namespaces/${within}/serviceaccounts`;
      await until("nobody new to be let in", BOUND_MS, async () => {
        const answer = await plane.must("POST", `${accounts}/reader/token`, { spec: { expirationSeconds: 3_600 } });
        const token = /"token":"([^"]+)"/.exec(answer)?.[1];
        return (await get("/metrics", token)) === 503;
      });
      const said = replica.lines.filter(({ trouble }) => trouble === "metrics-review").map(({ msg }) => String(msg));
      expect(said).toEqual([expect.stringMatching(/cannot create resource "tokenreviews"/)]);
      expect(await get("/livez")).toBe(200);
      replica.stop();
      expect((await replica.exited).code).toBe(0);
    });
  });

  describe("the first line of the chart's README", ONE_BY_ONE, () => {
    it("gives something else than a working sharded controller", async (context) => {
      const within = "first";
      const on = await deployed(context, within);
      // One line, as a shell takes it.
      const readme = readFileSync(join(CHART, "README.md"), "utf8").replace(/\\\n */g, "");
      const [, line = ""] = /^helm (install shop charts\/electorate .*)$/m.exec(readme) ?? [];
      const [sample] = samplesOf(readme);
      const handlers = on.fleet.write("first.js", sample?.code ?? "");
      const words = line
        .replaceAll("'", "")
        .replace("charts/electorate", CHART)
        .replace("=handlers.js", `=${handlers}`);
      expect(words).toContain(`--set-file handlers=${handlers}`);
      expect(await on.release.helm(words.split(" "))).toMatchObject({ code: 0 });
      bringElectorate(on.fleet);
      const [key = ""] = await createObjects(plane, within, "configmaps", 1);
      await plane.must("POST", `/api/v1/namespaces/${within}/configmaps`, {
        metadata: { name: "broken" },
        data: { broken: "yes" },
      });

      const one = await on.start("shop-one");
      await on.ownedBy(1, "shop-one");
      const seenBy = (replica: ReplicaProcess): Promise<true> =>
        until(
          `${key} to be seen by ${replica.name}`,
          BOUND_MS,
          () => replica.lines.some((said) => said["msg"] === "seen" && said["key"] === key),
          () => replica.tail(),
        );
      await seenBy(one);
      await until("what is broken to be said", BOUND_MS, () =>
        one.lines.some((said) => JSON.stringify(said).includes("nothing can be done about it")),
      );
      const two = await on.start("shop-two");
      await until("the second replica to be ready", BOUND_MS, async () => {
        const { address } = two;
        return address !== undefined && (await fetch(`http://${address}/readyz`)).ok;
      });
      one.stop();
      await on.ownedBy(1, "shop-two");
      expect((await one.exited).code).toBe(0);
      await seenBy(two);
      two.stop();
      expect((await two.exited).code).toBe(0);
      expect(on.refused()).toEqual([]);
    });
  });
});

/** By the role that the chart has for it; answers once the API server says that it may. */
async function bindReader(namespace: string, account: string): Promise<void> {
  const group = "rbac.authorization.k8s.io";
  await plane.must("POST", `/apis/${group}/v1/clusterrolebindings`, {
    metadata: { name: `${namespace}-${account}` },
    roleRef: { apiGroup: group, kind: "ClusterRole", name: `${namespace}-${FULL_NAME}-metrics-reader` },
    subjects: [{ kind: "ServiceAccount", namespace, name: account }],
  });
  const user = `system:serviceaccount:${namespace}:${account}`;
  const spec = { user, nonResourceAttributes: { path: "/metrics", verb: "get" } };
  await until("the right to read metrics", BOUND_MS, async () => {
    const answer = await plane.must("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { spec });
    return answer.includes('"allowed":true');
  });
}

/** As in the image, where the program is the package around its configuration: `import "electorate"` finds it. */
function bringElectorate(fleet: Fleet): void {
  mkdirSync(join(fleet.folder, "node_modules/electorate"), { recursive: true });
  const door = pathToFileURL(resolve(CHART, "../../src/index.ts")).href;
  fleet.write("node_modules/electorate/package.json", '{ "type": "module", "exports": "./index.js" }');
  fleet.write("node_modules/electorate/index.js", `export * from ${JSON.stringify(door)};\n`);
  fleet.write("package.json", '{ "type": "module" }');
}
