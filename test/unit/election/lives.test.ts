import { describe, expect, it } from "vitest";
import type { LifeOwner, ShardLife } from "../../../src/election/contender.ts";
import { Lives } from "../../../src/election/lives.ts";
import { ApiServerCore, coreTransport } from "../../../src/embedded/index.ts";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { KubeClient } from "../../../src/kube/client.ts";
import { createIdentity, shardsOf } from "../../../src/lease/names.ts";
import { parseLease } from "../../../src/lease/record.ts";
import type { Renewal } from "../../../src/lease/renewal.ts";
import { silentTelemetry } from "../../../src/runtime/telemetry.ts";
import { TroubleLog } from "../../../src/runtime/trouble.ts";
import { SeededRandomness } from "../../simulation/world.ts";
import { PLAIN, TIMINGS } from "../../support/scenario-replica.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const L = TIMINGS.durationMs;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const KEY_MAP = "ring-1/2";

/** The work of one shard, which ends when the test lets it. */
class Work implements ShardLife {
  readonly terms: string[] = [];
  readonly #owner: LifeOwner;
  readonly #isStuck: () => boolean;
  #ending = false;

  constructor(owner: LifeOwner, isStuck: () => boolean) {
    this.#owner = owner;
    this.#isStuck = isStuck;
  }

  open(term: { readonly epoch: string }): void {
    this.terms.push(term.epoch);
  }

  forsake(): void {}

  drain(): void {
    this.lose();
  }

  lose(): void {
    this.#ending = true;
    this.endIfItCan();
  }

  endIfItCan(): void {
    if (!this.#ending || this.#isStuck()) return;
    this.#ending = false;
    this.#owner.vacated();
  }
}

/** One replica alone on an API server in memory, and somebody with kubectl. */
class World {
  readonly clock = new VirtualClock();
  readonly works: Work[] = [];
  /** Methods and names of the requests of the replica. */
  readonly requests: string[] = [];
  readonly lives: Lives;
  isStuck = false;
  readonly #core: ApiServerCore;

  constructor(renewal: Renewal = "per-member") {
    const { clock } = this;
    const randomness = new SeededRandomness(1);
    this.#core = new ApiServerCore({ clock, randomness: new SeededRandomness(2) });
    const core = coreTransport(this.#core, { clock });
    const transport = {
      stream: (...args: Parameters<typeof core.stream>) => core.stream(...args),
      close: () => core.close(),
      request: (...[request, ...rest]: Parameters<typeof core.request>) => {
        this.requests.push(`${request.method} ${request.path.slice(LEASES.length + 1)}`);
        return core.request(request, ...rest);
      },
    };
    const telemetry = silentTelemetry;
    this.lives = new Lives({
      coordinator: "shop",
      namespace: "default",
      identity: createIdentity("pod", "first"),
      timings: TIMINGS,
      renewal,
      isStatic: false,
      traits: PLAIN,
      placement: { rolloutWindowMs: 600_000, respread: undefined },
      address: "",
      pod: undefined,
      ownPod: undefined,
      objects: transport,
      api: new KubeClient(transport, { clock, randomness }),
      eventApi: new KubeClient(core, { clock, randomness }),
      transport,
      clock,
      randomness,
      telemetry,
      trouble: new TroubleLog(telemetry.log),
      shards: shardsOf("shop", { group: "", plural: "configmaps" }, 2, KEY_MAP),
      lifeOf: (_, owner) => {
        const work = new Work(owner, () => this.isStuck);
        this.works.push(work);
        return work;
      },
    });
  }

  async starts(): Promise<this> {
    this.lives.start();
    this.lives.prepare("configmaps", KEY_MAP);
    await this.clock.advance(1_000);
    expect(this.open).toBe(2);
    return this;
  }

  /** What was sent arrives, and what follows from it. */
  async settles(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await this.clock.advance(1);
  }

  get open(): number {
    return this.lives.terms.filter(({ gate }) => gate.admits()).length;
  }

  /** Holders in Leases of a role. */
  holders(role: "member" | "shard"): string[] {
    return this.#list(role).map((lease) => parseLease(lease).record.holder);
  }

  /** Somebody else joins, and comes to hold one of the shards. */
  losesOneTo(identity: string): void {
    const spec = { holderIdentity: identity, leaseDurationSeconds: 15, leaseTransitions: 9 };
    const labels = { "electorate.dev/coordinator": "shop", "electorate.dev/role": "member" };
    const member = { metadata: { name: `shop-member-${identity.split("_")[1]}`, labels }, spec };
    this.#core.handle({ method: "POST", path: LEASES, body: JSON.stringify(member), contentType: "application/json" });
    const [shard] = this.#list("shard");
    if (shard !== undefined) this.#puts({ ...shard, spec });
  }

  deletesMember(): void {
    for (const { metadata } of this.#list("member"))
      this.#core.handle({ method: "DELETE", path: `${LEASES}/${metadata.name}` });
  }

  emptiesMember(): void {
    for (const lease of this.#list("member")) this.#puts({ ...lease, spec: {} });
  }

  workEnds(): void {
    this.isStuck = false;
    for (const work of this.works) work.endIfItCan();
  }

  #puts(lease: KubernetesObject): void {
    const path = `${LEASES}/${lease.metadata.name}`;
    this.#core.handle({ method: "PUT", path, body: JSON.stringify(lease), contentType: "application/json" });
  }

  #list(role: string) {
    const query = { labelSelector: `electorate.dev/role=${role}` };
    const answer = this.#core.handle({ method: "GET", path: LEASES, query });
    if (answer.kind !== "body") throw new Error("no list");
    return (JSON.parse(answer.body) as { items: KubernetesObject[] }).items;
  }
}

describe("a replica and its identities", () => {
  it("an identity whose member Lease was deleted is never taken up again: all closes, and a new one starts with nothing", async () => {
    const world = await new World().starts();
    expect(world.lives.identity).toBe("pod_first");
    world.deletesMember();
    await world.settles();
    expect(world.open).toBe(0);
    await world.clock.advance(1_000);
    expect(world.lives.identity).toMatch(/^pod_/);
    expect(world.lives.identity).not.toBe("pod_first");
    expect(world.holders("member")).toEqual([world.lives.identity]);
    // Nobody but it knows that it is the same process: what it held is waited out, as anybody's would be.
    expect(world.holders("shard")).toEqual(["pod_first", "pod_first"]);
    await world.clock.advance(L - 1_500);
    expect(world.open).toBe(0);
    await world.clock.advance(1_500);
    expect(world.open).toBe(2);
    expect(world.holders("shard")).toEqual([world.lives.identity, world.lives.identity]);
  });

  it("one whose member Lease was emptied is fenced by its own successor, and its shards are taken", async () => {
    const world = await new World().starts();
    world.emptiesMember();
    await world.clock.advance(2 * L);
    expect(world.open).toBe(2);
    expect(world.holders("member").filter((holder) => holder !== "")).toEqual([world.lives.identity]);
  });

  it("a new identity does not begin while work of the old one runs, and no key is worked on twice", async () => {
    const world = await new World().starts();
    world.isStuck = true;
    world.deletesMember();
    await world.clock.advance(4 * L);
    expect(world.lives.identity).toBe("pod_first");
    expect(world.holders("member")).toEqual([]);
    world.workEnds();
    await world.clock.advance(1_000);
    expect(world.lives.identity).not.toBe("pod_first");
    await world.clock.advance(2 * L);
    expect(world.open).toBe(2);
    expect(world.works).toHaveLength(2);
    expect(world.works.map(({ terms }) => terms.length)).toEqual([2, 2]);
  });

  it("a dead identity asks for nothing any more: nobody fences, takes or renews in its name", async () => {
    // The other one is not heard of again: whoever looked would have to fence it.
    const world = await new World().starts();
    world.losesOneTo("other_u9");
    await world.clock.advance(1_000);
    world.isStuck = true;
    world.deletesMember();
    await world.clock.advance(1_000);
    const before = world.requests.length;
    world.lives.prepare("configmaps", KEY_MAP);
    await world.clock.advance(10 * L);
    expect(world.requests.slice(before)).toEqual([]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it("a stop that comes while the identity dies waits for its work, and begins no other", async () => {
    const world = await new World().starts();
    world.isStuck = true;
    world.deletesMember();
    await world.clock.advance(1_000);
    let clean: boolean | undefined;
    void world.lives.leave(new AbortController().signal).then((left) => {
      clean = left;
    });
    await world.clock.advance(1_000);
    expect(clean).toBeUndefined();
    world.workEnds();
    await world.clock.advance(10_000);
    expect(clean).toBe(true);
    expect(world.lives.identity).toBe("pod_first");
    expect(world.holders("member")).toEqual([]);
  });

  it("an identity that dies while it stops frees nothing in its name, and the stop ends", async () => {
    const world = await new World().starts();
    world.isStuck = true;
    let clean: boolean | undefined;
    void world.lives.leave(new AbortController().signal).then((left) => {
      clean = left;
    });
    await world.clock.advance(100);
    world.deletesMember();
    await world.clock.advance(100);
    world.workEnds();
    await world.clock.advance(1_000);
    expect(clean).toBe(true);
    expect(world.holders("shard")).toEqual(["pod_first", "pod_first"]);
  });

  it("with per-shard renewal a deleted member Lease is made again, and nothing closes", async () => {
    const world = await new World("per-shard").starts();
    world.deletesMember();
    await world.clock.advance(1_000);
    expect(world.open).toBe(2);
    expect(world.holders("member")).toEqual(["pod_first"]);
  });
});
