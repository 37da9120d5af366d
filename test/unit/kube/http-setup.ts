import { afterEach, beforeEach, expect } from "vitest";
import { type Credentials, staticCredentials } from "../../../src/kube/credentials.ts";
import { createHttpTransport, type HttpTransportOptions } from "../../../src/kube/http-transport.ts";
import type { ApiRequest, ApiStream, Transport } from "../../../src/kube/transport.ts";
import { ElectorateError } from "../../../src/runtime/errors.ts";
import { LocalServer } from "./local-server.ts";

/** A real server and transports to it, for each test anew. */

export let server: LocalServer;
const transports: Transport[] = [];

beforeEach(async () => {
  server = await new LocalServer().listen();
});

afterEach(async () => {
  for (const transport of transports.splice(0)) await transport.close();
  await server.close();
});

export function transportTo(credentials: Credentials | string, options: Partial<HttpTransportOptions> = {}): Transport {
  const given = typeof credentials === "string" ? staticCredentials({ server: credentials }) : credentials;
  const transport = createHttpTransport(given, { component: "test", ...options });
  transports.push(transport);
  return transport;
}

export function get(path = "/x", over: Partial<ApiRequest> = {}): ApiRequest {
  return { method: "GET", path, deadlineMs: 20_000, ...over };
}

export async function read(stream: ApiStream): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of stream.lines) lines.push(line);
  return lines;
}

/** The code that something fails with; `none` when it does not fail. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return error instanceof ElectorateError ? error.code : String(error);
  }
}

export function matching(text: string | RegExp): unknown {
  return expect.stringMatching(text);
}

/** Waits for something that the kernel will do soon. */
export const soon = { timeout: 10_000, interval: 5 };

/** Closes the server and puts another in its place, for a test of a server that is gone. */
export async function replaceServer(): Promise<void> {
  await server.close();
  server = await new LocalServer().listen();
}
