/** Lets somebody wait until something holds, without asking again and again: whoever changes anything says so. */
export class Condition {
  readonly #waiting = new Set<() => void>();

  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves once `holds` is true, at once if it is; rejects with the signal's reason when that aborts first. */
  until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(look);
        signal.removeEventListener("abort", abort);
        settle();
      };
      const abort = (): void => end(() => reject(signal.reason));
      const look = (): void => {
        if (holds()) end(resolve);
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(look);
      look();
    });
  }
}
