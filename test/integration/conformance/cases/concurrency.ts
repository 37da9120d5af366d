/** Optimistic concurrency: resourceVersion and uid as conditions of a write, and writes that change nothing. */
import { expect } from "vitest";
import {
  among,
  type Case,
  child,
  configMap,
  containing,
  created,
  including,
  lease,
  newer,
  ok,
  refused,
  uidOf,
  versionOf,
  widget,
  withMetadata,
} from "../world.ts";

const ELSEWHERE = "11111111-2222-3333-4444-555555555555";

export const concurrencyCases: readonly Case[] = [
  {
    title: "a PUT with an old resourceVersion is 409 Conflict and changes nothing",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }));
      refused(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "z" } }), 409, "Conflict", {
        message:
          'Operation cannot be fulfilled on leases.coordination.k8s.io "a": the object has been modified; please apply your changes to the latest version and try again',
        details: { name: "a", group: "coordination.k8s.io", kind: "leases" },
      });
      expect(ok(await api.get(`${leases}/a`))).toEqual(second);
    },
  },
  {
    title: "an old resourceVersion conflicts even if the PUT asks for what is there already",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }));
      refused(
        await api.put(`${leases}/a`, withMetadata(second, { resourceVersion: versionOf(first) })),
        409,
        "Conflict",
      );
    },
  },
  {
    title: "a resourceVersion that is higher than the object's conflicts too",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const ahead = String(BigInt(versionOf(first)) + 1_000_000n);
      refused(await api.put(`${leases}/a`, withMetadata(first, { resourceVersion: ahead })), 409, "Conflict");
    },
  },
  {
    title: "a resourceVersion that is no number is refused with 500 and without a reason",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const reply = await api.put(`${leases}/a`, withMetadata(first, { resourceVersion: "abc", labels: { l: "1" } }));
      expect(reply.status).toBe(500);
      expect(reply.body).toMatchObject({ kind: "Status", status: "Failure", code: 500 });
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "of many PUTs on one resourceVersion exactly one succeeds",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          api.put(`${leases}/a`, { ...first, spec: { holderIdentity: `r${index}` } }),
        ),
      );
      expect(replies.map((reply) => reply.status).sort((a, b) => a - b)).toEqual([
        200,
        ...Array.from({ length: 9 }, () => 409),
      ]);
      const winner = replies.find((reply) => reply.status === 200);
      expect(ok(await api.get(`${leases}/a`))).toEqual(winner?.body);
    },
  },
  {
    title: "of many POSTs of one name exactly one succeeds",
    async run({ api, leases }) {
      const replies = await Promise.all(
        Array.from({ length: 10 }, (_, index) => api.post(leases, lease("a", { holderIdentity: `r${index}` }))),
      );
      expect(replies.map((reply) => reply.status).sort((a, b) => a - b)).toEqual([
        201,
        ...Array.from({ length: 9 }, () => 409),
      ]);
    },
  },
  {
    title: "a PUT without a resourceVersion replaces a ConfigMap whatever its version",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const second = ok(await api.put(`${configMaps}/a`, configMap("a", { k: "2" })));
      expect(second).toMatchObject({ data: { k: "2" }, metadata: { uid: uidOf(first) } });
      expect(newer(versionOf(second), versionOf(first))).toBe(true);
    },
  },
  {
    title: "a PUT without a resourceVersion on an existing Lease is 422",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      refused(await api.put(`${leases}/a`, withMetadata(first, { resourceVersion: undefined })), 422, "Invalid", {
        details: {
          name: "a",
          group: "coordination.k8s.io",
          causes: [{ field: "metadata.resourceVersion", message: containing("must be specified for an update") }],
        },
      });
    },
  },
  {
    title: "a PUT without a resourceVersion on a custom resource is 422",
    async run({ api, widgets }) {
      const first = await created(api, widgets, widget("a", { size: 1 }));
      refused(await api.put(`${widgets}/a`, withMetadata(first, { resourceVersion: undefined })), 422, "Invalid");
    },
  },
  {
    title: "a PUT with another uid is 409 Conflict although the resourceVersion is right",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      const reply = await api.put(`${leases}/a`, {
        ...withMetadata(first, { uid: ELSEWHERE }),
        spec: { holderIdentity: "x" },
      });
      refused(reply, 409, "Conflict", { details: { name: "a", group: "coordination.k8s.io", kind: "leases" } });
      expect(reply.text).toContain(`UID in precondition: ${ELSEWHERE}, UID in object meta: ${uidOf(first)}`);
      expect(ok(await api.get(`${leases}/a`))).toEqual(first);
    },
  },
  {
    title: "a PUT with the uid of a deleted Lease conflicts with the Lease made in its place",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      ok(await api.delete(`${leases}/a`));
      const second = await created(api, leases, lease("a"));
      expect(uidOf(second)).not.toBe(uidOf(first));
      refused(
        await api.put(`${leases}/a`, withMetadata(first, { resourceVersion: versionOf(second) })),
        409,
        "Conflict",
      );
      expect(ok(await api.get(`${leases}/a`))).toEqual(second);
    },
  },
  {
    title: "a PUT without uid to a missing Lease creates it, whatever its resourceVersion",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      ok(await api.delete(`${leases}/a`));
      const again = ok(await api.put(`${leases}/a`, withMetadata(first, { uid: undefined })), 201);
      expect(uidOf(again)).not.toBe(uidOf(first));
      expect(newer(versionOf(again), versionOf(first))).toBe(true);
      expect(child(again, "spec")).toMatchObject({ holderIdentity: "x" });
    },
  },
  {
    title: "a PUT with uid to a missing Lease is 409 Conflict and creates nothing",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a"));
      ok(await api.delete(`${leases}/a`));
      const reply = await api.put(`${leases}/a`, first);
      refused(reply, 409, "Conflict");
      expect(reply.text).toContain(`UID in precondition: ${uidOf(first)}, UID in object meta: `);
      refused(await api.get(`${leases}/a`), 404, "NotFound");
    },
  },
  {
    title: "a PUT that changes nothing answers 200 with the old resourceVersion",
    async run({ api, leases, configMaps, widgets }) {
      for (const [collection, body] of [
        [leases, lease("a", { holderIdentity: "x", leaseDurationSeconds: 15 })],
        [configMaps, configMap("a", { k: "v" })],
        [widgets, widget("a", { size: 1 })],
      ] as const) {
        const first = await created(api, collection, body);
        expect(ok(await api.put(`${collection}/a`, first))).toEqual(first);
      }
    },
  },
  {
    title: "a PUT that changes nothing emits no watch event",
    async run({ api, leases }) {
      const first = await created(api, leases, lease("a", { holderIdentity: "x" }));
      const watch = await api.watch(leases, { resourceVersion: versionOf(first) });
      ok(await api.put(`${leases}/a`, first));
      const second = ok(await api.put(`${leases}/a`, { ...first, spec: { holderIdentity: "y" } }));
      const event = await watch.next();
      expect({ type: event.type, version: versionOf(event.object) }).toEqual({
        type: "MODIFIED",
        version: versionOf(second),
      });
      watch.close();
    },
  },
  {
    title: "a PATCH with a resourceVersion is conditional on it, and one without is not",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      const second = ok(
        await api.patch(`${configMaps}/a`, { metadata: { resourceVersion: versionOf(first) }, data: { k: "2" } }),
      );
      refused(
        await api.patch(`${configMaps}/a`, { metadata: { resourceVersion: versionOf(first) }, data: { k: "3" } }),
        409,
        "Conflict",
        {
          message: containing("the object has been modified"),
        },
      );
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(second);
      expect(ok(await api.patch(`${configMaps}/a`, { data: { k: "4" } }))).toMatchObject({ data: { k: "4" } });
    },
  },
  {
    title: "a PATCH with another uid is 422: the field is immutable",
    async run({ api, configMaps }) {
      const first = await created(api, configMaps, configMap("a", { k: "1" }));
      refused(await api.patch(`${configMaps}/a`, { metadata: { uid: ELSEWHERE }, data: { k: "2" } }), 422, "Invalid", {
        details: {
          causes: among([including({ reason: "FieldValueInvalid", field: "metadata.uid" })]),
        },
      });
      expect(ok(await api.get(`${configMaps}/a`))).toEqual(first);
    },
  },
];
