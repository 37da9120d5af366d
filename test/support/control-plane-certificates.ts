/**
 * Certificates and keys of a throw-away control plane, made with the `openssl` command.
 *
 * Promises: everything is below one folder; nothing is valid for longer than a week; the serving certificate holds
 * 127.0.0.1 and localhost, so that a proxy on another port of this machine can stand in front of the server.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface ControlPlaneCertificates {
  /** PEM of the certificate authority that signed everything here. */
  readonly ca: string;
  readonly caFile: string;
  readonly servingCertificateFile: string;
  readonly servingKeyFile: string;
  /** PEM of a client certificate in the group `system:masters`, and its key. */
  readonly adminCertificate: string;
  readonly adminKey: string;
  /** The key pair that signs service-account tokens, in one PEM file. */
  readonly serviceAccountKeyFile: string;
}

const VALID_DAYS = "7";

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  try {
    await run("openssl", [...args], { cwd: folder });
  } catch (error) {
    throw new Error(`openssl ${args[0] ?? ""} failed; it must be on the PATH to start a control plane`, {
      cause: error,
    });
  }
}

async function key(folder: string, name: string): Promise<void> {
  await openssl(folder, ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`]);
}

async function signed(
  folder: string,
  name: string,
  subject: string,
  serial: string,
  extensions: string,
): Promise<void> {
  await key(folder, name);
  await writeFile(join(folder, `${name}.cnf`), extensions);
  await openssl(folder, ["req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.csr`]);
  const authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", serial, "-days", VALID_DAYS];
  const files = ["-in", `${name}.csr`, "-out", `${name}.crt`, "-extfile", `${name}.cnf`];
  await openssl(folder, ["x509", "-req", "-sha256", ...files, ...authority]);
}

/** Makes a certificate authority, a serving certificate, an administrator's certificate and a token key in `folder`. */
export async function makeCertificates(folder: string): Promise<ControlPlaneCertificates> {
  const path = (name: string): string => join(folder, name);
  await key(folder, "ca");
  const authority = ["-subj", "/CN=electorate-test-ca", "-set_serial", "1", "-days", VALID_DAYS];
  await openssl(folder, ["req", "-x509", "-new", "-sha256", "-key", "ca.key", "-out", "ca.crt", ...authority]);
  await Promise.all([
    signed(
      folder,
      "serving",
      "/CN=kube-apiserver",
      "2",
      "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n",
    ),
    signed(folder, "admin", "/O=system:masters/CN=admin", "3", "extendedKeyUsage=clientAuth\n"),
    key(folder, "service-account"),
  ]);
  const [ca, adminCertificate, adminKey] = await Promise.all(
    ["ca.crt", "admin.crt", "admin.key"].map((name) => readFile(path(name), "utf8")),
  );
  if (ca === undefined || adminCertificate === undefined || adminKey === undefined) throw new Error("unreachable");
  return {
    ca,
    caFile: path("ca.crt"),
    servingCertificateFile: path("serving.crt"),
    servingKeyFile: path("serving.key"),
    adminCertificate,
    adminKey,
    serviceAccountKeyFile: path("service-account.key"),
  };
}
