import { describe, expect, test } from "vitest";
import { coreTransport, type Delivery, type Message, type Network } from "../../../src/embedded/index.ts";
import type { ApiRequest, Transport } from "../../../src/kube/transport.ts";
import { ElectorateError, messageOf } from "../../../src/runtime/errors.ts";
import { Api, CONFIG_MAPS, eventIn, LEASES } from "./requests.ts";

/** Holds every message until the test says what becomes of it. */
class Wire implements Network {
  readonly waiting: { readonly message: Message; readonly delivery: Delivery }[] = [];

  send(message: Message, delivery: Delivery): void {
    this.waiting.push({ message, delivery });
  }

  kinds(): string[] {
    return this.waiting.map(({ message }) => message.kind);
  }

  take(kind: Message["kind"]): Delivery {
    const index = this.waiting.findIndex(({ message }) => message.kind === kind);
    const [taken] = this.waiting.splice(index, 1);
    if (index === -1 || taken === undefined)
      throw new Error(`no ${kind} is under way, only ${this.kinds().join(", ")}`);
    return taken.delivery;
  }
}

const create: ApiRequest = {
  method: "POST",
  path: LEASES,
  body: JSON.stringify({ metadata: { name: "a" } }),
  deadlineMs: 1_000,
};
const watchLeases: ApiRequest = { method: "GET", path: LEASES, query: { watch: "true" }, deadlineMs: 1_000 };

function wired(): { api: Api; wire: Wire; transport: Transport } {
  const api = new Api();
  const wire = new Wire();
  return { api, wire, transport: coreTransport(api.core, { clock: api.clock, network: wire }) };
}

async function opened(wire: Wire, transport: Transport) {
  const opening = transport.stream(watchLeases);
  wire.take("request").arrive();
  wire.take("answer").arrive();
  const stream = await opening;
  return { stream, lines: stream.lines[Symbol.asyncIterator]() };
}

function nameIn(result: IteratorResult<string>): string {
  return eventIn(String(result.value)).object.metadata.name;
}

/** How a call ends: the code of its error, or `answered`. It is asked for at once, so that no failure goes unheard. */
const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: unknown) => (error instanceof ElectorateError ? error.code : messageOf(error)),
  );

describe("one exchange", () => {
  test("over a perfect network: answers of every status are values", async () => {
    const api = new Api();
    const transport = coreTransport(api.core, { clock: api.clock });
    expect((await transport.request(create)).status).toBe(201);
    expect((await transport.request(create)).status).toBe(409);
    const stream = await transport.stream({ ...watchLeases, query: { watch: "true", labelSelector: "a b" } });
    expect(stream.status).toBe(400);
    const lines: string[] = [];
    for await (const line of stream.lines) lines.push(line);
    expect(JSON.parse(lines.join(""))).toMatchObject({ kind: "Status", code: 400 });
    await transport.close();
  });

  test("the token and the body's type reach the server", async () => {
    const api = new Api({ tokens: { secret: { name: "ann" } } });
    const asking = (token: string) => coreTransport(api.core, { clock: api.clock, token }).request(create);
    expect((await asking("wrong")).status).toBe(401);
    expect((await asking("secret")).status).toBe(201);
    const patch: ApiRequest = { method: "PATCH", path: `${LEASES}/a`, body: "{}", deadlineMs: 1_000 };
    const transport = coreTransport(api.core, { clock: api.clock, token: "secret" });
    expect((await transport.request(patch)).status).toBe(415);
    const typed = { ...patch, contentType: "application/merge-patch+json" };
    expect((await transport.request(typed)).status).toBe(200);
  });

  test("a lost request is a timeout and is not applied", async () => {
    const { api, wire, transport } = wired();
    const asking = codeOf(transport.request(create));
    expect(wire.kinds()).toEqual(["request"]);
    await api.clock.advance(1_000);
    expect(await asking).toBe("timeout");
    expect(api.get(`${LEASES}/a`).status).toBe(404);
  });

  test("a lost answer is a timeout although the write was applied", async () => {
    const { api, wire, transport } = wired();
    const asking = codeOf(transport.request(create));
    wire.take("request").arrive();
    await api.clock.advance(1_000);
    expect(await asking).toBe("timeout");
    expect(api.get(`${LEASES}/a`).status).toBe(200);
  });

  test("a late request is applied long after its client gave up", async () => {
    const { api, wire, transport } = wired();
    const asking = codeOf(transport.request(create));
    await api.clock.advance(1_000);
    expect(await asking).toBe("timeout");
    wire.take("request").arrive();
    expect(api.get(`${LEASES}/a`).status).toBe(200);
    expect(wire.kinds()).toEqual([]);
  });

  test("a cut line is unreachable, before the write or after it", async () => {
    const { api, wire, transport } = wired();
    const before = codeOf(transport.request(create));
    wire.take("request").cut();
    expect(await before).toBe("unreachable");
    expect(api.get(`${LEASES}/a`).status).toBe(404);
    const after = codeOf(transport.request(create));
    wire.take("request").arrive();
    wire.take("answer").cut();
    expect(await after).toBe("unreachable");
    expect(api.get(`${LEASES}/a`).status).toBe(200);
  });

  test("an abort is told at once, also before the start, and leaves no timer", async () => {
    const { api, transport } = wired();
    const timers = api.clock.pendingTimers;
    const stop = new AbortController();
    const asking = codeOf(transport.request({ ...create, signal: stop.signal }));
    stop.abort();
    expect(await asking).toBe("aborted");
    await expect(transport.request({ ...create, signal: stop.signal })).rejects.toMatchObject({ code: "aborted" });
    expect(api.clock.pendingTimers).toBe(timers);
  });

  test("delivering a message twice applies it once", async () => {
    const { api, wire, transport } = wired();
    const asking = transport.request({ ...create, body: JSON.stringify({ metadata: { generateName: "a-" } }) });
    const request = wire.take("request");
    request.arrive();
    request.arrive();
    wire.take("answer").arrive();
    expect((await asking).status).toBe(201);
    expect(api.get(LEASES).body.items).toHaveLength(1);
  });

  test("closing the transport fails what is under way, and what comes later", async () => {
    const { wire, transport } = wired();
    const asking = codeOf(transport.request(create));
    await transport.close();
    expect(await asking).toBe("aborted");
    await expect(transport.request(create)).rejects.toMatchObject({ code: "aborted" });
    wire.take("request").arrive();
  });

  test("a watch sent as a plain request is a misuse and leaves no watch open", async () => {
    const { api, wire, transport } = wired();
    const asking = codeOf(transport.request(watchLeases));
    wire.take("request").arrive();
    wire.take("answer").arrive();
    expect(await asking).toBe("misuse");
    expect(api.core.watches).toEqual([]);
  });
});

describe("a watch", () => {
  test("events that overtake one another are read in order, and a lost one stalls all behind it", async () => {
    const { api, wire, transport } = wired();
    const { lines } = await opened(wire, transport);
    for (const name of ["a", "b", "c"]) api.made(LEASES, name);
    const [first, second, third] = [wire.take("event"), wire.take("event"), wire.take("event")];
    second.arrive();
    let read: string | undefined;
    const reading = lines.next().then((result) => {
      read = nameIn(result);
    });
    await api.clock.advance(0);
    expect(read).toBeUndefined();
    first.arrive();
    await reading;
    expect(read).toBe("a");
    expect(nameIn(await lines.next())).toBe("b");
    third.arrive();
    expect(nameIn(await lines.next())).toBe("c");
  });

  test("events before the head are kept for it", async () => {
    const { api, wire, transport } = wired();
    api.made(LEASES, "a");
    const opening = transport.stream(watchLeases);
    wire.take("request").arrive();
    wire.take("event").arrive();
    wire.take("answer").arrive();
    const { lines } = await opening;
    expect(nameIn(await lines[Symbol.asyncIterator]().next())).toBe("a");
  });

  test("a cut line ends it with unreachable after what had arrived, and the server forgets the watch", async () => {
    const { api, wire, transport } = wired();
    const { lines } = await opened(wire, transport);
    api.made(LEASES, "a");
    api.made(LEASES, "b");
    wire.take("event").arrive();
    wire.take("event").cut();
    expect(nameIn(await lines.next())).toBe("a");
    await expect(lines.next()).rejects.toMatchObject({ code: "unreachable" });
    expect(await lines.next()).toEqual({ done: true, value: undefined });
    expect(api.core.watches).toEqual([]);
  });

  test("the server's end is the end, the server's cut is unreachable", async () => {
    const { api, wire, transport } = wired();
    const ending = await opened(wire, transport);
    api.core.endWatches("finished");
    wire.take("end").arrive();
    expect((await ending.lines.next()).done).toBe(true);
    const cut = await opened(wire, transport);
    api.core.endWatches("cut");
    const reading = codeOf(cut.lines.next());
    wire.take("end").arrive();
    expect(await reading).toBe("unreachable");
  });

  test("a reader that leaves, or aborts, closes the server's watch and hears no more", async () => {
    const { api, wire, transport } = wired();
    const leaving = await opened(wire, transport);
    await leaving.lines.return?.();
    expect(api.core.watches).toEqual([]);
    const stop = new AbortController();
    const opening = transport.stream({ ...watchLeases, signal: stop.signal });
    wire.take("request").arrive();
    wire.take("answer").arrive();
    const lines = (await opening).lines[Symbol.asyncIterator]();
    const reading = codeOf(lines.next());
    stop.abort();
    expect(await reading).toBe("aborted");
    expect(api.core.watches).toEqual([]);
    api.made(LEASES, "a");
    expect(wire.kinds()).toEqual([]);
  });

  test("the deadline bounds the wait for the head and not the watch", async () => {
    const { api, wire, transport } = wired();
    const lost = codeOf(transport.stream(watchLeases));
    await api.clock.advance(1_000);
    expect(await lost).toBe("timeout");
    wire.take("request").arrive();
    expect(api.core.watches).toEqual([]);
    const { lines } = await opened(wire, transport);
    await api.clock.advance(60_000);
    api.made(LEASES, "a");
    wire.take("event").arrive();
    expect(nameIn(await lines.next())).toBe("a");
  });
});

describe("faults", () => {
  test("an answer instead of the deed: 429 with Retry-After, once, for one name only", async () => {
    const api = new Api();
    const transport = coreTransport(api.core, { clock: api.clock });
    const fault = { kind: "answer", status: 429, retryAfterSeconds: 3 } as const;
    api.core.faults.add({ verb: "create", resource: "leases", times: 1, fault });
    expect((await transport.request({ ...create, path: CONFIG_MAPS })).status).toBe(201);
    const refused = await transport.request(create);
    expect(refused).toMatchObject({ status: 429, headers: { "retry-after": "3" } });
    expect(JSON.parse(refused.body)).toMatchObject({ reason: "TooManyRequests", details: { retryAfterSeconds: 3 } });
    expect((await transport.request(create)).status).toBe(201);
    expect(api.core.requests.count({ resource: "leases.coordination.k8s.io", status: 429 })).toBe(1);
  });

  test("a write that is applied although its connection breaks, and one that is not", async () => {
    const api = new Api();
    const transport = coreTransport(api.core, { clock: api.clock });
    const remove = api.core.faults.add({ fault: { kind: "drop-before" } });
    await expect(transport.request(create)).rejects.toMatchObject({ code: "unreachable" });
    expect(api.get(`${LEASES}/a`).status).toBe(404);
    remove();
    api.core.faults.add({ fault: { kind: "drop-after" } });
    await expect(transport.request(create)).rejects.toMatchObject({ code: "unreachable" });
    expect(api.get(`${LEASES}/a`).status).toBe(200);
    api.core.faults.clear();
    expect((await transport.request(create)).status).toBe(409);
  });

  test("a hanging request runs into the deadline, applied or not", async () => {
    for (const applied of [false, true]) {
      const api = new Api();
      const transport = coreTransport(api.core, { clock: api.clock });
      api.core.faults.add({ fault: { kind: "hang", applied } });
      const asking = codeOf(transport.request(create));
      await api.clock.advance(1_000);
      expect(await asking).toBe("timeout");
      expect(api.get(`${LEASES}/a`).status).toBe(applied ? 200 : 404);
    }
  });

  test("latency and delays pass on the clock, and nothing happens before", async () => {
    const api = new Api({ latencyMs: 100 });
    const transport = coreTransport(api.core, { clock: api.clock });
    api.core.faults.add({ skip: 1, times: 1, fault: { kind: "delay", delayMs: 200 } });
    const statuses: number[] = [];
    const ask = () => transport.request(create).then(({ status }) => statuses.push(status));
    const asking = [ask(), ask()];
    await api.clock.advance(99);
    expect(api.get(LEASES).body.items).toEqual([]);
    await api.clock.advance(1);
    expect(statuses).toEqual([201]);
    await api.clock.advance(199);
    expect(statuses).toEqual([201]);
    await api.clock.advance(1);
    expect(statuses).toEqual([201, 409]);
    await Promise.all(asking);
  });

  test("a stalled watch: open, and silent", async () => {
    const api = new Api();
    const transport = coreTransport(api.core, { clock: api.clock });
    api.core.faults.add({ verb: "watch", times: 1, fault: { kind: "hold-watch" } });
    const { status, lines } = await transport.stream(watchLeases);
    expect(status).toBe(200);
    let read = 0;
    const reading = (async () => {
      for await (const _line of lines) read += 1;
    })();
    api.made(LEASES, "a");
    await api.clock.advance(60_000);
    expect(read).toBe(0);
    for (const watch of api.core.watches) watch.resume();
    await api.clock.advance(0);
    expect(read).toBe(1);
    api.core.close();
    await reading;
  });

  test("rules can look at anything of a request, and the log has all of them", () => {
    const seen: string[] = [];
    const api = new Api({
      onRequest: ({ verb, resource, name, status }) => seen.push(`${verb} ${resource} ${name} ${status}`),
    });
    api.core.faults.add({ when: ({ path }) => path.endsWith("/b"), fault: { kind: "answer", status: 503 } });
    for (const name of ["a", "b"]) api.core.exchange({ method: "GET", path: `${LEASES}/${name}` }, () => {});
    expect(seen).toEqual(["get leases.coordination.k8s.io a 404", "get leases.coordination.k8s.io b 503"]);
    expect(api.core.requests.count({ verb: "get" })).toBe(2);
    api.core.requests.reset();
    expect(api.core.requests.all()).toEqual([]);
  });
});
