/** What a process costs, as Linux' kernel counts it, and what a replica says of itself. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ReplicaProcess } from "../../test/support/replica-process.ts";

/** CPU time of a process so far, in milliseconds. The kernel tells it in hundredths of a second. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}

/** Memory of a process that is in the machine's memory now, in MiB. */
export function residentMiBOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) / 1024;
}

/** Established TCP connections of a process to `port`: the sockets that it has open, looked up in the kernel's table. */
export function connectionsTo(pid: number, port: number): number {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const remotePort = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1),
  );
  return rows.filter((row) => {
    const [, , remote = "", state, , , , , , inode = ""] = row.trim().split(/\s+/);
    return state === "01" && remote.endsWith(`:${remotePort}`) && inodes.has(inode);
  }).length;
}

/** A descriptor may be closed while it is looked at. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** A metric without labels; not a number when it is missing. */
export function gaugeOf(metrics: string, name: string): number {
  const line = metrics.split("\n").find((text) => text.startsWith(`${name} `));
  return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
}

/** The metrics that a replica of ours serves, in Prometheus' text format. */
export async function metricsOf({ name, address }: ReplicaProcess): Promise<string> {
  if (address === undefined) throw new Error(`${name} serves no metrics`);
  return (await fetch(`http://${address}/metrics`)).text();
}
