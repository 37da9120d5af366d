import { readFileSync } from "node:fs";

let version: string | undefined;

/** Version of this package, from its own package.json; the file stands two levels up in `src/` and in `dist/` alike. */
export function packageVersion(): string {
  if (version === undefined) {
    const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const found =
      typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
    version = typeof found === "string" ? found : "unknown";
  }
  return version;
}

/** `electorate/<version> (<component>)`. What a header cannot carry is left out of the component. */
export function userAgent(component: string): string {
  const printable = component.replace(/[^\x20-\x7e]/g, "").replace(/[()\\]/g, "");
  return `electorate/${packageVersion()} (${printable})`;
}
