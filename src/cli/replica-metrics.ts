import { parseListenAddress } from "../config/address.ts";
import type { Clock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";

/** How a command reads what a replica serves at `/metrics`. */

export interface MetricsQuestion {
  /** `host:port`. It may come out of a Lease, so nothing else is believed to be one. */
  readonly address: string;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** @throws ElectorateError `unreachable`, `timeout`, `server-error`, or `invalid-configuration` for what is no address. */
export async function metricsText({ address, deadlineMs, clock, signal }: MetricsQuestion): Promise<string> {
  const parsed = parseListenAddress(address);
  if ("problem" in parsed) throw new ElectorateError("invalid-configuration", `its address ${parsed.problem}`);
  const deadline = new AbortController();
  const timer = clock.timer(deadlineMs, () => deadline.abort());
  const signals = signal === undefined ? [deadline.signal] : [deadline.signal, signal];
  try {
    const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.any(signals), redirect: "error" });
    // Read whatever it is, so that the connection can be used again.
    const text = await answer.text();
    // Where to comes out of a Lease, which many may write: no token is ever sent there.
    const guarded = answer.status === 401 ? ", because they are not for everybody (http.authorizeMetrics)" : "";
    if (!answer.ok)
      throw new ElectorateError("server-error", `status ${answer.status}${guarded}`, { status: answer.status });
    return text;
  } catch (error) {
    if (error instanceof ElectorateError) throw error;
    if (deadline.signal.aborted)
      throw new ElectorateError("timeout", `no answer within ${deadlineMs} ms`, { cause: error });
    // `fetch failed` says nothing; its cause does.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new ElectorateError("unreachable", messageOf(cause), { cause });
  } finally {
    timer.cancel();
  }
}

const SERIES = /^(\w+)\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}[ \t]+(\S+)(?:[ \t]+-?\d+)?$/;
const LABELS = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Values of a metric by one of its labels, out of the text format of Prometheus; series that differ in further labels are added up. */
export function valuesBy(text: string, metric: string, label: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name, labels = "", digits = ""] = SERIES.exec(line.trim()) ?? [];
    if (name !== metric) continue;
    const value = Number(digits);
    const [, , found] = [...labels.matchAll(LABELS)].find(([, labelName]) => labelName === label) ?? [];
    if (found !== undefined && Number.isFinite(value)) values.set(found, (values.get(found) ?? 0) + value);
  }
  return values;
}
