import type { ApiResource, KubernetesObject } from "../../../src/kube/api.ts";
import type { Log } from "../../../src/runtime/telemetry.ts";

export const CONFIG_MAPS: ApiResource = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};
export const DEPLOYMENTS: ApiResource = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  namespaced: true,
};
export const NODES: ApiResource = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };

/** An object of `default` or of the namespace before the slash. */
export function object(key: string, resourceVersion: string, more: Record<string, unknown> = {}): KubernetesObject {
  const [namespace = "default", name = ""] = key.includes("/") ? key.split("/") : ["default", key];
  return { metadata: { namespace, name, uid: `uid-of-${name}`, resourceVersion, ...more } };
}

export interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** A log that keeps its lines, the fields of `child` included. */
export function recordingLog(lines: LogLine[], bound: object = {}): Log {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...bound, ...fields }, message });
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => recordingLog(lines, { ...bound, ...fields }),
  };
}
