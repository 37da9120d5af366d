/**
 * What the design promises and the code does not keep everywhere yet: the stories play all of it, and expect what is true here. Each
 * becomes true, and then goes away, with the change that keeps it.
 */
export const KEPT = {
  /** Drain, cordon, pins and a freeze are obeyed. */
  intents: false,
  /** A member that comes and goes too often is given nothing for a while. */
  probation: false,
  /** Whoever sees a shard taken from a member that let it expire takes that member for dead. */
  deathsAreShared: false,
  /** A shard that is handed over is opened, whoever may have held it before its holder. */
  handoversOpen: false,
};
