import { connect } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ApiServerOptions, type EmbeddedApiServer, startApiServer } from "../../../src/embedded/index.ts";
import { bodyIn, CONFIG_MAPS, LEASES } from "./requests.ts";

let server: EmbeddedApiServer | undefined;

afterEach(() => server?.close());

async function started(options: ApiServerOptions = {}): Promise<EmbeddedApiServer> {
  server = await startApiServer(options);
  return server;
}

const make = (url: string, name: string): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ metadata: { name } }),
  });

describe("over HTTP", () => {
  test("requests, and a watch whose lines come as they happen", async () => {
    const { url, core } = await started();
    const watching = await fetch(`${url}${LEASES}?watch=true`);
    expect(watching.headers.get("content-type")).toBe("application/json");
    expect((await make(`${url}${LEASES}`, "a")).status).toBe(201);
    const reader = watching.body?.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = (await reader?.read()) ?? {};
    expect(value.endsWith("\n")).toBe(true);
    expect(JSON.parse(value)).toMatchObject({ type: "ADDED", object: { metadata: { name: "a" } } });
    await reader?.cancel();
    await vi.waitFor(() => expect(core.watches).toEqual([]), { timeout: 10_000 });
  });

  test("no keep-alive hint, or clients would hold abandoned connections open for as long as it says", async () => {
    const { url } = await started();
    const { headers } = await fetch(`${url}${LEASES}`);
    expect(headers.get("connection")).toBe("keep-alive");
    expect(headers.get("keep-alive")).toBeNull();
  });

  test("queries are decoded as clients encode them", async () => {
    const { url } = await started();
    const labelled = { metadata: { name: "a", labels: { app: "x" } } };
    await fetch(`${url}${CONFIG_MAPS}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(labelled),
    });
    for (const query of [
      "labelSelector=app+in+%28x%29",
      "labelSelector=app%20in%20(x)",
      "fieldSelector=metadata.name%3Da",
    ]) {
      const list = bodyIn(await (await fetch(`${url}${CONFIG_MAPS}?${query}`)).text());
      expect(list.items).toHaveLength(1);
    }
  });

  test("a dropped connection is an error for the client, with the write applied or not", async () => {
    const { url, core } = await started();
    core.faults.add({ verb: "create", times: 1, fault: { kind: "drop-before" } });
    core.faults.add({ verb: "create", times: 1, fault: { kind: "drop-after" } });
    await expect(make(`${url}${LEASES}`, "a")).rejects.toThrow("fetch failed");
    expect((await fetch(`${url}${LEASES}/a`)).status).toBe(404);
    await expect(make(`${url}${LEASES}`, "a")).rejects.toThrow("fetch failed");
    expect((await fetch(`${url}${LEASES}/a`)).status).toBe(200);
  });

  test("an answer that is not even JSON", async () => {
    const { url, core } = await started();
    const fault = { kind: "answer", status: 502, body: "<html>", contentType: "text/html" } as const;
    core.faults.add({ times: 1, fault });
    const answer = await fetch(`${url}${LEASES}`);
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      502,
      "text/html",
      "<html>",
    ]);
  });

  test("cut watches break, ended ones end", async () => {
    const { url, core } = await started();
    const cut = await fetch(`${url}${LEASES}?watch=true`);
    core.endWatches("cut");
    await expect(cut.text()).rejects.toThrow("terminated");
    const ended = await fetch(`${url}${LEASES}?watch=true`);
    core.endWatches("finished");
    expect(await ended.text()).toBe("");
  });

  test("a body beyond 3 MiB is refused and the server lives on", async () => {
    const { url } = await started();
    const answer = await fetch(`${url}${LEASES}`, { method: "POST", body: "x".repeat(4 * 1024 * 1024) });
    expect(answer.status).toBe(413);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test("bytes that are no HTTP, and a request that breaks off, do no harm", async () => {
    const { url } = await started();
    const port = Number(new URL(url).port);
    for (const text of ["nonsense\r\n\r\n", `POST ${LEASES} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`]) {
      const socket = connect(port, "127.0.0.1");
      await new Promise<void>((resolve) => socket.write(text, () => resolve()));
      socket.destroy();
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const list = bodyIn(await (await fetch(`${url}${LEASES}`)).text());
    expect(list.items).toEqual([]);
  });

  test("closing ends watches and connections, twice too", async () => {
    const running = await started();
    const watching = await fetch(`${running.url}${LEASES}?watch=true`);
    const ending = watching.text().catch(() => "broken");
    await running.close();
    await running.close();
    await ending;
    expect(running.openConnections()).toBe(0);
    await expect(fetch(`${running.url}/readyz`)).rejects.toThrow("fetch failed");
  });

  test("a taken port is told with its remedy", async () => {
    const { url } = await started();
    const port = Number(new URL(url).port);
    const starting = startApiServer({ port });
    await expect(starting).rejects.toThrow("choose another port");
    await expect(starting).rejects.toMatchObject({ code: "invalid-configuration" });
  });

  test("the kubeconfig names the server and a token that it accepts", async () => {
    const running = await started({ tokens: { secret: { name: "ann" } } });
    const { url } = running;
    const { object, text } = running.kubeconfig();
    expect(text).toBe(`${JSON.stringify(object, undefined, 2)}\n`);
    expect(object.clusters[0]?.cluster.server).toBe(url);
    const token = object.users[0]?.user.token ?? "";
    const answer = await fetch(`${url}${LEASES}`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
    expect((await fetch(`${url}${LEASES}`)).status).toBe(401);
  });
});
