/** A program that throws where nobody waits, on behalf of somebody or of nobody: `node stray-errors-program.ts <how> <whose>`. */
import { setTimeout as delay } from "node:timers/promises";
import { containStrayErrors, isContained, onBehalfOf } from "../../src/runtime/stray-errors.ts";

const [, , how = "", whose = ""] = process.argv;

const ways: Readonly<Record<string, () => unknown>> = {
  timer: () =>
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }, 5),
  immediate: () =>
    setImmediate(() => {
      throw new Error("thrown in an immediate");
    }),
  microtask: () =>
    queueMicrotask(() => {
      throw new Error("thrown in a microtask");
    }),
  tick: () =>
    process.nextTick(() => {
      throw new Error("thrown in a tick");
    }),
  rejection: () => void Promise.reject(new Error("rejected")),
  later: async () => {
    await delay(5);
    throw new Error("rejected later");
  },
  text: () => void Promise.reject("rejected with text"),
};

const uncontain = containStrayErrors();
if (whose === "listened") process.on("uncaughtException", () => console.log(`listener: ${isContained()}`));
const way = ways[how];
if (way === undefined) throw new Error(`no such way: ${how}`);
const call = (): void => void way();
if (whose === "nobody" || whose === "listened") call();
else onBehalfOf((error) => console.log(`${whose}: ${error instanceof Error ? error.message : String(error)}`), call);
await delay(50);
uncontain();
console.log("alive");
if (whose === "late") {
  call();
  await delay(50);
}
