/**
 * The stock image, built by this repository's Dockerfile on bases of this machine: Debian's libraries, the Node that runs the tests,
 * and, for the build, npm and a shell. No registry of images is asked.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Ran, runTool, toolPath } from "./tools.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LIBRARIES = "libc6,libstdc++6,libgcc-s1,ca-certificates,netbase,tzdata";
const ENVIRONMENT = { STORAGE_DRIVER: "vfs", BUILDAH_ISOLATION: "chroot" };

/** Name of the image in the archive, as a node without a registry finds it. */
export const IMAGE = { repository: "docker.io/library/electorate", tag: "test" };

export class ImageBuild {
  readonly folder = mkdtempSync(join(tmpdir(), "electorate-image-"));

  /** Builds it; answers the archive. */
  async archive(): Promise<string> {
    const base = join(this.folder, "base.tar");
    await must("mmdebstrap", ["--quiet", "--variant=extract", `--include=${LIBRARIES}`, "bookworm", base]);
    await this.#runBase(base);
    const cache = await this.#buildBase(base);
    const bases = ["--build-arg", "BASE=localhost/base:1", "--build-arg", "BUILD_BASE=localhost/build:1"];
    await this.#buildah(["bud", ...bases, "--volume", `${cache}:/npm-cache`, "--tag", "electorate:test", ROOT]);
    const archive = join(this.folder, "image.tar");
    await this.#buildah(["push", "localhost/electorate:test", `docker-archive:${archive}:electorate:${IMAGE.tag}`]);
    return archive;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What the image runs on: libraries and Node, and no shell. */
  async #runBase(tar: string): Promise<void> {
    const container = await this.#from(tar);
    await this.#buildah(["copy", "--quiet", container, process.execPath, "/nodejs/bin/node"]);
    await this.#commit(container, "base:1");
  }

  /** What the image is built on: npm, a shell, and this machine's authorities. Answers the folder of npm's cache. */
  async #buildBase(tar: string): Promise<string> {
    const container = await this.#from(tar);
    const npm = resolve(realpathSync(toolPath("npm") ?? ""), "../..");
    const start = join(this.folder, "npm");
    writeFileSync(start, '#!/bin/sh\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\n', { mode: 0o755 });
    const copies = [
      [process.execPath, "/usr/local/bin/node"],
      [npm, "/usr/local/lib/npm"],
      [start, "/usr/local/bin/npm"],
      [realpathSync("/bin/sh"), "/bin/sh"],
      ["/usr/bin/env", "/usr/bin/env"],
    ];
    const settings = [
      "PATH=/usr/local/bin:/usr/bin:/bin",
      "npm_config_cache=/npm-cache",
      "npm_config_prefer_offline=true",
    ];
    const authorities = (await must("npm", ["config", "get", "cafile"])).stdout.trim();
    if (authorities.startsWith("/")) {
      copies.push([authorities, "/etc/npm-ca.crt"]);
      settings.push("npm_config_cafile=/etc/npm-ca.crt", "NODE_EXTRA_CA_CERTS=/etc/npm-ca.crt");
    }
    for (const pair of copies) await this.#buildah(["copy", "--quiet", container, ...pair]);
    await this.#buildah(["config", ...settings.flatMap((setting) => ["--env", setting]), container]);
    await this.#commit(container, "build:1");
    const cache = (await must("npm", ["config", "get", "cache"])).stdout.trim();
    mkdirSync(cache, { recursive: true });
    return cache;
  }

  async #from(tar: string): Promise<string> {
    const container = (await this.#buildah(["from", "scratch"])).trim();
    await this.#buildah(["add", "--quiet", container, tar, "/"]);
    return container;
  }

  async #commit(container: string, name: string): Promise<void> {
    await this.#buildah(["commit", "--quiet", "--rm", container, `localhost/${name}`]);
  }

  /** Its images are this build's own: nothing of them stays on the machine. */
  async #buildah(args: readonly string[]): Promise<string> {
    const stores = ["--root", join(this.folder, "storage"), "--runroot", join(this.folder, "run")];
    return (await must("buildah", [...stores, ...args], ENVIRONMENT)).stdout;
  }
}

async function must(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const ran = await runTool(name, args, environment);
  if (ran.code !== 0)
    throw new Error(`${name} ended with ${ran.code}: ${ran.stderr.slice(-3_000)}${ran.stdout.slice(-3_000)}`);
  return ran;
}
