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
  readonly #sent: ClientRequest;

  private constructor(sent: ClientRequest) {
    this.#sent = sent;
  }

  /** Resolves once the watch stands. */
  static start(plane: ControlPlaneAccess, namespace: string): Promise<LeaseHistory> {
    const { ca, adminCertificate: cert, adminKey: key } = plane.info;
    return new Promise((resolve, reject) => {
      const url = new URL(`${leasesPath(namespace)}?watch=true`, plane.url);
      const sent = request(url, { ca, cert, key, agent: false }, (answer) => {
        const history = new LeaseHistory(sent);
        void history.#read(answer);
        resolve(history);
      });
      sent.on("error", reject);
      sent.end();
    });
  }

  /** Versions of one Lease, in the order of the API server. */
  of(name: string): LeaseMoment[] {
    return this.moments.filter((moment) => moment.name === name);
  }

  stop(): void {
    this.#sent.destroy();
  }

  async #read(answer: NodeJS.ReadableStream): Promise<void> {
    try {
      for await (const line of createInterface({ input: answer })) {
        const ns = process.hrtime.bigint();
        const { type, object } = eventSchema.parse(JSON.parse(line));
        this.moments.push({ type, name: object.metadata.name, lease: object, ns });
      }
    } catch (error) {
      if (!this.#sent.destroyed) throw error;
    }
  }
}
