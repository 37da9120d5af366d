import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../../src/kube/api.ts";
import { annotatedFormat, CONFIG_MAPS } from "../../../src/lease/annotated.ts";
import { changedLease, newLease } from "../../../src/lease/record.ts";

const LEADER = "control-plane.alpha.kubernetes.io/leader";
const format = annotatedFormat(CONFIG_MAPS);

/** As client-go 0.23 writes it. */
const BY_CLIENT_GO =
  '{"holderIdentity":"old-1","leaseDurationSeconds":15,"acquireTime":"2026-01-01T00:00:00Z","renewTime":"2026-01-01T00:00:04Z","leaderTransitions":3}';

function configMap(annotations: Record<string, string>): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "shop", namespace: "default", uid: "u1", resourceVersion: "7", annotations },
    data: { theirs: "kept" },
  };
}

describe("a lock of an older elector", () => {
  it("is not understood, so that its holder counts for nothing", () => {
    expect(format.read(configMap({ [LEADER]: BY_CLIENT_GO }))).toMatchObject({
      name: "shop",
      uid: "u1",
      resourceVersion: "7",
      record: {
        holder: "old-1",
        durationMs: 15_000,
        acquireTime: "2026-01-01T00:00:00Z",
        renewTime: "2026-01-01T00:00:04Z",
        transitions: 3,
      },
    });
  });

  it("is written under names that client-go does not read, or loses what else is in the object", () => {
    const renewTime = "2026-01-01T00:00:06.000001Z";
    const record = { holder: "r1", durationMs: 15_000, acquireTime: renewTime, renewTime, transitions: 4 };
    const stored = format.read(configMap({ [LEADER]: BY_CLIENT_GO, other: "kept" }));
    const { metadata, ...rest } = format.write(changedLease(stored, { record }));
    expect(rest).toEqual({ apiVersion: "v1", kind: "ConfigMap", data: { theirs: "kept" } });
    expect(metadata).toMatchObject({ uid: "u1", resourceVersion: "7", annotations: { other: "kept" } });
    expect(JSON.parse(metadata.annotations?.[LEADER] ?? "")).toEqual({
      holderIdentity: "r1",
      leaseDurationSeconds: 15,
      acquireTime: renewTime,
      renewTime,
      leaderTransitions: 4,
    });
    expect(format.read(format.write(newLease("shop", "default", { record }))).record).toEqual(record);
  });

  it.each([undefined, "", "no JSON", "[1]", '"text"', "null", '{"holderIdentity":7,"leaderTransitions":"x"}'])(
    "%j ends the elector, or is free at once",
    (text) => {
      const { record } = format.read(configMap(text === undefined ? {} : { [LEADER]: text }));
      expect(record).toEqual({ holder: "", durationMs: 0, acquireTime: "", renewTime: "", transitions: 0 });
    },
  );
});
