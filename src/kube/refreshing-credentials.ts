import { readFile, stat } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { ElectorateError, messageOf } from "../runtime/errors.ts";
import type { CredentialHeaders, Credentials, TlsMaterial } from "./credentials.ts";
import { type Access, type CredentialSource, findAccess } from "./kubeconfig.ts";

/**
 * Credentials that stay fresh: token, CA and certificate files are looked at once a second while requests are made and read
 * again when they changed; a plugin's credentials are kept until they expire; after a 401 all of it is read again at once.
 *
 * Promises: one reading at a time, shared by all who wait; a file that cannot be read for the moment costs nothing while
 * the last good content is there; an unchanged TLS material stays the same object; no secret in any message.
 */

/** Between two looks at the files. */
const LOOK_EVERY_MS = 1_000;
/** A plugin that hangs is given up after this long, and started anew for the next request. */
const PLUGIN_PATIENCE_MS = 60_000;

/** Finds credentials (see `kubeconfig.ts` for the order) and checks them as far as that needs no server. Throws `invalid-configuration`. */
export async function loadCredentials(source: CredentialSource = {}, clock: Clock = systemClock): Promise<Credentials> {
  const access = await findAccess(source);
  const credentials = new RefreshingCredentials(access, clock);
  if (!access.renews) {
    try {
      await credentials.headers();
    } catch (cause) {
      throw unusable(cause);
    }
  }
  return credentials;
}

function unusable(cause: unknown): ElectorateError {
  return new ElectorateError("invalid-configuration", messageOf(cause), { cause });
}

interface Material {
  readonly tls: TlsMaterial;
  readonly headers: CredentialHeaders;
  /** Identity, size and time of every file it was read from. */
  readonly stamp: string;
}

class RefreshingCredentials implements Credentials {
  readonly server: string;
  readonly namespace: string;
  readonly proxyUrl: string | undefined;
  readonly #access: Access;
  readonly #clock: Clock;
  /** Kept between readings, because it caches what a plugin gave until that expires. */
  #config: KubeConfig;
  #material: Material | undefined;
  /** Why the last reading failed, if it did: a plugin that fails is not run again for every request. */
  #failure: Error | undefined;
  #tls: TlsMaterial = {};
  #reading: { readonly promise: Promise<Material>; readonly sinceMs: number } | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #rejected = false;

  constructor(access: Access, clock: Clock) {
    this.server = access.server;
    this.namespace = access.namespace;
    this.proxyUrl = access.proxyUrl;
    this.#access = access;
    this.#clock = clock;
    this.#config = access.create();
  }

  get tls(): TlsMaterial {
    return this.#tls;
  }

  async headers(): Promise<CredentialHeaders> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS && !this.#rejected) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#material !== undefined) return this.#material.headers;
    }
    if (this.#reading === undefined || nowMs - this.#reading.sinceMs > PLUGIN_PATIENCE_MS) this.#startReading(nowMs);
    return (await this.#reading?.promise)?.headers ?? {};
  }

  invalidate(): void {
    this.#rejected = true;
  }

  describe(): string {
    return `${this.#access.server} (${this.#access.origin})`;
  }

  #startReading(nowMs: number): void {
    const rejected = this.#rejected;
    this.#rejected = false;
    // A fresh KubeConfig has no cache: the plugin runs again. At most once a second, however many answers are 401.
    if (rejected && this.#access.renews && nowMs - this.#renewedAtMs >= LOOK_EVERY_MS) {
      this.#config = this.#access.create();
      this.#renewedAtMs = nowMs;
    }
    const reading = { promise: this.#read(rejected), sinceMs: nowMs };
    this.#reading = reading;
    const settled = (): void => {
      if (this.#reading === reading) this.#reading = undefined;
      this.#lookedAtMs = this.#clock.monotonicMs();
    };
    reading.promise.then(settled, settled);
  }

  async #read(rejected: boolean): Promise<Material> {
    const before = this.#material;
    try {
      this.#failure = undefined;
      const stamp = await this.#stamp();
      if (before !== undefined && before.stamp === stamp && !rejected && !this.#access.renews) return before;
      const read = await this.#authenticate();
      if (!sameTls(this.#tls, read.tls)) this.#tls = read.tls;
      this.#material = { tls: this.#tls, headers: read.headers, stamp };
      return this.#material;
    } catch (error) {
      // What a plugin gave may have expired; what a file said stands until it says something else.
      if (before !== undefined && !this.#access.renews) return before;
      this.#failure = new Error(`${this.#access.origin}: no credentials: ${messageOf(error).trim().slice(0, 200)}`, {
        cause: error,
      });
      throw this.#failure;
    }
  }

  async #stamp(): Promise<string> {
    const { tokenFile, tlsFiles } = this.#access;
    const files = tokenFile === undefined ? tlsFiles : [tokenFile, ...tlsFiles];
    const stamps = await Promise.all(
      files.map(async (file) => {
        const { ino, size, mtimeMs } = await stat(file);
        return `${ino}/${size}/${mtimeMs}`;
      }),
    );
    return stamps.join(" ");
  }

  async #authenticate(): Promise<{ readonly tls: TlsMaterial; readonly headers: CredentialHeaders }> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Record<string, string | readonly string[]> = { ...this.#access.extraHeaders };
    if (typeof options.auth === "string")
      headers.Authorization = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    const given = options.headers !== undefined && !Array.isArray(options.headers) ? options.headers : {};
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) headers[name] = typeof value === "number" ? String(value) : value;
    }
    const { tokenFile } = this.#access;
    if (tokenFile !== undefined) {
      const token = (await readFile(tokenFile, "utf8")).trim();
      if (token === "") throw new Error(`token file ${tokenFile} is empty`);
      headers.Authorization = `Bearer ${token}`;
    }
    return { tls: tlsOf(options), headers };
  }
}

function tlsOf(options: RequestOptions): TlsMaterial {
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
  return {
    ...(isMaterial(ca) ? { ca } : {}),
    ...(isMaterial(cert) ? { cert } : {}),
    ...(isMaterial(key) ? { key } : {}),
    ...(isMaterial(pfx) ? { pfx } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function isMaterial(value: unknown): value is string | Buffer {
  return typeof value === "string" || Buffer.isBuffer(value);
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  return JSON.stringify(comparable(a)) === JSON.stringify(comparable(b));
}

function comparable(tls: TlsMaterial): readonly unknown[] {
  const texts = [tls.ca, tls.cert, tls.key, tls.pfx].map((part) => part?.toString("base64") ?? null);
  return [...texts, tls.passphrase ?? null, tls.servername ?? null, tls.rejectUnauthorized ?? null];
}
