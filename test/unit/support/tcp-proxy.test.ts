import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

const BOUND = { timeout: 10_000, interval: 5 };

/** A server that notes what it receives and answers `re:<text>`. */
async function startEcho(): Promise<{ url: string; received: string[]; ended: string[]; close(): Promise<void> }> {
  const received: string[] = [];
  const ended: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (chunk: Buffer) => {
      received.push(chunk.toString());
      socket.write(`re:${chunk.toString()}`);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => ended.push(error.code ?? "error"));
    socket.on("end", () => ended.push("end"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { url: `http://127.0.0.1:${address.port}`, received, ended, close };
}

async function client(url: string): Promise<{ socket: Socket; heard: string[]; ended: string[] }> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const heard: string[] = [];
  const ended: string[] = [];
  socket.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
  socket.on("error", (error: NodeJS.ErrnoException) => ended.push(error.code ?? "error"));
  socket.on("end", () => ended.push("end"));
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return { socket, heard, ended };
}

describe("the TCP proxy", () => {
  let echo: Awaited<ReturnType<typeof startEcho>>;
  let proxy: TcpProxy;

  beforeEach(async () => {
    echo = await startEcho();
    proxy = await startTcpProxy(echo.url);
  });
  afterEach(async () => {
    await proxy.close();
    await echo.close();
  });

  async function talking(): ReturnType<typeof client> {
    const peer = await client(proxy.url);
    peer.socket.write("hello");
    await vi.waitFor(() => expect(peer.heard.join("")).toBe("re:hello"), BOUND);
    return peer;
  }

  test("a blackhole that still lets bytes through would prove nothing about partitions", async () => {
    const peer = await talking();
    proxy.blackhole();
    peer.socket.write("lost?");
    const second = await client(proxy.url);
    second.socket.write("new");
    // A connection past the proxy shows that the server is alive while nothing of ours arrives.
    const direct = await client(echo.url);
    direct.socket.write("direct");
    await vi.waitFor(() => expect(direct.heard.join("")).toBe("re:direct"), BOUND);
    expect(echo.received).toEqual(["hello", "direct"]);
    expect(peer.ended).toEqual([]);
    proxy.heal();
    await vi.waitFor(() => expect(peer.heard.join("")).toBe("re:hellore:lost?"), BOUND);
    await vi.waitFor(() => expect(second.heard.join("")).toBe("re:new"), BOUND);
  });

  test("a blackhole that passes on the end of a connection would tell a replica what it cannot know", async () => {
    const peer = await talking();
    proxy.blackhole();
    peer.socket.destroy();
    const direct = await client(echo.url);
    direct.socket.write("direct");
    await vi.waitFor(() => expect(direct.heard.join("")).toBe("re:direct"), BOUND);
    expect(echo.ended).toEqual([]);
    proxy.heal();
    await vi.waitFor(() => expect(echo.ended).toEqual(["end"]), BOUND);
    await vi.waitFor(() => expect(proxy.connections).toBe(0), BOUND);
  });

  test("an answer that slips through would make an unanswered write impossible to test", async () => {
    const peer = await talking();
    proxy.dropAnswers();
    peer.socket.write("applied");
    await vi.waitFor(() => expect(echo.received).toEqual(["hello", "applied"]), BOUND);
    expect(peer.heard.join("")).toBe("re:hello");
    proxy.cutAll();
    await vi.waitFor(() => expect(peer.ended).toEqual(["ECONNRESET"]), BOUND);
    expect(peer.heard.join("")).toBe("re:hello");
  });

  test("requests that pass while only answers should would not be a one-way partition", async () => {
    const peer = await talking();
    proxy.dropRequests();
    peer.socket.write("held");
    const direct = await client(echo.url);
    direct.socket.write("direct");
    await vi.waitFor(() => expect(direct.heard.join("")).toBe("re:direct"), BOUND);
    expect(echo.received).toEqual(["hello", "direct"]);
    proxy.heal();
    await vi.waitFor(() => expect(peer.heard.join("")).toBe("re:hellore:held"), BOUND);
  });

  test("a cut that leaves one side open would leak a connection of the server", async () => {
    const peer = await talking();
    expect(proxy.connections).toBe(1);
    proxy.cutAll();
    await vi.waitFor(() => expect(peer.ended).toEqual(["ECONNRESET"]), BOUND);
    await vi.waitFor(() => expect(echo.ended).toEqual(["ECONNRESET"]), BOUND);
    await vi.waitFor(() => expect(proxy.connections).toBe(0), BOUND);
    await talking();
    expect(proxy.accepted).toBe(2);
  });

  test("latency that reorders bytes would corrupt TLS", async () => {
    const peer = await talking();
    proxy.latency(40);
    const startedMs = performance.now();
    for (let index = 0; index < 50; index += 1) peer.socket.write(`${index};`);
    proxy.latency(1);
    const expected = Array.from({ length: 50 }, (_, index) => `${index};`).join("");
    await vi.waitFor(() => expect(echo.received.slice(1).join("")).toBe(expected), BOUND);
    proxy.latency(40);
    peer.heard.length = 0;
    const sentMs = performance.now();
    peer.socket.write("slow");
    await vi.waitFor(() => expect(peer.heard.join("")).toContain("re:slow"), BOUND);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(78);
    expect(sentMs).toBeGreaterThan(startedMs);
  });
});
