/** Randomness as an argument, so that a simulated run is replayed exactly from its seed. */
export interface Randomness {
  /** A number in [0, 1). */
  next(): number;
  /** A version 4 UUID, lower case. */
  uuid(): string;
}

/** The randomness of this process. */
export const systemRandomness: Randomness = {
  next: () => Math.random(),
  uuid: () => crypto.randomUUID(),
};
