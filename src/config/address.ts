/** Where a server listens. Without `host` it listens on every address of the machine, IPv6 and IPv4. */
export interface ListenAddress {
  readonly host?: string;
  readonly port: number;
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::", ""]);

/** Where others reach what listens at `bound`: a server that listens on every address is found at the pod's. */
export function reachableAddress(bound: string, podIp: string | undefined): string {
  const parsed = parseListenAddress(bound);
  if ("problem" in parsed || podIp === undefined || podIp === "" || !EVERY_ADDRESS.has(parsed.host ?? "")) return bound;
  return podIp.includes(":") ? `[${podIp}]:${parsed.port}` : `${podIp}:${parsed.port}`;
}

/** Reads `host:port`, `:port` or `[IPv6]:port`, port 0 meaning any free one; answers a text that says what is wrong otherwise. */
export function parseListenAddress(text: string): ListenAddress | { readonly problem: string } {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]]*)):(\d+)$/.exec(text);
  if (match === null) return { problem: `must be "host:port", ":port" or "[IPv6 address]:port", but is "${text}"` };
  const [, ipv6, name = "", digits = ""] = match;
  const port = Number(digits);
  if (port > 65_535) return { problem: `must have a port between 0 and 65535, but is "${text}"` };
  const host = ipv6 ?? name;
  if (ipv6 !== undefined && !ipv6.includes(":"))
    return { problem: `has "${ipv6}" in brackets, which is no IPv6 address` };
  if (!/^[A-Za-z0-9.:%_-]*$/.test(host))
    return { problem: `has the host "${host}", which is neither a name nor an address` };
  return host === "" ? { port } : { host, port };
}
