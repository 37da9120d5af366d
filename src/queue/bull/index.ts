/** Work queues in Redis, on Bull: keys, delays and back-offs that outlive a replica. Loaded only where it is configured. */

export { type BullOptions, bullQueues } from "./bull-queues.ts";
export type { RedisSettings, RedisTls } from "./connections.ts";
