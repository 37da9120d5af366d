/**
 * Cuts a stream of bytes into lines. Bytes are kept as bytes until a line is complete, so a character that is split
 * between two chunks is never harmed. What follows the last newline is no line: a watch whose end is cut off resumes.
 */

const NEWLINE = 0x0a;

/** Throws a RangeError for a line longer than `maxLineBytes`. Pulls a chunk only when every line before it was taken. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<string> {
  let pieces: Uint8Array[] = [];
  let pieceBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      pieces.push(chunk.subarray(start, end));
      requireShort(pieceBytes + end - start, maxLineBytes);
      const line = textOf(pieces);
      pieces = [];
      pieceBytes = 0;
      start = end + 1;
      yield line;
    }
    if (start < chunk.length) {
      pieces.push(chunk.subarray(start));
      pieceBytes += chunk.length - start;
      requireShort(pieceBytes, maxLineBytes);
    }
  }
}

/** The whole of a short body. Throws a RangeError past `maxBytes`. */
export async function readText(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    requireShort(bytes, maxBytes);
    pieces.push(chunk);
  }
  return textOf(pieces);
}

function textOf(pieces: readonly Uint8Array[]): string {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  const bytes = only === undefined ? Buffer.concat(pieces) : Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return bytes.toString("utf8");
}

function requireShort(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes) throw new RangeError(`the answer holds a piece of more than ${maxBytes} bytes`);
}
