/**
 * What users of other systems use today, feature by feature, on one real API server. Most of each case is waiting, so that all of them run
 * at once, each in a namespace of its own. PARITY.md has the whole table; what other tests show is named there and not shown again here.
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildPeers, type Peers } from "../../../bench/arena/peers.ts";
import {
  type ControlPlane,
  controlPlaneMissing,
  requireControlPlane,
  startControlPlane,
} from "../../support/control-plane.ts";
import { say } from "../../support/integration.ts";
import { toolPath } from "../../support/tools.ts";
import { clientGoCases } from "./client-go.ts";
import { contentionCases } from "./client-go-contention.ts";
import { contourCases } from "./contour.ts";
import { controllerRuntimeCases } from "./controller-runtime.ts";
import { kooperCases } from "./kooper.ts";
import { lockCases } from "./locks.ts";
import { type ParityCase, ParityWorld } from "./world.ts";

/** The longest first. */
const SYSTEMS: Readonly<Record<string, readonly ParityCase[]>> = {
  "client-go-process": contentionCases,
  "client-go-locks": lockCases,
  "client-go": clientGoCases,
  kooper: kooperCases,
  "controller-runtime": controllerRuntimeCases,
  contour: contourCases,
};

/** Fetching and compiling Kubernetes' client on two cores takes minutes where nothing is cached. */
const BUILD_BOUND_MS = 720_000;

let plane: ControlPlane | undefined;
let peers: Peers | undefined;
beforeAll(async () => {
  if (controlPlaneMissing() !== undefined) return;
  // Before any elector runs: a compiler beside them would cost them their Leases.
  if (toolPath("go") !== undefined) peers = await buildPeers(new Set(["client-go"]), say);
  plane = await startControlPlane();
}, BUILD_BOUND_MS);
afterAll(async () => {
  await plane?.stop();
  peers?.close();
});

describe.concurrent("parity", () => {
  for (const [system, cases] of Object.entries(SYSTEMS)) {
    cases.forEach(({ title, boundMs = 60_000, run }, index) => {
      test(`${system}: ${title}`, { timeout: boundMs }, async (context) => {
        requireControlPlane(context);
        if (plane === undefined) throw new Error("the control plane was not started");
        const namespace = `${system}-${index}`;
        await plane.namespace(namespace);
        const clientGo = {
          program: peers?.program("client-go"),
          version: peers?.versions["client-go"] ?? "left out: there is no Go toolchain on the path",
        };
        const world = new ParityWorld({ plane, namespace, context, clientGo });
        try {
          await run(world);
        } finally {
          await world.close();
        }
      });
    });
  }
});
