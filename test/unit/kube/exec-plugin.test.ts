import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Credentials } from "../../../src/kube/credentials.ts";
import { clock, file, folder, kubeconfig, load } from "./credential-setup.ts";

describe("a plugin", () => {
  /** A plugin that counts its runs, and prints what `print` is. */
  function plugin(print: string): {
    readonly path: string;
    readonly runs: () => number;
    readonly print: (text: string) => void;
  } {
    const script = `#!/bin/sh
echo run >> "${folder}/runs"
[ -n "$KUBERNETES_EXEC_INFO" ] || exit 7
cat "${folder}/print"
[ -s "${folder}/print" ] || { echo "sorry, logged out" >&2; exit 1; }
`;
    const path = file("plugin", script);
    chmodSync(path, 0o755);
    file("print", print);
    return {
      path,
      runs: () =>
        existsSync(join(folder, "runs")) ? readFileSync(join(folder, "runs"), "utf8").trim().split("\n").length : 0,
      print: (text) => void file("print", text),
    };
  }

  function credential(token: string, expirationTimestamp?: string): string {
    return JSON.stringify({
      kind: "ExecCredential",
      status: { token, ...(expirationTimestamp === undefined ? {} : { expirationTimestamp }) },
    });
  }

  function withPlugin(command: string): Promise<Credentials> {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command };
    return load({ kubeconfig: file("config", JSON.stringify(kubeconfig({ user: { exec } }))) });
  }

  it("runs once for many requests, beside its kubeconfig, and is told how it is called", async () => {
    const { runs } = plugin(credential("one"));
    const credentials = await withPlugin("./plugin");
    expect(runs()).toBe(0);
    const all = await Promise.all(Array.from({ length: 20 }, () => credentials.headers()));
    expect(new Set(all.map((headers) => headers.Authorization))).toEqual(new Set(["Bearer one"]));
    await clock.advance(5_000);
    await credentials.headers();
    expect(runs()).toBe(1);
  });

  it("runs again when what it gave has expired", async () => {
    const { path, print, runs } = plugin(credential("one", "2020-01-01T00:00:00Z"));
    const credentials = await withPlugin(path);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer one" });
    print(credential("two"));
    await clock.advance(1_000);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer two" });
    expect(runs()).toBe(2);
  });

  it("runs again after a 401, but not for each of many", async () => {
    const { path, print, runs } = plugin(credential("one"));
    const credentials = await withPlugin(path);
    await credentials.headers();
    print(credential("two"));
    credentials.invalidate();
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer two" });
    for (let i = 0; i < 10; i++) {
      credentials.invalidate();
      await credentials.headers();
    }
    expect(runs()).toBe(2);
    await clock.advance(1_000);
    credentials.invalidate();
    await credentials.headers();
    expect(runs()).toBe(3);
  });

  it("that fails is an error with what it said, is not run for every request, and recovers by itself", async () => {
    const { path, print, runs } = plugin("");
    const credentials = await withPlugin(path);
    await expect(credentials.headers()).rejects.toThrow("sorry, logged out");
    await expect(credentials.headers()).rejects.toThrow("sorry, logged out");
    expect(runs()).toBe(1);
    print(credential("one"));
    await clock.advance(1_000);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer one" });
  });

  it("that is missing or prints nonsense is an error, never a request without credentials", async () => {
    await expect((await withPlugin("./missing")).headers()).rejects.toThrow("ENOENT");
    const { path } = plugin("{}");
    await expect((await withPlugin(path)).headers()).rejects.toThrow("no credentials");
  });

  it("can give a client certificate instead of a token", async () => {
    const { path } = plugin(JSON.stringify({ status: { clientCertificateData: "CERT", clientKeyData: "KEY" } }));
    const credentials = await withPlugin(path);
    expect(await credentials.headers()).toEqual({});
    expect(credentials.tls).toEqual({ cert: "CERT", key: "KEY" });
  });
});
