/** Lease settings under which contenders are compared, named by lease duration / renew deadline / retry period. */
export interface Profile {
  readonly duration: string;
  readonly renewDeadline: string;
  readonly retryPeriod: string;
}

/** The defaults of this project, of client-go's documentation and of Kubernetes' own components. */
export const USUAL: Profile = { duration: "15s", renewDeadline: "10s", retryPeriod: "2s" };
export const SHORT: Profile = { duration: "3s", renewDeadline: "2s", retryPeriod: "500ms" };
/** Knative's own defaults. */
export const LONG: Profile = { duration: "60s", renewDeadline: "40s", retryPeriod: "10s" };

export function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+)(ms|s)$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`a duration must be written as 500ms or 15s, but is "${text}"`);
  return Number(amount) * (unit === "s" ? 1_000 : 1);
}

/** `15/10/2 s`. */
export function profileName({ duration, renewDeadline, retryPeriod }: Profile): string {
  const seconds = [duration, renewDeadline, retryPeriod].map((text) => durationMs(text) / 1_000);
  return `${seconds.join("/")} s`;
}
