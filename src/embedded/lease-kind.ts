/** The Lease as `coordination.k8s.io/v1` reads and validates it. */
import type { KubernetesObject } from "../kube/api.ts";
import { type Fields, int32Field, isFields, noteUnknown, objectField, stringField } from "./decode.ts";
import { microTimeField } from "./instants.ts";
import { type FieldProblem, invalidValue } from "./refusal.ts";

const KNOWN = new Set([
  "holderIdentity",
  "leaseDurationSeconds",
  "acquireTime",
  "renewTime",
  "leaseTransitions",
  "strategy",
  "preferredHolder",
]);

const site = (field: string) => ({ struct: "LeaseSpec", path: `spec.${field}` });

/**
 * `strategy` and `preferredHolder` must be strings and are then dropped: that is what the real server does unless the
 * feature CoordinatedLeaderElection, off by default, is on.
 */
export function decodeLease(body: Fields, unknown: string[]): Fields {
  const spec = objectField(body.spec, { struct: "Lease", path: "spec" }, "v1.LeaseSpec") ?? {};
  noteUnknown(spec, KNOWN, "spec.", unknown);
  const holderIdentity = stringField(spec.holderIdentity, site("holderIdentity"));
  const leaseDurationSeconds = int32Field(spec.leaseDurationSeconds, site("leaseDurationSeconds"));
  const acquireTime = microTimeField(spec.acquireTime, site("acquireTime"));
  const renewTime = microTimeField(spec.renewTime, site("renewTime"));
  const leaseTransitions = int32Field(spec.leaseTransitions, site("leaseTransitions"));
  stringField(spec.strategy, site("strategy"));
  stringField(spec.preferredHolder, site("preferredHolder"));
  return {
    spec: {
      ...(holderIdentity === undefined ? {} : { holderIdentity }),
      ...(leaseDurationSeconds === undefined ? {} : { leaseDurationSeconds }),
      ...(acquireTime === undefined ? {} : { acquireTime }),
      ...(renewTime === undefined ? {} : { renewTime }),
      ...(leaseTransitions === undefined ? {} : { leaseTransitions }),
    },
  };
}

export function leaseProblems(lease: KubernetesObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const spec = isFields(lease.spec) ? lease.spec : {};
  const { leaseDurationSeconds, leaseTransitions } = spec;
  if (typeof leaseDurationSeconds === "number" && leaseDurationSeconds <= 0) {
    problems.push(invalidValue("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  }
  if (typeof leaseTransitions === "number" && leaseTransitions < 0) {
    problems.push(invalidValue("spec.leaseTransitions", leaseTransitions, "must be greater than or equal to 0"));
  }
  return problems;
}
