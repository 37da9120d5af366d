import { LABEL_COORDINATOR, leaseSelector } from "../../lease/names.ts";
import { systemClock } from "../../runtime/clock.ts";
import { ElectorateError } from "../../runtime/errors.ts";
import { type Cluster, leasesOf, unknownCoordinator } from "../cluster.ts";
import type { CoordinatorStatus } from "./model.ts";
import { reportOf, reportsOf } from "./report.ts";

/** Every coordinator that is meant. Throws `not-found` when one is named and has no Lease. */
export async function reportsFor(cluster: Cluster): Promise<CoordinatorStatus[]> {
  const { namespace, coordinator } = cluster;
  if (coordinator === undefined) {
    const versions = await leasesOf(cluster, LABEL_COORDINATOR);
    return reportsOf(versions, namespace, systemClock.wallMs());
  }
  const versions = await leasesOf(cluster, leaseSelector(coordinator));
  if (versions.length === 0) throw await unknownCoordinator(cluster, coordinator);
  return [reportOf(coordinator, versions, namespace, systemClock.wallMs())];
}

/** The one coordinator that is meant: the named one, else the only one of which `fits` is true. Throws `not-found`. */
export async function reportFor(
  cluster: Cluster,
  fits: (report: CoordinatorStatus) => boolean,
): Promise<CoordinatorStatus> {
  const reports = await reportsFor(cluster);
  const [only, ...others] = reports.length > 1 ? reports.filter(fits) : reports;
  if (only !== undefined && others.length === 0) return only;
  const names = (only === undefined ? reports : [only, ...others]).map(({ coordinator }) => coordinator).join(", ");
  const message =
    names === ""
      ? `there is no coordinator in namespace ${cluster.namespace}; name another one with --namespace`
      : `there are several coordinators in namespace ${cluster.namespace} (${names}); name one with --coordinator`;
  throw new ElectorateError("not-found", message);
}
