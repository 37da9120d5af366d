/** Runs every case against one server. The same cases, whatever the server: where answers differ, the real one is right. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, type TestContext, test, vi } from "vitest";
import { accessCases } from "./cases/access.ts";
import { concurrencyCases } from "./cases/concurrency.ts";
import { customResourceCases } from "./cases/custom-resources.ts";
import { deleteCases } from "./cases/delete.ts";
import { discoveryCases } from "./cases/discovery.ts";
import { eventCases } from "./cases/events.ts";
import { finalizerCases } from "./cases/finalizers.ts";
import { leaseCases } from "./cases/leases.ts";
import { listCases } from "./cases/lists.ts";
import { namespaceCases } from "./cases/namespaces.ts";
import { objectCases } from "./cases/objects.ts";
import { pagingCases } from "./cases/paging.ts";
import { patchCases } from "./cases/patches.ts";
import { representationCases } from "./cases/representations.ts";
import { selectorCases } from "./cases/selectors.ts";
import { applyCases } from "./cases/server-side-apply.ts";
import { statusCases } from "./cases/status.ts";
import { validationCases } from "./cases/validation.ts";
import { watchStartCases } from "./cases/watch-starts.ts";
import { watchCases } from "./cases/watches.ts";
import { type Case, ok, type Subject, WIDGET_CRD, WIDGET_GROUP, worldOf } from "./world.ts";

const THEMES: Readonly<Record<string, readonly Case[]>> = {
  "objects: create, get, update": objectCases,
  "optimistic concurrency": concurrencyCases,
  "uid preconditions and deletion": deleteCases,
  finalizers: finalizerCases,
  leases: leaseCases,
  validation: validationCases,
  patches: patchCases,
  "server-side apply": applyCases,
  "status subresource": statusCases,
  selectors: selectorCases,
  lists: listCases,
  paging: pagingCases,
  watches: watchCases,
  "where a watch begins": watchStartCases,
  namespaces: namespaceCases,
  events: eventCases,
  "custom resources": customResourceCases,
  discovery: discoveryCases,
  "tables and partial metadata": representationCases,
  "identity and access": accessCases,
};

const START_DEADLINE_MS = 180_000;

/** `start` is not called when `unless` skips every test. */
export function conformance(
  server: string,
  start: () => Promise<Subject>,
  unless: { reason: string | undefined; apply(context: TestContext): void } = {
    reason: undefined,
    apply: () => undefined,
  },
): void {
  describe(server, () => {
    let subject: Subject;
    beforeAll(async () => {
      if (unless.reason !== undefined) return;
      subject = await start();
      await defineWidgets(subject);
    }, START_DEADLINE_MS);
    afterAll(async () => {
      subject?.admin.close();
      await subject?.stop();
    });
    for (const [theme, cases] of Object.entries(THEMES)) {
      describe(theme, () => {
        for (const { title, run } of cases) {
          test(title, async (context) => {
            unless.apply(context);
            const namespace = `c-${randomBytes(6).toString("hex")}`;
            ok(await subject.admin.post("/api/v1/namespaces", { metadata: { name: namespace } }), 201);
            await run(worldOf(subject, namespace));
          });
        }
      });
    }
  });
}

/** A new custom kind is served a moment after its definition is accepted. */
async function defineWidgets({ admin }: Subject): Promise<void> {
  ok(await admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WIDGET_CRD), 201);
  const served = async (): Promise<void> => void ok(await admin.list(`/apis/${WIDGET_GROUP}/v1/widgets`));
  await vi.waitFor(served, { timeout: 30_000, interval: 50 });
}
