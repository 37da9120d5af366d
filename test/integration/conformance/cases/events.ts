/** Events, as controllers report them. */
import { expect } from "vitest";
import type { Body } from "../client.ts";
import { type Case, child, created, namesOf, ok, refused, type World } from "../world.ts";

const about = (namespace: string): Body => ({
  kind: "Lease",
  namespace,
  name: "shop-shard-01",
  uid: "u-1",
  apiVersion: "coordination.k8s.io/v1",
});

const coreEvent = (namespace: string, name: string, more: Body = {}): Body => ({
  metadata: { name },
  involvedObject: about(namespace),
  reason: "LeaderElection",
  message: "r1 became leader",
  type: "Normal",
  source: { component: "electorate" },
  firstTimestamp: "2026-11-21T12:00:00Z",
  lastTimestamp: "2026-11-21T12:00:00Z",
  count: 1,
  ...more,
});

const groupedEvent = (namespace: string, name: string, more: Body = {}): Body => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { name },
  regarding: about(namespace),
  reason: "LeaderElection",
  note: "r1 became leader",
  type: "Normal",
  action: "Elect",
  eventTime: "2026-11-21T12:00:00.000000Z",
  reportingController: "electorate.dev/coordinator",
  reportingInstance: "r1",
  ...more,
});

const grouped = ({ namespace }: World): string => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;

export const eventCases: readonly Case[] = [
  {
    title: "an Event of the core group is accepted as client-go's recorder writes it",
    async run({ api, namespace, events }) {
      const body = await created(api, events, coreEvent(namespace, "e.1"));
      expect(body).toMatchObject({
        kind: "Event",
        apiVersion: "v1",
        count: 1,
        reason: "LeaderElection",
        message: "r1 became leader",
      });
      expect(child(body, "involvedObject")).toEqual(about(namespace));
    },
  },
  {
    title: "an Event of events.k8s.io is accepted, and microseconds are kept",
    async run(world) {
      const body = await created(world.api, grouped(world), groupedEvent(world.namespace, "e.1"));
      expect(body).toMatchObject({
        apiVersion: "events.k8s.io/v1",
        note: "r1 became leader",
        eventTime: "2026-11-21T12:00:00.000000Z",
        reportingController: "electorate.dev/coordinator",
      });
    },
  },
  {
    title: "both groups show the same Events, each in its own words",
    async run(world) {
      const { api, namespace, events } = world;
      await created(api, events, coreEvent(namespace, "old"));
      await created(api, grouped(world), groupedEvent(namespace, "new"));
      expect(ok(await api.get(`${grouped(world)}/old`))).toMatchObject({
        apiVersion: "events.k8s.io/v1",
        note: "r1 became leader",
        regarding: about(namespace),
        deprecatedCount: 1,
      });
      expect(ok(await api.get(`${events}/new`))).toMatchObject({
        apiVersion: "v1",
        message: "r1 became leader",
        involvedObject: about(namespace),
        reportingComponent: "electorate.dev/coordinator",
      });
    },
  },
  {
    title: "an Event about another namespace than its own is refused",
    async run({ api, namespace, events }) {
      refused(await api.post(events, coreEvent(`${namespace}-b`, "e.1")), 422, "Invalid", {
        details: { causes: [{ field: "involvedObject.namespace" }] },
      });
    },
  },
  {
    title: "an Event of events.k8s.io without eventTime is refused",
    async run(world) {
      const body = groupedEvent(world.namespace, "e.1", { eventTime: undefined });
      refused(await world.api.post(grouped(world), body), 422, "Invalid");
    },
  },
  {
    title: "an Event of events.k8s.io without reportingController is refused and the field is named",
    async run(world) {
      const reply = await world.api.post(
        grouped(world),
        groupedEvent(world.namespace, "e.1", { reportingController: "" }),
      );
      refused(reply, 422, "Invalid");
      expect(reply.text).toContain("reportingController");
    },
  },
  {
    title: "an eventTime without microseconds is 400",
    async run(world) {
      const reply = await world.api.post(
        grouped(world),
        groupedEvent(world.namespace, "e.1", { eventTime: "2026-11-21T12:00:00Z" }),
      );
      refused(reply, 400, "BadRequest");
    },
  },
  {
    title: "a repeated Event is counted up by a patch",
    async run({ api, namespace, events }) {
      await created(api, events, coreEvent(namespace, "e.1"));
      const body = ok(await api.patch(`${events}/e.1`, { count: 2, lastTimestamp: "2026-11-21T12:05:00Z" }));
      expect(body).toMatchObject({
        count: 2,
        firstTimestamp: "2026-11-21T12:00:00Z",
        lastTimestamp: "2026-11-21T12:05:00Z",
      });
    },
  },
  {
    title: "Events can be selected by what they are about",
    async run({ api, namespace, events }) {
      await created(api, events, coreEvent(namespace, "a"));
      await created(
        api,
        events,
        coreEvent(namespace, "b", { involvedObject: { ...about(namespace), name: "other" }, reason: "Other" }),
      );
      const by = async (fieldSelector: string): Promise<string[]> =>
        namesOf(ok(await api.list(events, { fieldSelector })));
      expect(await by("involvedObject.name=other")).toEqual(["b"]);
      expect(await by("involvedObject.kind=Lease,reason=LeaderElection")).toEqual(["a"]);
      expect(await by("type=Warning")).toEqual([]);
    },
  },
];
