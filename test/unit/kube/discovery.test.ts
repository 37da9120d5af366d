import { describe, expect, it } from "vitest";
import { resourceName } from "../../../src/kube/api.ts";
import { Discovery } from "../../../src/kube/discovery.ts";
import type { ApiRequest, ApiResponse, Transport } from "../../../src/kube/transport.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

function containing(text: string): unknown {
  return expect.stringContaining(text);
}

interface Offer {
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly Offered[];
    readonly down?: boolean;
  }[];
}

interface Offered {
  readonly plural: string;
  readonly kind: string;
  readonly shortNames?: readonly string[];
  readonly clusterScoped?: boolean;
}

const CORE: Offer = {
  group: "",
  versions: [
    {
      version: "v1",
      resources: [
        { plural: "configmaps", kind: "ConfigMap", shortNames: ["cm"] },
        { plural: "events", kind: "Event", shortNames: ["ev"] },
        { plural: "nodes", kind: "Node", clusterScoped: true },
      ],
    },
  ],
};

const OFFERS: readonly Offer[] = [
  CORE,
  {
    group: "apps",
    versions: [{ version: "v1", resources: [{ plural: "deployments", kind: "Deployment", shortNames: ["deploy"] }] }],
  },
  {
    group: "events.k8s.io",
    versions: [{ version: "v1", resources: [{ plural: "events", kind: "Event", shortNames: ["ev"] }] }],
  },
  {
    group: "autoscaling",
    versions: ["v2", "v1"].map((version) => ({
      version,
      resources: [{ plural: "horizontalpodautoscalers", kind: "HorizontalPodAutoscaler", shortNames: ["hpa"] }],
    })),
  },
  {
    group: "a.test",
    versions: [
      {
        version: "v1",
        resources: [
          { plural: "widgets", kind: "Widget" },
          { plural: "cms", kind: "Cms", shortNames: ["cm"] },
        ],
      },
    ],
  },
  {
    group: "b.test",
    versions: [
      {
        version: "v1beta1",
        resources: [
          { plural: "widgets", kind: "Widget" },
          { plural: "gizmos", kind: "Gizmo" },
        ],
      },
    ],
  },
];

/** Answers discovery as kube-apiserver does, aggregated or group by group. */
class DiscoveryServer implements Transport {
  readonly paths: string[] = [];
  readonly aggregated: boolean;
  offers: readonly Offer[];

  constructor(aggregated: boolean, offers: readonly Offer[] = OFFERS) {
    this.aggregated = aggregated;
    this.offers = offers;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    this.paths.push(request.path);
    const answer = this.#answer(request);
    if (answer === undefined) return { status: 503, headers: {}, body: "service unavailable" };
    return { status: 200, headers: {}, body: JSON.stringify(answer) };
  }

  async stream(): Promise<never> {
    throw new ElectorateError("misuse", "discovery does not watch");
  }

  async close(): Promise<void> {}

  #answer({ path, accept }: ApiRequest): object | undefined {
    if (path === "/api" || path === "/apis") {
      const offers = this.offers.filter(({ group }) => (group === "") === (path === "/api"));
      if (this.aggregated && accept?.includes("as=APIGroupDiscoveryList")) return aggregatedList(offers);
      if (path === "/api") return { kind: "APIVersions", versions: offers[0]?.versions.map(({ version }) => version) };
      return { kind: "APIGroupList", groups: offers.map(groupEntry) };
    }
    const [version, group = ""] = path
      .split("/")
      .reverse()
      .slice(0, path.startsWith("/apis/") ? 2 : 1);
    const found = this.offers
      .find((offer) => offer.group === group)
      ?.versions.find((offered) => offered.version === version);
    if (found === undefined || found.down === true) return undefined;
    const resources = found.resources.flatMap(({ plural, kind, shortNames, clusterScoped }) => [
      { name: plural, singularName: "", namespaced: clusterScoped !== true, kind, shortNames },
      { name: `${plural}/status`, singularName: "", namespaced: clusterScoped !== true, kind },
    ]);
    return { kind: "APIResourceList", groupVersion: path, resources };
  }
}

function groupEntry({ group, versions }: Offer): object {
  // The list is in another order than the preference, as it may be.
  const entries = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version })).reverse();
  return { name: group, versions: entries, preferredVersion: entries.at(-1) };
}

function aggregatedList(offers: readonly Offer[]): object {
  return {
    kind: "APIGroupDiscoveryList",
    items: offers.map(({ group, versions }) => ({
      metadata: { name: group },
      versions: versions.map(({ version, resources, down }) => ({
        version,
        freshness: down === true ? "Stale" : "Current",
        resources: (down === true ? [] : resources).map(({ plural, kind, shortNames, clusterScoped }) => ({
          resource: plural,
          responseKind: { group, version, kind },
          scope: clusterScoped === true ? "Cluster" : "Namespaced",
          shortNames,
        })),
      })),
    })),
  };
}

function discoveryOf(server: DiscoveryServer, clock = new VirtualClock()) {
  const discovery = new Discovery(server, clock);
  return {
    clock,
    find: (name: string) => discovery.find(name, { deadlineMs: 1_000 }),
    named: async (name: string): Promise<string> => {
      const found = await discovery.find(name, { deadlineMs: 1_000 });
      return `${resourceName(found)} ${found.version}`;
    },
  };
}

describe.each([
  ["aggregated", true],
  ["group by group", false],
])("discovery, %s", (_, aggregated) => {
  it.each([
    ["configmaps", "configmaps v1"],
    ["ConfigMap", "configmaps v1"],
    ["configmap", "configmaps v1"],
    ["cm", "configmaps v1"],
    ["CM", "configmaps v1"],
    ["configmaps.v1.", "configmaps v1"],
    ["deployments", "deployments.apps v1"],
    ["deploy", "deployments.apps v1"],
    ["deployments.apps", "deployments.apps v1"],
    ["Deployment.apps", "deployments.apps v1"],
    ["deployments.v1.apps", "deployments.apps v1"],
    ["deployments.apps/v1", "deployments.apps v1"],
    ["events.events.k8s.io", "events.events.k8s.io v1"],
    ["events.v1.events.k8s.io", "events.events.k8s.io v1"],
    ["widgets.b.test", "widgets.b.test v1beta1"],
  ])("finds %s, as kubectl does", async (name, expected) => {
    expect(await discoveryOf(new DiscoveryServer(aggregated)).named(name)).toBe(expected);
  });

  it("takes the core group before others, and the preferred version before others", async () => {
    const { named } = discoveryOf(new DiscoveryServer(aggregated));
    expect(await named("events")).toBe("events v1");
    expect(await named("ev")).toBe("events v1");
    expect(await named("hpa")).toBe("horizontalpodautoscalers.autoscaling v2");
    expect(await named("hpa.v1.autoscaling")).toBe("horizontalpodautoscalers.autoscaling v1");
  });

  it("knows which resources live in a namespace", async () => {
    const { find } = discoveryOf(new DiscoveryServer(aggregated));
    expect(await find("nodes")).toEqual({ group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false });
    expect(await find("cm")).toEqual({
      group: "",
      version: "v1",
      plural: "configmaps",
      kind: "ConfigMap",
      namespaced: true,
    });
  });

  it("does not guess between two groups, and names both", async () => {
    await expect(discoveryOf(new DiscoveryServer(aggregated)).find("widgets")).rejects.toMatchObject({
      code: "invalid-configuration",
      message: containing("widgets.a.test, widgets.b.test"),
    });
  });

  it.each([
    ["deploymens", "deployments.apps"],
    ["configmpas", "configmaps"],
    ["gizmo.c.test", "gizmos.b.test"],
    ["widgets.apps", "widgets.a.test, widgets.b.test"],
  ])("names what %s is near to", async (name, near) => {
    await expect(discoveryOf(new DiscoveryServer(aggregated)).find(name)).rejects.toMatchObject({
      code: "invalid-configuration",
      message: containing(`did you mean ${near}?`),
    });
  });

  it.each([[""], ["."], ["/"], ["pods/"], ["xyzzy"], ["configmaps.v9."], ["configmaps/status"]])(
    "refuses %j without guessing",
    async (name) => {
      await expect(discoveryOf(new DiscoveryServer(aggregated)).find(name)).rejects.toMatchObject({
        code: "invalid-configuration",
      });
    },
  );

  it("finds the others while one group is down, and names that group when something is missing", async () => {
    const down = {
      group: "metrics.test",
      versions: [{ version: "v1", resources: [{ plural: "loads", kind: "Load" }], down: true }],
    };
    const { find, named } = discoveryOf(new DiscoveryServer(aggregated, [...OFFERS, down]));
    expect(await named("deployments")).toBe("deployments.apps v1");
    await expect(find("loads")).rejects.toThrow("metrics.test/v1");
  });

  it("asks once for many names, and again for a resource that was installed later", async () => {
    const server = new DiscoveryServer(aggregated, [CORE]);
    const { clock, find, named } = discoveryOf(server);
    await named("cm");
    const asked = server.paths.length;
    await named("nodes");
    await expect(find("deployments")).rejects.toMatchObject({ code: "invalid-configuration" });
    expect(server.paths).toHaveLength(asked);
    server.offers = OFFERS;
    await clock.advance(5_000);
    expect(await named("deployments")).toBe("deployments.apps v1");
  });
});

describe("discovery that is refused", () => {
  it("is thrown as what it is, not as an unknown name", async () => {
    const transport: Transport = {
      request: async () => ({ status: 403, headers: {}, body: "" }),
      stream: () => Promise.reject(new Error("unused")),
      close: async () => {},
    };
    await expect(new Discovery(transport, new VirtualClock()).find("pods", { deadlineMs: 1 })).rejects.toMatchObject({
      code: "forbidden",
    });
  });
});
