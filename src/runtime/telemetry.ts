/** Ports through which the rooms say what happens; the shells behind them (pino, prom-client) live in `telemetry/`. */

/** Structured log with pino's shape: fields first, then a message. Never pass a secret or a whole API error body. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** One label set of a metric. */
export type Labels = Readonly<Record<string, string>>;

/** Metrics by name; the names, types, labels, help texts and buckets are declared once, in `telemetry/metrics.ts`. */
export interface Meter {
  increment(name: string, labels: Labels, by?: number): void;
  set(name: string, labels: Labels, value: number): void;
  observe(name: string, labels: Labels, value: number): void;
  /** Forgets the series of a label set, so that a shard that left is not shown for ever. */
  forget(name: string, labels: Labels): void;
}

/** What a transition line can say; a documented contract that benchmarks and tests read. */
export type TransitionEvent =
  | "lease-acquired"
  | "lease-released"
  | "lease-transferred"
  | "lease-lost"
  | "gate-opened"
  | "gate-closed"
  | "queue-started"
  | "queue-stopped";

/** One change of a Lease, a gate or a queue on this replica. */
export interface Transition {
  readonly event: TransitionEvent;
  readonly shard: string;
  readonly identity: string;
  readonly epoch: string;
  readonly reason: string;
  /** Validity left on the gate when this happened, in milliseconds, where there is one. */
  readonly marginMs?: number;
}

/** Everything that a coordinator says: log lines, metrics, and the transition lines of the documented contract. */
export interface Telemetry {
  readonly log: Log;
  readonly meter: Meter;
  /** Writes one line with the fields of `transition`, `at` (Unix ms with a microsecond fraction) and `monotonicNs`. */
  transition(transition: Transition): void;
  /** The exposition text of every metric, for a telemetry that keeps them. */
  metricsText?(): Promise<string>;
}

const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

/** Says nothing; for tests and for users who bring no telemetry. */
export const silentTelemetry: Telemetry = {
  log: silentLog,
  meter: { increment() {}, set() {}, observe() {}, forget() {} },
  transition() {},
};
