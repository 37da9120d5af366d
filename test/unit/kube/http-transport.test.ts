import { describe, expect, it, vi } from "vitest";
import { type Credentials, staticCredentials } from "../../../src/kube/credentials.ts";
import type { Answer } from "../../../src/kube/http-transport.ts";
import { codeOf, get, matching, read, replaceServer, server, soon, transportTo } from "./http-setup.ts";
import { BlackHole } from "./local-server.ts";

describe("a request on the wire", () => {
  it("carries the path prefix, the escaped query, our user agent, the token and no wish for compression", async () => {
    const credentials = staticCredentials({ server: `${server.url}/k8s/clusters/c-1/`, token: "secret" });
    await transportTo(credentials, { component: "shop (é)" }).request({
      method: "PUT",
      path: "/apis/a/v1/x%2Fy",
      query: { labelSelector: "a in (b,c)", fieldSelector: "metadata.name=x&y" },
      body: '{"a":"ü"}',
      deadlineMs: 20_000,
    });
    const [sent] = server.requests;
    expect(sent?.url).toBe(
      "/k8s/clusters/c-1/apis/a/v1/x%2Fy?labelSelector=a+in+%28b%2Cc%29&fieldSelector=metadata.name%3Dx%26y",
    );
    expect(sent?.headers["user-agent"]).toMatch(/^electorate\/\d+\.\d+\.\d+\S* \(shop \)$/);
    expect(sent?.headers).toMatchObject({
      authorization: "Bearer secret",
      accept: "application/json",
      "content-type": "application/json",
    });
    expect(sent?.headers["accept-encoding"]).toBeUndefined();
    expect(sent?.body).toBe('{"a":"ü"}');
  });

  it("sends the groups of an impersonation as headers of their own", async () => {
    const groups: string[] = [];
    server.handle = (request, response) => {
      for (let at = 0; at < request.rawHeaders.length; at += 2) {
        if (request.rawHeaders[at]?.toLowerCase() === "impersonate-group")
          groups.push(request.rawHeaders[at + 1] ?? "");
      }
      response.end("{}");
    };
    const credentials = staticCredentials({ server: server.url, headers: { "Impersonate-Group": ["a", "b"] } });
    await transportTo(credentials).request(get());
    expect(groups).toEqual(["a", "b"]);
  });

  it("gives any status back as a value, with headers in lower case", async () => {
    server.handle = (_, response) =>
      void response.writeHead(429, { "Retry-After": "3", Connection: "keep-alive" }).end("later");
    const answer = await transportTo(server.url).request(get());
    expect(answer).toMatchObject({ status: 429, body: "later", headers: { "retry-after": "3" } });
  });

  it("reuses its connections, so that a thousand renewals do not open a thousand sockets", async () => {
    const transport = transportTo(server.url, { connections: 4 });
    // Not one: a connection counts as free again only a moment after its answer was read.
    for (let i = 0; i < 50; i++) await transport.request(get());
    expect(server.opened).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 100 }, () => transport.request(get())));
    expect(server.opened).toBeLessThanOrEqual(4);
  });

  it("does not let watches take the connections of requests", async () => {
    server.handle = (request, response) => {
      if (request.url === "/watch") response.write("{}\n");
      else response.end("{}");
    };
    const transport = transportTo(server.url, { connections: 1 });
    const streams = await Promise.all(Array.from({ length: 5 }, () => transport.stream(get("/watch"))));
    expect((await transport.request(get())).status).toBe(200);
    for (const stream of streams) for await (const _ of stream.lines) break;
    await vi.waitFor(() => expect(server.sockets.size).toBe(1), soon);
  });

  it("counts each exchange once, with client-go's labels", async () => {
    const answers: Answer[] = [];
    const transport = transportTo(server.url, { onAnswer: (answer) => void answers.push(answer) });
    await transport.request(get());
    server.handle = (request) => void request.socket.destroy();
    await expect(transport.request(get("/x", { method: "PUT", body: "{}" }))).rejects.toMatchObject({
      code: "unreachable",
    });
    const host = new URL(server.url).host;
    expect(answers).toEqual([
      { method: "GET", host, code: "200" },
      { method: "PUT", host, code: "<error>" },
    ]);
  });
});

describe("no answer", () => {
  it("never sends a write twice, not even when a kept-alive connection breaks under it", async () => {
    const transport = transportTo(server.url);
    await transport.request(get());
    server.handle = (request) => void request.socket.destroy();
    await expect(transport.request(get("/x", { method: "PUT", body: "{}" }))).rejects.toMatchObject({
      code: "unreachable",
    });
    expect(server.requests.filter(({ method }) => method === "PUT")).toHaveLength(1);
  });

  it("is a timeout when the head does not come in time", async () => {
    server.handle = () => {};
    const failure = transportTo(server.url).request(get("/slow", { deadlineMs: 60 }));
    await expect(failure).rejects.toMatchObject({ code: "timeout", message: matching("60 ms") });
  });

  it("is a timeout when the head comes, but the body does not end in time", async () => {
    server.handle = (_, response) => void response.write('{"half":');
    const failure = transportTo(server.url).request(get("/slow", { deadlineMs: 150 }));
    await expect(failure).rejects.toMatchObject({ code: "timeout" });
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("is a timeout when the credentials do not come in time", async () => {
    const credentials: Credentials = {
      ...staticCredentials({ server: server.url }),
      headers: () => new Promise(() => {}),
    };
    await expect(transportTo(credentials).request(get("/x", { deadlineMs: 50 }))).rejects.toMatchObject({
      code: "timeout",
    });
    expect(server.requests).toEqual([]);
  });

  it("is unreachable, naming the reason, when credentials cannot be had", async () => {
    const failing = async (): Promise<never> => Promise.reject(new Error("plugin said no"));
    const credentials: Credentials = { ...staticCredentials({ server: server.url }), headers: failing };
    const failure = transportTo(credentials).request(get());
    await expect(failure).rejects.toMatchObject({
      code: "unreachable",
      message: matching("plugin said no"),
    });
  });

  it("is unreachable when nobody listens, naming method, host and path", async () => {
    const { host } = new URL(server.url);
    await replaceServer();
    const failure = transportTo(`http://${host}`).request(get("/apis"));
    await expect(failure).rejects.toMatchObject({
      code: "unreachable",
      message: matching(new RegExp(`GET ${host}/apis: .*ECONNREFUSED`)),
    });
  });

  it("is unreachable when the body is larger than the bound, instead of filling memory", async () => {
    server.handle = (_, response) => void response.end("x".repeat(2_000_000));
    const failure = transportTo(server.url, { maxBodyBytes: 1_000_000 }).request(get());
    await expect(failure).rejects.toMatchObject({ code: "unreachable" });
  });

  it("is aborted when the caller gives up, before and during the exchange, and the socket is gone", async () => {
    server.handle = () => {};
    const transport = transportTo(server.url);
    await expect(transport.request(get("/x", { signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: "aborted",
    });
    const caller = new AbortController();
    const failure = codeOf(transport.request(get("/x", { signal: caller.signal })));
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), soon);
    caller.abort();
    expect(await failure).toBe("aborted");
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("recovers at the next request when all its connections swallow everything, not after a deadline for each", async () => {
    const hole = await new BlackHole(server.port).listen();
    try {
      const transport = transportTo(hole.url);
      await Promise.all(Array.from({ length: 20 }, () => transport.request(get())));
      await vi.waitFor(() => expect(hole.connections).toBe(4), soon);
      hole.swallow();
      await expect(transport.request(get("/x", { method: "PUT", deadlineMs: 100 }))).rejects.toMatchObject({
        code: "timeout",
      });
      expect((await transport.request(get("/x", { deadlineMs: 5_000 }))).status).toBe(200);
    } finally {
      await hole.close();
    }
  });

  it("keeps its other connections when one request is slow and others are answered", async () => {
    const transport = transportTo(server.url, { connections: 4 });
    const four = (): Promise<unknown> => Promise.all(Array.from({ length: 4 }, () => transport.request(get())));
    await four();
    expect(server.opened).toBe(4);
    server.handle = (request, response) => void (request.url !== "/slow" && response.end("{}"));
    const slow = codeOf(transport.request(get("/slow", { deadlineMs: 200 })));
    await transport.request(get());
    expect(await slow).toBe("timeout");
    await four();
    expect(server.opened).toBeLessThanOrEqual(5);
  });

  it("leaves nothing running after close: requests and streams are aborted, later ones refused", async () => {
    server.handle = (request, response) => void (request.url === "/watch" && response.write("{}\n"));
    const transport = transportTo(server.url);
    const stream = await transport.stream(get("/watch"));
    const hanging = codeOf(transport.request(get("/hang")));
    await vi.waitFor(() => expect(server.requests).toHaveLength(2), soon);
    const reading = codeOf(read(stream));
    await transport.close();
    expect(await hanging).toBe("aborted");
    expect(await reading).toBe("aborted");
    await expect(transport.request(get())).rejects.toMatchObject({ code: "aborted" });
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("sends nothing after close, even when its credentials come only then", async () => {
    const headers = Promise.withResolvers<Record<string, string>>();
    const credentials: Credentials = { ...staticCredentials({ server: server.url }), headers: () => headers.promise };
    const transport = transportTo(credentials);
    const waiting = codeOf(transport.request(get()));
    await transport.close();
    headers.resolve({});
    expect(await waiting).toBe("aborted");
    expect(server.requests).toEqual([]);
  });
});

describe("credentials", () => {
  it("are invalidated by a 401, of a request and of a stream, and by nothing else", async () => {
    const invalidate = vi.fn<() => void>();
    const transport = transportTo({ ...staticCredentials({ server: server.url }), invalidate });
    server.handle = (_, response) => void response.writeHead(403, { connection: "keep-alive" }).end();
    await transport.request(get());
    expect(invalidate).not.toHaveBeenCalled();
    server.handle = (_, response) => void response.writeHead(401, { connection: "keep-alive" }).end("no");
    expect((await transport.request(get())).status).toBe(401);
    expect(invalidate).toHaveBeenCalledTimes(1);
    expect(await read(await transport.stream(get()))).toEqual(["no"]);
    expect(invalidate).toHaveBeenCalledTimes(2);
    expect(server.requests).toHaveLength(3);
  });

  it("with new TLS material are used on new connections, while an open watch goes on", async () => {
    let watch: { write(text: string): void } | undefined;
    server.handle = (request, response) => {
      if (request.url !== "/watch") return void response.end("{}");
      response.write("1\n");
      watch = response;
    };
    const credentials = { ...staticCredentials({ server: server.url }), tls: {} };
    const transport = transportTo(credentials);
    await transport.request(get());
    const lines = (await transport.stream(get("/watch"))).lines[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe("1");
    const before = server.opened;
    credentials.tls = {};
    await transport.request(get());
    expect(server.opened).toBe(before + 1);
    watch?.write("2\n");
    expect((await lines.next()).value).toBe("2");
    await lines.return?.();
    await vi.waitFor(() => expect(server.sockets.size).toBe(1), soon);
  });
});
