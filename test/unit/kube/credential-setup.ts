import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import type { Credentials } from "../../../src/kube/credentials.ts";
import type { CredentialSource } from "../../../src/kube/kubeconfig.ts";
import { loadCredentials } from "../../../src/kube/refreshing-credentials.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** A folder of its own for each test, kubeconfigs in it, and virtual time. */

export let folder: string;
export let clock: VirtualClock;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "electorate-credentials-"));
  clock = new VirtualClock();
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

export function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

export interface Given {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
}

export function kubeconfig({ cluster = {}, user = {}, context = {} }: Given = {}): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "main",
    clusters: [{ name: "c", cluster: { server: "https://kube.test:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "main", context: { cluster: "c", user: "u", ...context } }],
  };
}

export function load(given: Given | CredentialSource): Promise<Credentials> {
  const source =
    "content" in given || "kubeconfig" in given || "environment" in given
      ? given
      : { content: kubeconfig(given as Given) };
  return loadCredentials({ environment: { HOME: folder }, ...source }, clock);
}
