import { controlPlaneMissing, requireControlPlane, startControlPlane } from "../../support/control-plane.ts";
import { ApiClient } from "./client.ts";
import { conformance } from "./suite.ts";
import type { Subject } from "./world.ts";

async function start(): Promise<Subject> {
  const plane = await startControlPlane();
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
