import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadFunctions, loadHandlers } from "../../../src/config/handlers.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "handlers-"));
  const files: Readonly<Record<string, string>> = {
    "good.mjs":
      "export async function reconcilePod() {}\nexport default async () => {};\nexport const limit = 3;\nexport const nothing = null;",
    "good.ts": "export async function reconcile(request: { key: string }): Promise<void> { void request; }",
    "common.cjs": "const made = {}; made['reconcile'] = async () => {}; module.exports = made;",
    "empty.mjs": "export const limit = 3;",
    "broken.mjs": "export async function reconcile( {",
    "throws.mjs": "throw new TypeError('no database\\nat all');",
    "needs.mjs": "import './missing.mjs'; export const reconcile = async () => {};",
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const reference = (file: string, exportName: string) => ({
  file: join(folder, file),
  exportName,
  place: `e.yaml:7:9 resources[0].handler`,
});

describe("handlers", () => {
  it("are loaded from ESM, TypeScript and CommonJS, in the order asked for", async () => {
    const handlers = await loadFunctions([
      reference("good.mjs", "reconcilePod"),
      reference("good.mjs", "default"),
      reference("good.ts", "reconcile"),
      reference("common.cjs", "reconcile"),
    ]);
    expect(handlers).toHaveLength(4);
    expect(handlers[0]?.name).toBe("reconcilePod");
    for (const handler of handlers) expect(handler).toBeTypeOf("function");
  });

  it.each([
    ["absent.mjs", "reconcile", /there is no file .*absent\.mjs/],
    ["", "reconcile", /is not a file/],
    [
      "good.mjs",
      "reconcilePods",
      /has no export "reconcilePods"; did you mean "reconcilePod"\? the functions it exports are default, reconcilePod/,
    ],
    ["good.mjs", "limit", /limit of .* is not a function but of type number/],
    ["good.mjs", "nothing", /not a function but null/],
    ["good.mjs", "toString", /has no export "toString"/],
    ["good.mjs", "__proto__", /has no export "__proto__"/],
    ["common.cjs", "toString", /has no export "toString"/],
    ["empty.mjs", "reconcile", /exports no function: export one/],
    ["broken.mjs", "reconcile", /cannot be loaded/],
    ["throws.mjs", "reconcile", /cannot be loaded: TypeError: no database$/],
    ["needs.mjs", "reconcile", /cannot be loaded.*missing\.mjs/],
  ])("%s#%s that cannot be had says why, with its place in the YAML", async (file, exportName, says) => {
    const failure = loadFunctions([reference(file, exportName)]);
    await expect(failure).rejects.toMatchObject({ code: "invalid-configuration" });
    await expect(failure).rejects.toThrow(says);
    await expect(failure).rejects.toThrow(/^e\.yaml:7:9 resources\[0\]\.handler: /);
  });

  it("and map functions are mixed up between resources", async () => {
    const mapped = { map: reference("good.ts", "reconcile") };
    const loaded = await loadHandlers([
      { handler: reference("good.mjs", "reconcilePod"), watches: [] },
      { handler: reference("common.cjs", "reconcile"), watches: [mapped, mapped] as never },
      { handler: reference("good.mjs", "default"), watches: [] },
    ]);
    expect(loaded.map(({ reconcile, maps }) => [reconcile.name, maps.map(({ name }) => name)])).toEqual([
      ["reconcilePod", []],
      ["", ["reconcile", "reconcile"]],
      [expect.stringContaining("default"), []],
    ]);
  });

  it("that cannot be had are listed together", async () => {
    const failure = loadFunctions([
      reference("absent.mjs", "a"),
      reference("good.mjs", "default"),
      reference("empty.mjs", "b"),
    ]);
    await expect(failure).rejects.toThrow(/^2 handlers cannot be loaded:\n.*absent.*\n.*empty/);
  });
});
