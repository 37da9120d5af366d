import { describe, expect, it, vi } from "vitest";
import { codeOf, get, read, server, soon, transportTo } from "./http-setup.ts";

describe("a stream", () => {
  it("gives complete lines, however the chunks and characters are cut", async () => {
    const bytes = Buffer.from("grün\n\u{1f600}\n\nlast\n");
    server.handle = (_, response) => {
      response.flushHeaders();
      let at = 0;
      const step = (): void => {
        if (at === bytes.length) return void response.end();
        response.write(bytes.subarray(at, ++at), () => setImmediate(step));
      };
      step();
    };
    expect(await read(await transportTo(server.url).stream(get()))).toEqual(["grün", "\u{1f600}", "", "last"]);
  });

  it("throws unreachable when the line is cut, after giving the lines that were complete", async () => {
    server.handle = (request, response) => {
      response.write('{"a":1}\n{"b":');
      setTimeout(() => request.socket.destroy(), 20);
    };
    const stream = await transportTo(server.url).stream(get());
    const lines: string[] = [];
    await expect(
      (async () => {
        for await (const line of stream.lines) lines.push(line);
      })(),
    ).rejects.toMatchObject({ code: "unreachable" });
    expect(lines).toEqual(['{"a":1}']);
  });

  it("outlives the deadline, which bounds only the wait for its head", async () => {
    server.handle = (_, response) => {
      response.write("1\n");
      setTimeout(() => response.end("2\n"), 300);
    };
    expect(await read(await transportTo(server.url).stream(get("/x", { deadlineMs: 150 })))).toEqual(["1", "2"]);
    server.handle = () => {};
    await expect(transportTo(server.url).stream(get("/x", { deadlineMs: 60 }))).rejects.toMatchObject({
      code: "timeout",
    });
  });

  it("closes its socket when the reader leaves early, and when the signal aborts while it waits", async () => {
    server.handle = (_, response) => void response.write("1\n2\n");
    const transport = transportTo(server.url);
    for await (const _ of (await transport.stream(get())).lines) break;
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);

    const caller = new AbortController();
    const lines = (await transport.stream(get("/x", { signal: caller.signal }))).lines[Symbol.asyncIterator]();
    await lines.next();
    await lines.next();
    const failure = codeOf(lines.next());
    caller.abort();
    expect(await failure).toBe("aborted");
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("closes its socket when it is aborted before anybody reads", async () => {
    server.handle = (_, response) => void response.write("1\n");
    const caller = new AbortController();
    await transportTo(server.url).stream(get("/x", { signal: caller.signal }));
    caller.abort();
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("gives the body of a refusal in one piece, newlines and all", async () => {
    server.handle = (_, response) =>
      void response.writeHead(410, { connection: "keep-alive" }).end('{\n"code":410\n}\n');
    const stream = await transportTo(server.url).stream(get());
    expect(stream.status).toBe(410);
    expect(await read(stream)).toEqual(['{\n"code":410\n}\n']);
  });

  it("gives up a line that never ends, instead of filling memory", async () => {
    server.handle = (_, response) => void response.write("x".repeat(300_000));
    const stream = await transportTo(server.url, { maxLineBytes: 100_000 }).stream(get());
    await expect(read(stream)).rejects.toMatchObject({ code: "unreachable" });
    await vi.waitFor(() => expect(server.sockets.size).toBe(0), soon);
  });

  it("slows the server down when nobody reads", async () => {
    let written = 0;
    server.handle = (_, response) => {
      const line = `${"x".repeat(65_535)}\n`;
      const more = (): void => {
        while (written < 100_000_000 && response.write(line)) written += line.length;
      };
      response.on("drain", more);
      more();
    };
    const lines = (await transportTo(server.url).stream(get())).lines[Symbol.asyncIterator]();
    await lines.next();
    let before = -1;
    await vi.waitFor(
      () => {
        const still = written === before;
        before = written;
        expect(still).toBe(true);
      },
      { timeout: 10_000, interval: 200 },
    );
    expect(written).toBeLessThan(50_000_000);
    await lines.return?.();
  });
});
