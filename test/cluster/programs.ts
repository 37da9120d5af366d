/** What runs in the pods: each run of a handler is told in two lines, when it begins and when it ends. */

/** A line is written whole or not at all; the pipe is full while the node is busy. */
const SAY = `
import { writeSync } from "node:fs";

function write(line) {
  try {
    writeSync(1, line);
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    write(line);
  }
}

async function work(resource, key, object, { shard, epoch }, note) {
  const round = object?.metadata.annotations?.["test/round"] ?? "";
  const say = (phase) => {
    const line = { phase, resource, key, shard, epoch, round, note, pid: process.pid, ns: String(process.hrtime.bigint()) };
    write(JSON.stringify(line) + "\\n");
  };
  say("begin");
  await new Promise((resolve) => setTimeout(resolve, 2));
  say("end");
}
`;

/** A module of handlers for the stock image; `version` makes one differ from the next. */
export function handlersModule(version: string): string {
  return `${SAY}
export const reconcile = ({ resource, key }, context) => work(resource, key, context.object, context, "${version}");
`;
}

export interface ControllerSubject {
  readonly name: string;
  readonly namespace: string;
  readonly labelSelector: string;
}

/** A program of its own, as somebody writes it who comes from Kooper: one leader, and an end when its leadership is lost. */
export function controllerProgram({ name, namespace, labelSelector }: ControllerSubject): string {
  const election = { name, namespace, leaseDuration: "6s", renewDeadline: "4s", retryPeriod: "1s" };
  const retriever = { resource: "configmaps", namespaces: [namespace], labelSelector };
  return `${SAY}
import { createController } from "electorate";

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const controller = createController({
  name: ${JSON.stringify(name)},
  retriever: ${JSON.stringify(retriever)},
  leaderElection: ${JSON.stringify(election)},
  http: { address: "0.0.0.0:8080" },
  handler: (object, context) =>
    work("configmaps", object.metadata.namespace + "/" + object.metadata.name, object, context, ""),
});
await controller.run(stop.signal);
`;
}
