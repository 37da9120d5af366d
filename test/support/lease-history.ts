/**
 * Every version of the Leases of one namespace, as a watch of the test's own has shown it, with the moment of its arrival. It uses
 * nothing of the product, so that it can testify about it.
 */
import type { ClientRequest } from "node:http";
import { request } from "node:https";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { ControlPlaneAccess } from "./control-plane-access.ts";

const texts = z.record(z.string(), z.string());
const count = z.number();

const leaseSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    labels: texts.optional(),
    annotations: texts.optional(),
  }),
  spec: z
    .looseObject({
      holderIdentity: z.string().optional(),
      leaseDurationSeconds: count.optional(),
      acquireTime: z.string().optional(),
      renewTime: z.string().optional(),
      leaseTransitions: count.optional(),
    })
    .optional(),
});
const listSchema = z.looseObject({ items: z.array(leaseSchema) });
const eventSchema = z.looseObject({ type: z.enum(["ADDED", "MODIFIED", "DELETED"]), object: leaseSchema });

/** A Lease as the API server has it; what is not named here is kept. */
export type LeaseObject = z.output<typeof leaseSchema>;

export function parseLeaseObject(text: string): LeaseObject {
  return leaseSchema.parse(JSON.parse(text));
}

export function parseLeaseList(text: string): LeaseObject[] {
  return listSchema.parse(JSON.parse(text)).items;
}

export interface LeaseMoment {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly name: string;
  readonly lease: LeaseObject;
  readonly ns: bigint;
}

export function leasesPath(namespace: string, name?: string): string {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === undefined ? path : `${path}/${name}`;
}

export class LeaseHistory {
  readonly moments: LeaseMoment[] = [];
  readonly #plane: ControlPlaneAccess;
  readonly #namespace: string;
  #sent: ClientRequest | undefined;
  #stopped = false;

  private constructor(plane: ControlPlaneAccess, namespace: string) {
    this.#plane = plane;
    this.#namespace = namespace;
  }

  /** Resolves once the watch stands. */
  static async start(plane: ControlPlaneAccess, namespace: string): Promise<LeaseHistory> {
    const history = new LeaseHistory(plane, namespace);
    const answer = await history.#open();
    void history.#follow(answer);
    return history;
  }

  /** Versions of one Lease, in the order of the API server. */
  of(name: string): LeaseMoment[] {
    return this.moments.filter((moment) => moment.name === name);
  }

  stop(): void {
    this.#stopped = true;
    this.#sent?.destroy();
  }

  /** From the newest version that was seen, or from what there is. */
  #open(): Promise<NodeJS.ReadableStream> {
    const { ca, adminCertificate: cert, adminKey: key } = this.#plane.info;
    const url = new URL(`${leasesPath(this.#namespace)}?watch=true`, this.#plane.url);
    const seen = this.moments.at(-1)?.lease.metadata.resourceVersion;
    if (seen !== undefined) url.searchParams.set("resourceVersion", seen);
    return new Promise((resolve, reject) => {
      this.#sent = request(url, { ca, cert, key, agent: false }, resolve);
      this.#sent.on("error", reject);
      this.#sent.end();
    });
  }

  /** A watcher that reads too slowly, as a busy test may, is dropped by the API server: what it missed is asked for. */
  async #follow(first: NodeJS.ReadableStream): Promise<void> {
    let answer: NodeJS.ReadableStream | undefined = first;
    while (!this.#stopped) {
      try {
        answer ??= await this.#open();
        await this.#read(answer);
      } catch (error) {
        if (!this.#stopped && !isCut(error)) throw error;
      }
      answer = undefined;
    }
  }

  async #read(answer: NodeJS.ReadableStream): Promise<void> {
    for await (const line of createInterface({ input: answer })) {
      const ns = process.hrtime.bigint();
      const { type, object } = eventSchema.parse(JSON.parse(line));
      this.moments.push({ type, name: object.metadata.name, lease: object, ns });
    }
  }
}

function isCut(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET";
}
