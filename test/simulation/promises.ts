/**
 * What the design promises and the code does not keep everywhere yet: the stories play all of it, and expect what is true here. Each
 * becomes true, and then goes away, with the change that keeps it.
 */
export const KEPT = {
  /** Drain, cordon, pins and a freeze are obeyed. */
  intents: true,
  /** A member that comes and goes too often is given nothing for a while. */
  probation: true,
  /** Whoever sees a shard taken from a member that let it expire takes that member for dead. */
  deathsAreShared: true,
  /** A shard that is handed over is opened, whoever may have held it before its holder. */
  handoversOpen: true,
};
