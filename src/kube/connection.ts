import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Scope } from "../runtime/scope.ts";
import type { Telemetry } from "../runtime/telemetry.ts";
import type { Credentials } from "./credentials.ts";
import { type Answer, createHttpTransport } from "./http-transport.ts";
import type { CredentialSource } from "./kubeconfig.ts";
import { loadCredentials } from "./refreshing-credentials.ts";
import type { Transport } from "./transport.ts";

/**
 * The connections of one process to its API server. What keeps the Leases has sockets of its own: a thousand objects being
 * listed, or a slow write of a handler, must never stand in front of a renewal.
 */

/** Where the credentials are found, and who asks. */
export interface ConnectOptions extends CredentialSource {
  /** Named in the user agent, such as the coordinator's name. */
  readonly component: string;
  /** Ready credentials, instead of those that the other options would find. */
  readonly credentials?: Credentials;
  readonly clock?: Clock;
  /** Called for every answer of either transport; feeds `rest_client_requests_total`. */
  readonly onAnswer?: (answer: Answer) => void;
}

/** What `connect` gives: two transports to one API server, under one set of credentials. */
export interface KubeConnection {
  /** Namespace of the context, or the pod's own. */
  readonly namespace: string;
  /** For Leases: up to 8 connections, each opened within 3 s or given up. */
  readonly coordination: Transport;
  /** For everything else: up to 16 connections. */
  readonly objects: Transport;
  /** One line for logs, without any secret. */
  describe(): string;
  close(): Promise<void>;
}

/** Finds the credentials; opens no connection yet. Throws `invalid-configuration`. */
export async function connect(options: ConnectOptions): Promise<KubeConnection> {
  const clock = options.clock ?? systemClock;
  const credentials = options.credentials ?? (await loadCredentials(options, clock));
  const shared = { clock, ...(options.onAnswer === undefined ? {} : { onAnswer: options.onAnswer }) };
  const coordination = createHttpTransport(credentials, {
    ...shared,
    component: `${options.component} coordination`,
    connections: 8,
    connectTimeoutMs: 3_000,
  });
  const objects = createHttpTransport(credentials, { ...shared, component: options.component, connections: 16 });
  return {
    namespace: credentials.namespace,
    coordination,
    objects,
    describe: () => credentials.describe(),
    async close() {
      await Promise.all([coordination.close(), objects.close()]);
    },
  };
}

export interface ObtainOptions {
  /** Taken as it is, and left open. */
  readonly connection: KubeConnection | undefined;
  readonly component: string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** The connection that is given, or one of our own, counted in the metrics and closed with `scope`. */
export async function obtainConnection(options: ObtainOptions, scope: Scope): Promise<KubeConnection> {
  const { connection, component, clock, telemetry } = options;
  if (connection !== undefined) return connection;
  const onAnswer = (answer: Answer): void => telemetry.meter.increment("rest_client_requests_total", { ...answer });
  const own = await connect({ component, clock, onAnswer });
  scope.defer(() => own.close());
  return own;
}
