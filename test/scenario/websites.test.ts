import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { startApiServer } from "../../src/embedded/index.ts";
import { Fleet } from "../support/replica-process.ts";
import { type Ask, Websites, websiteResources } from "../support/websites.ts";

test("the worked example cannot be tried on the embedded API server", async () => {
  const server = await startApiServer();
  const fleet = new Fleet();
  onTestFailed(() => void process.stdout.write(`${fleet.report()}\n`));
  onTestFinished(async () => {
    await fleet.close();
    await server.close();
  });
  const ask: Ask = async (method, path, body, alsoFine = []) => {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": type } };
    const answer = await fetch(`${server.url}${path}`, { method, ...sent });
    const text = await answer.text();
    if (!answer.ok && !alsoFine.includes(answer.status)) throw new Error(`${method} ${path}: ${text}`);
    return text;
  };
  const websites = new Websites(ask, "default");
  await websites.define();
  const kubeconfig = fleet.write("kubeconfig", server.kubeconfig().text);
  const configuration = { resources: websiteResources("default") };
  const replica = fleet.start("a", { kubeconfig, namespace: "default", coordinator: "websites", configuration });
  await websites.create(["hello"]);
  await websites.built(["hello"]);
  await websites.remove("configmaps", "hello");
  await websites.until("a page", "configmaps", "hello", () => true);
  await websites.becomesReady("hello", 2);
  await websites.until("two ready pods", "websites", "hello", ({ status }) => {
    return JSON.stringify(status ?? {}).includes('"readyReplicas":2');
  });
  replica.stop();
  expect(await replica.exited).toEqual({ code: 0, signal: null });
});
