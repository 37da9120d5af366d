/** Work queues in Redis, on Bull: keys, delays and back-offs that outlive a replica. Loaded only where it is configured. */

export { bullQueues } from "./bull-queues.ts";
export type { BullOptions, RedisSettings, RedisTls } from "./settings.ts";
