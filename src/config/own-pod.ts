import type { OwnPod } from "../lease/events.ts";

/** The Pod of this process, as the downward API names it; `undefined` where that does not say all of it. */
export function ownPod(environment: NodeJS.ProcessEnv = process.env): OwnPod | undefined {
  const { POD_NAME: name = "", POD_NAMESPACE: namespace = "", POD_UID: uid = "" } = environment;
  return name === "" || namespace === "" || uid === "" ? undefined : { name, namespace, uid };
}
