import { isMainThread } from "node:worker_threads";

/**
 * Loaded before anything else into each replica of the demo: a replica must not outlive the demo, however that ended.
 * The IPC channel between them closes with the process on its other end, also when that was killed.
 */
if (isMainThread && process.send !== undefined) {
  const end = (): never => process.exit(1);
  process.once("disconnect", end);
  if (process.connected) process.channel?.unref();
  else end();
}
