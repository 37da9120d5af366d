import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { staticCredentials } from "../../../src/kube/credentials.ts";
import { createHttpTransport } from "../../../src/kube/http-transport.ts";
import type { Transport } from "../../../src/kube/transport.ts";

/** Far below undici's own connect time-out, far above any scheduling delay. */
const GENEROUS_MS = 2_500;

describe("a server that accepts a connection and never says anything", () => {
  const sockets = new Set<Socket>();
  let server: Server;
  let transport: Transport;

  beforeEach(async () => {
    server = createServer((socket) => sockets.add(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const credentials = staticCredentials({ server: `https://127.0.0.1:${port}` });
    transport = createHttpTransport(credentials, { component: "test", connectTimeoutMs: 30_000 });
  });

  afterEach(async () => {
    await transport.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(["request", "stream"] as const)(
    "does not hold a %s beyond its deadline while the connection is still being opened",
    async (kind) => {
      const startedMs = performance.now();
      await expect(transport[kind]({ method: "GET", path: "/", deadlineMs: 300 })).rejects.toMatchObject({
        code: "timeout",
      });
      expect(performance.now() - startedMs).toBeLessThan(GENEROUS_MS);
    },
  );

  it.each(["request", "stream"] as const)(
    "does not hold a %s that was abandoned while the connection is still being opened",
    async (kind) => {
      const abandon = new AbortController();
      const asked = transport[kind]({ method: "GET", path: "/", deadlineMs: 60_000, signal: abandon.signal });
      const startedMs = performance.now();
      abandon.abort();
      await expect(asked).rejects.toMatchObject({ code: "aborted" });
      expect(performance.now() - startedMs).toBeLessThan(GENEROUS_MS);
    },
  );
});
