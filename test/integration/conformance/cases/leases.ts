/** Leases: what the server accepts, what it keeps, and how an election looks on the wire. */
import { expect } from "vitest";
import type { Body } from "../client.ts";
import {
  type Case,
  child,
  containing,
  created,
  LEASES,
  lease,
  metadataOf,
  namesOf,
  newer,
  ok,
  refused,
  uidOf,
  versionOf,
  withMetadata,
} from "../world.ts";

const RENEWED = "2026-11-21T12:00:00.123456Z";

const full: Body = {
  holderIdentity: "pod-a_1",
  leaseDurationSeconds: 15,
  acquireTime: "2026-11-21T11:59:00.000001Z",
  renewTime: RENEWED,
  leaseTransitions: 3,
};

/** A case in which a spec is refused with 422 because of one field. */
function refusedSpec(title: string, spec: Body, field: string, message: string): Case {
  return {
    title,
    async run({ api, leases }) {
      refused(await api.post(leases, lease("a", spec)), 422, "Invalid", {
        details: {
          name: "a",
          group: "coordination.k8s.io",
          kind: "Lease",
          causes: [{ field, message: containing(message) }],
        },
      });
      refused(await api.get(`${leases}/a`), 404, "NotFound");
    },
  };
}

/** A case in which a spec cannot even be read. */
function unreadableSpec(title: string, spec: Body): Case {
  return {
    title,
    async run({ api, leases }) {
      refused(await api.post(leases, lease("a", spec)), 400, "BadRequest");
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      refused(await api.put(`${leases}/a`, { ...first, spec }), 400, "BadRequest");
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  };
}

export const leaseCases: readonly Case[] = [
  {
    title: "the fields of a spec are kept exactly, microseconds included",
    async run({ api, leases }) {
      await created(api, leases, lease("a", full));
      expect(child(ok(await api.get(`${leases}/a`)), "spec")).toEqual(full);
    },
  },
  {
    title:
      "strategy and preferredHolder are dropped, as by a server without the feature gate CoordinatedLeaderElection",
    async run({ api, leases }) {
      const spec = { holderIdentity: "x", strategy: "OldestEmulationVersion", preferredHolder: "y" };
      const first = await created(api, leases, lease("a", spec));
      expect(first["spec"]).toEqual({ holderIdentity: "x" });
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { ...spec, holderIdentity: "z" } }));
      expect(second["spec"]).toEqual({ holderIdentity: "z" });
    },
  },
  {
    title: "a Lease without spec is accepted and shown with an empty spec",
    async run({ api, leases }) {
      expect((await created(api, leases, lease("a")))["spec"]).toEqual({});
      expect(ok(await api.get(`${leases}/a`))["spec"]).toEqual({});
    },
  },
  {
    title: "an empty holder is kept and is not the same as none",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "", leaseDurationSeconds: 1 }));
      expect(first["spec"]).toEqual({ holderIdentity: "", leaseDurationSeconds: 1 });
    },
  },
  {
    title: "a field that is null is left out",
    async run({ api, leases }) {
      const first = await created(
        api,
        leases,
        lease("a", { holderIdentity: null, leaseDurationSeconds: 5, renewTime: null }),
      );
      expect(first["spec"]).toEqual({ leaseDurationSeconds: 5 });
    },
  },
  {
    title: "leaseTransitions 0 is kept and shown",
    async run({ api, leases }) {
      expect((await created(api, leases, lease("a", { leaseTransitions: 0 })))["spec"]).toEqual({
        leaseTransitions: 0,
      });
    },
  },
  unreadableSpec("a renewTime with three fraction digits is 400", { renewTime: "2026-11-21T12:00:00.123Z" }),
  unreadableSpec("a renewTime with nine fraction digits is 400", { renewTime: "2026-11-21T12:00:00.123456789Z" }),
  unreadableSpec("a renewTime without fraction digits is 400", { renewTime: "2026-11-21T12:00:00Z" }),
  unreadableSpec("an acquireTime that is no time is 400", { acquireTime: "yesterday" }),
  unreadableSpec("an acquireTime that is a number is 400", { acquireTime: 1_700_000_000 }),
  unreadableSpec("a renewTime on a day that does not exist is 400", { renewTime: "2026-02-30T12:00:00.000000Z" }),
  unreadableSpec("a duration with a fraction is 400", { leaseDurationSeconds: 1.5 }),
  unreadableSpec("a duration in a text is 400", { leaseDurationSeconds: "15" }),
  unreadableSpec("a duration above 32 bits is 400", { leaseDurationSeconds: 2_147_483_648 }),
  unreadableSpec("a holder that is a number is 400", { holderIdentity: 7 }),
  {
    title: "a renewTime with an offset is accepted and shown in UTC",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { renewTime: "2026-11-21T14:00:00.123456+02:00" }));
      expect(child(first, "spec")["renewTime"]).toBe(RENEWED);
    },
  },
  {
    title: "a duration of 2147483647 s is accepted",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { leaseDurationSeconds: 2_147_483_647 }));
      expect(child(first, "spec")["leaseDurationSeconds"]).toBe(2_147_483_647);
    },
  },
  refusedSpec(
    "a duration of 0 is 422",
    { leaseDurationSeconds: 0 },
    "spec.leaseDurationSeconds",
    "must be greater than 0",
  ),
  refusedSpec(
    "a negative duration is 422",
    { leaseDurationSeconds: -1 },
    "spec.leaseDurationSeconds",
    "must be greater than 0",
  ),
  refusedSpec(
    "negative transitions are 422",
    { leaseTransitions: -1 },
    "spec.leaseTransitions",
    "must be greater than or equal to 0",
  ),
  {
    title: "an update to a duration of 0 is 422 and keeps the Lease as it was",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { leaseDurationSeconds: 15 }));
      refused(await api.put(`${leases}/a`, { ...first, spec: { leaseDurationSeconds: 0 } }), 422, "Invalid");
      refused(await api.patch(`${leases}/a`, { spec: { leaseDurationSeconds: 0 } }), 422, "Invalid");
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "an unknown field of a spec is dropped, or refused with fieldValidation=Strict",
    async run({ api, leases }) {
      expect((await created(api, leases, lease("a", { holder: "x" })))["spec"]).toEqual({});
      const reply = await api.post(leases, lease("b", { holder: "x" }), { query: { fieldValidation: "Strict" } });
      refused(reply, 400, "BadRequest");
      expect(reply.text).toContain('unknown field \\"spec.holder\\"');
    },
  },
  {
    title: "the server reads timestamps of the past, the future and the year 9999 alike",
    async run({ api, leases }) {
      for (const [index, renewTime] of [
        "1970-01-01T00:00:00.000001Z",
        "2099-01-01T00:00:00.000000Z",
        "9999-12-31T23:59:59.999999Z",
      ].entries()) {
        const first = await created(api, leases, lease(`a${index}`, { renewTime }));
        expect(child(first, "spec")["renewTime"]).toBe(renewTime);
      }
    },
  },
  {
    title: "a renewal that moves renewTime by one microsecond is a change with a version of its own",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", full));
      const second = ok(
        await api.put(`${leases}/a`, { ...first, spec: { ...full, renewTime: "2026-11-21T12:00:00.123457Z" } }),
      );
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
    },
  },
  {
    title: "foreign labels and annotations are kept by a PUT that sends them back",
    async run({ api, leases }) {
      const metadata = { labels: { mine: "1" }, annotations: { "other.dev/x": "a b\n{}" } };
      const first = await created(api, leases, lease("a", full, metadata));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { ...full, holderIdentity: "x" } }));
      expect(metadataOf(second)).toMatchObject(metadata);
    },
  },
  {
    title: "an election: create, renew, be beaten, release, and be taken over",
    async run({ api, leases }) {
      const first = await created(
        api,
        leases,
        lease("a", { holderIdentity: "x", leaseDurationSeconds: 15, leaseTransitions: 0 }),
      );
      refused(await api.post(leases, lease("a", { holderIdentity: "y" })), 409, "AlreadyExists");
      const renewed = ok(
        await api.put(`${leases}/a`, { ...first, spec: { ...child(first, "spec"), renewTime: RENEWED } }),
      );
      refused(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }), 409, "Conflict");
      const released = ok(
        await api.put(`${leases}/a`, {
          ...renewed,
          spec: { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 },
        }),
      );
      const taken = ok(
        await api.put(`${leases}/a`, {
          ...released,
          spec: { holderIdentity: "y", leaseDurationSeconds: 15, leaseTransitions: 1 },
        }),
      );
      expect(taken["spec"]).toEqual({ holderIdentity: "y", leaseDurationSeconds: 15, leaseTransitions: 1 });
      expect(uidOf(taken)).toBe(uidOf(first));
      refused(await api.put(`${leases}/a`, { ...released, spec: { holderIdentity: "z" } }), 409, "Conflict");
    },
  },
  {
    title: "a Lease made again after its deletion has a higher resourceVersion and counts its transitions anew",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", full));
      ok(await api.delete(`${leases}/a`));
      const second = await created(api, leases, lease("a", { leaseTransitions: 0 }));
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
      expect(child(second, "spec")["leaseTransitions"]).toBe(0);
    },
  },
  {
    title: "Leases of all namespaces are one collection at the cluster's path",
    async run({ api, namespace, leases }) {
      await created(api, leases, lease("only-here", undefined, { labels: { of: namespace } }));
      const all = ok(await api.list(LEASES, { labelSelector: `of=${namespace}` }));
      expect(all["kind"]).toBe("LeaseList");
      expect(namesOf(all)).toEqual(["only-here"]);
      refused(await api.post(LEASES, lease("b")), 405, "MethodNotAllowed");
    },
  },
  {
    title: "a Lease has no status subresource",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      refused(await api.put(`${leases}/a/status`, withMetadata(first, {})), 404, "NotFound");
      refused(await api.get(`${leases}/a/status`), 404, "NotFound");
    },
  },
];
