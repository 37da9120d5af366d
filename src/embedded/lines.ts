/** Lines that are pushed in and read by one reader. */
import type { ElectorateError } from "../runtime/errors.ts";

/** How a stream of lines ended. */
type Ending = { readonly kind: "done" } | { readonly kind: "failed"; readonly error: ElectorateError };

interface Reading {
  resolve(result: IteratorResult<string, undefined>): void;
  reject(error: ElectorateError): void;
}

/**
 * The lines of one watch for one reader. Lines that came before the end are read before it, except after an abort, which is
 * told at once. `returned` is called when the reader leaves early.
 */
export class StreamLines implements AsyncIterableIterator<string, undefined> {
  readonly #returned: () => void;
  #waiting: string[] = [];
  #reading: Reading | undefined;
  #ending: Ending | undefined;

  constructor(returned: () => void) {
    this.#returned = returned;
  }

  push(line: string): void {
    if (this.#ending !== undefined) return;
    const reading = this.#reading;
    this.#reading = undefined;
    if (reading === undefined) this.#waiting.push(line);
    else reading.resolve({ done: false, value: line });
  }

  end(): void {
    this.#finish({ kind: "done" });
  }

  fail(error: ElectorateError): void {
    if (error.code === "aborted") this.#waiting = [];
    this.#finish({ kind: "failed", error });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<string, undefined>> {
    const line = this.#waiting.shift();
    if (line !== undefined) return Promise.resolve({ done: false, value: line });
    if (this.#ending === undefined) {
      return new Promise((resolve, reject) => {
        this.#reading = { resolve, reject };
      });
    }
    if (this.#ending.kind === "done") return Promise.resolve({ done: true, value: undefined });
    const { error } = this.#ending;
    // The failure is told once; whoever reads on after it is at the end.
    this.#ending = { kind: "done" };
    return Promise.reject(error);
  }

  return(): Promise<IteratorResult<string, undefined>> {
    this.#waiting = [];
    this.#finish({ kind: "done" });
    this.#returned();
    return Promise.resolve({ done: true, value: undefined });
  }

  #finish(ending: Ending): void {
    if (this.#ending !== undefined) return;
    const reading = this.#reading;
    this.#reading = undefined;
    this.#ending = reading !== undefined && ending.kind === "failed" ? { kind: "done" } : ending;
    if (reading === undefined) return;
    if (ending.kind === "failed") reading.reject(ending.error);
    else reading.resolve({ done: true, value: undefined });
  }
}

/** One line and then the end: the body of an answer that is no watch. */
export async function* single(line: string): AsyncGenerator<string, undefined> {
  yield line;
}
