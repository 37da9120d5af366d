import { renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import type { Credentials } from "../../../src/kube/credentials.ts";
import type { CredentialSource } from "../../../src/kube/kubeconfig.ts";
import { clock, file, folder, type Given, kubeconfig, load } from "./credential-setup.ts";

function containing(text: string): unknown {
  return expect.stringContaining(text);
}

function refusal(given: Given | CredentialSource, message: string): Promise<void> {
  return expect(load(given)).rejects.toMatchObject({
    code: "invalid-configuration",
    message: containing(message),
  });
}

describe("what a kubeconfig says", () => {
  it("is the server with its path prefix, the namespace, the bearer token and the TLS material", async () => {
    const credentials = await load({
      cluster: {
        server: "https://kube.test:6443/k8s/clusters/c-1/",
        "certificate-authority-data": Buffer.from("CA").toString("base64"),
        "tls-server-name": "inner.test",
      },
      user: {
        token: "secret",
        "client-certificate-data": Buffer.from("CERT").toString("base64"),
        "client-key-data": Buffer.from("KEY").toString("base64"),
      },
      context: { namespace: "team" },
    });
    expect(credentials.server).toBe("https://kube.test:6443/k8s/clusters/c-1");
    expect(credentials.namespace).toBe("team");
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer secret" });
    expect(credentials.tls).toEqual({
      ca: Buffer.from("CA"),
      cert: Buffer.from("CERT"),
      key: Buffer.from("KEY"),
      servername: "inner.test",
    });
    expect(credentials.describe()).not.toContain("secret");
  });

  it("works over plain http:// without a setting about TLS, and without any user", async () => {
    const content = kubeconfig({ cluster: { server: "http://127.0.0.1:8001" } });
    const credentials = await load({
      content: { ...content, contexts: [{ name: "main", context: { cluster: "c" } }] },
    });
    expect(credentials).toMatchObject({ server: "http://127.0.0.1:8001", namespace: "default" });
    expect(await credentials.headers()).toEqual({});
  });

  it("keeps the CA when the context has no user", async () => {
    const content = kubeconfig({ cluster: { "certificate-authority-data": Buffer.from("CA").toString("base64") } });
    const credentials = await load({
      content: { ...content, contexts: [{ name: "main", context: { cluster: "c" } }] },
    });
    expect(credentials.tls).toEqual({ ca: Buffer.from("CA") });
  });

  it("is basic auth, an unchecked certificate, and an impersonation with its groups", async () => {
    const credentials = await load({
      cluster: { "insecure-skip-tls-verify": true },
      user: {
        username: "u",
        password: "p:w",
        as: "jane",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": { "x/y": ["1"] },
      },
    });
    expect(credentials.tls).toEqual({ rejectUnauthorized: false });
    expect(await credentials.headers()).toEqual({
      Authorization: `Basic ${Buffer.from("u:p:w").toString("base64")}`,
      "Impersonate-User": "jane",
      "Impersonate-Uid": "7",
      "Impersonate-Group": ["a", "b"],
      "Impersonate-Extra-x%2Fy": ["1"],
    });
  });

  it("takes paths relative to the file that holds them, not to where the process stands", async () => {
    file("pki/ca.crt", "CA");
    file("pki/token", "secret\n");
    const path = file(
      "config",
      JSON.stringify(
        kubeconfig({ cluster: { "certificate-authority": "pki/ca.crt" }, user: { tokenFile: "pki/token" } }),
      ),
    );
    const credentials = await load({ kubeconfig: path });
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer secret" });
    expect(credentials.tls).toEqual({ ca: Buffer.from("CA") });
  });

  it("honours a proxy, and refuses one that it would silently go around", async () => {
    expect((await load({ cluster: { "proxy-url": "http://proxy.test:3128" } })).proxyUrl).toBe(
      "http://proxy.test:3128",
    );
    await refusal({ cluster: { "proxy-url": "socks5://proxy.test" } }, "SOCKS");
  });
});

describe("a configuration that is wrong", () => {
  it("names the contexts that there are", async () => {
    await refusal({ content: kubeconfig(), context: "other" }, 'no context "other"; it has main');
    await refusal(
      { content: { ...kubeconfig(), "current-context": "" } },
      "no current-context; set one, or give --context (it has main)",
    );
  });

  it("names what a context lacks, and does not mind broken entries that nobody asked for", async () => {
    await refusal({ context: { cluster: "gone" } }, 'names cluster "gone"');
    await refusal({ context: { user: "gone" } }, 'names user "gone"');
    await refusal({ cluster: { server: "kube.test" } }, "is not an http:// or https:// URL");
    const content = kubeconfig();
    const clusters = [{ name: "broken" }, { name: "c", cluster: { server: "https://kube.test" } }];
    expect((await load({ content: { ...content, clusters } })).server).toBe("https://kube.test");
  });

  it("never shows a secret that stands near the fault", async () => {
    const path = file("config", `users:\n- name: u\n  user:\n    token: s3cr3t\n   broken: [\n`);
    const failure: unknown = await load({ kubeconfig: path }).catch((error: unknown) => error);
    expect(String(failure)).toContain("not valid YAML");
    expect(String(failure)).not.toContain("s3cr3t");
  });

  it.each([
    ["empty", ""],
    ["a list", "[]"],
    ["text", "hello"],
  ])("is refused when the file is %s", async (_, text) => {
    await expect(load({ kubeconfig: file("config", text) })).rejects.toMatchObject({ code: "invalid-configuration" });
  });

  it("is refused when a file it names is missing", async () => {
    await refusal({ kubeconfig: join(folder, "missing") }, "cannot be read");
    await refusal({ cluster: { "certificate-authority": join(folder, "missing.crt") } }, "missing.crt");
    await refusal({ user: { tokenFile: join(folder, "missing-token") } }, "missing-token");
  });
});

describe("the search", () => {
  function named(name: string, server: string): string {
    return file(name, JSON.stringify(kubeconfig({ cluster: { server } })));
  }

  it("takes the named file, then KUBECONFIG, then the pod's service account, then ~/.kube/config", async () => {
    const given = named("given", "https://given");
    const listed = named("listed", "https://listed");
    named(".kube/config", "https://home");
    const prefix = serviceAccount();
    const environment = { HOME: folder, KUBECONFIG: listed, KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    const everything = { kubeconfig: given, environment, serviceAccountPrefix: prefix };
    expect((await load(everything)).server).toBe("https://given");
    const { kubeconfig: _, ...unnamed } = everything;
    expect((await load(unnamed)).server).toBe("https://listed");
    const { KUBECONFIG: __, ...inPod } = environment;
    expect((await load({ ...unnamed, environment: inPod })).server).toBe("https://10.0.0.1");
    expect((await load({ environment: { HOME: folder } })).server).toBe("https://home");
  });

  it("merges the files of KUBECONFIG as kubectl does: the first wins, missing ones are passed over", async () => {
    const first = file(
      "first",
      JSON.stringify({ "current-context": "main", users: [{ name: "u", user: { token: "first" } }] }),
    );
    const second = named("second", "https://second");
    const environment = { HOME: folder, KUBECONFIG: [join(folder, "missing"), first, second].join(delimiter) };
    const credentials = await load({ environment });
    expect(credentials.server).toBe("https://second");
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer first" });
  });

  it("says what to do when nothing is found", async () => {
    await refusal({ environment: { HOME: folder } }, "give --kubeconfig, or set KUBECONFIG");
    await refusal({ environment: { HOME: folder, KUBECONFIG: join(folder, "missing") } }, "correct or unset it");
  });
});

/** A pod's mounted service account below a folder of its own. */
function serviceAccount(token = "pod-token\n"): string {
  const root = "var/run/secrets/kubernetes.io/serviceaccount";
  file(`pod/${root}/token`, token);
  file(`pod/${root}/ca.crt`, "CA");
  file(`pod/${root}/namespace`, "shop\n");
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  vi.stubEnv("KUBERNETES_SERVICE_PORT", "443");
  return join(folder, "pod");
}

describe("in a pod", () => {
  function inPod(): Promise<Credentials> {
    const environment = { HOME: folder, KUBERNETES_SERVICE_HOST: "10.0.0.1" };
    return load({ environment, serviceAccountPrefix: serviceAccount() });
  }
  const root = "pod/var/run/secrets/kubernetes.io/serviceaccount";

  it("uses the service account's token, CA and namespace, without their newlines", async () => {
    const credentials = await inPod();
    expect(credentials).toMatchObject({ server: "https://10.0.0.1", namespace: "shop" });
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer pod-token" });
    expect(credentials.tls).toEqual({ ca: Buffer.from("CA") });
  });

  it("reads a rotated token within a second, without any 401", async () => {
    const credentials = await inPod();
    const rotated = file(`${root}/.new`, "rotated");
    renameSync(rotated, join(folder, root, "token"));
    await clock.advance(1_000);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer rotated" });
  });

  it("reads the token at once after a 401, even within the second", async () => {
    const credentials = await inPod();
    writeFileSync(join(folder, root, "token"), "pod-tokem\n");
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer pod-token" });
    credentials.invalidate();
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer pod-tokem" });
  });

  it("keeps the last good token while the file is missing or empty, as in the middle of a rotation", async () => {
    const credentials = await inPod();
    const path = join(folder, root, "token");
    rmSync(path);
    credentials.invalidate();
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer pod-token" });
    writeFileSync(path, "");
    await clock.advance(1_000);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer pod-token" });
    writeFileSync(path, "new");
    await clock.advance(1_000);
    expect(await credentials.headers()).toEqual({ Authorization: "Bearer new" });
  });

  it("gives another TLS object when the CA was rotated, and the same one as long as it was not", async () => {
    const credentials = await inPod();
    const before = credentials.tls;
    credentials.invalidate();
    await credentials.headers();
    expect(credentials.tls).toBe(before);
    writeFileSync(join(folder, root, "ca.crt"), "CA2");
    await clock.advance(1_000);
    await credentials.headers();
    expect(credentials.tls).toEqual({ ca: Buffer.from("CA2") });
  });
});
