import { controlPlaneMissing, requireControlPlane, startControlPlane } from "../../support/control-plane.ts";
import { ApiClient } from "./client.ts";
import { conformance } from "./suite.ts";
import type { Subject } from "./world.ts";

/** Without them the server drops `strategy` and `preferredHolder`, and nothing could be said about them. */
const WITH_STRATEGIES = [
  "--feature-gates=CoordinatedLeaderElection=true",
  "--runtime-config=coordination.k8s.io/v1beta1=true",
];

async function start(): Promise<Subject> {
  const plane = await startControlPlane({ apiServerFlags: WITH_STRATEGIES });
  const { ca, adminCertificate, adminKey } = plane.info;
  return {
    admin: new ApiClient(plane.url, { ca, certificate: adminCertificate, key: adminKey }),
    async account(namespace, name, rules) {
      const { token } = await plane.serviceAccount(namespace, name, rules);
      return { token, user: `system:serviceaccount:${namespace}:${name}` };
    },
    async compact() {
      await plane.compact();
    },
    stop: () => plane.stop(),
  };
}

conformance("kube-apiserver", start, { reason: controlPlaneMissing(), apply: requireControlPlane });
