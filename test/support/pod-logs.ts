/** What every container of a release ever wrote, read from the kubelet's files while they are there. */
import { closeSync, existsSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { type Deaths, parseTransition, type RecordedTransition } from "../../src/cli/demo/history.ts";
import { parseSinkLine, type SinkLine } from "./transitions.ts";

const POLL_MS = 50;
const CHUNK = Buffer.alloc(1024 * 1024);

interface Tail {
  readonly file: number;
  /** `<pod>/<restart>`: one process. */
  readonly replica: string;
  /** Stands for the process among others, which all have the same id in their containers. */
  readonly pid: number;
  rest: string;
}

/** A file that is open stays readable after the kubelet has removed it: nothing that was found in time is lost. */
export class PodLogs {
  readonly transitions: RecordedTransition[] = [];
  readonly sink: SinkLine[] = [];
  readonly lines: string[] = [];
  readonly #folder: string;
  readonly #namespace: string;
  readonly #prefix: string;
  readonly #tails = new Map<string, Tail>();
  readonly #deaths = new Map<string, bigint>();
  readonly #timer: NodeJS.Timeout;

  /** `prefix`: how the names of the pods begin. */
  constructor(folder: string, namespace: string, prefix: string) {
    this.#folder = folder;
    this.#namespace = namespace;
    this.#prefix = prefix;
    this.#timer = setInterval(() => this.read(), POLL_MS);
  }

  get deaths(): Deaths {
    return this.#deaths;
  }

  /** Deaths by the number that stands for the process in `sink`. */
  get deathsByPid(): ReadonlyMap<number, bigint> {
    const tails = [...this.#tails.values()];
    return new Map(
      tails.flatMap(({ replica, pid }) => (this.#deaths.has(replica) ? [[pid, this.#deaths.get(replica)!]] : [])),
    );
  }

  /** Takes note that the newest container of a pod is killed now. */
  killed(pod: string): void {
    const replica = [...this.#tails.values()].findLast((tail) => tail.replica.startsWith(`${pod}/`))?.replica;
    if (replica !== undefined) this.#deaths.set(replica, process.hrtime.bigint());
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const { file } of this.#tails.values()) closeSync(file);
  }

  /** Reads what is new. */
  read(): void {
    if (!existsSync(this.#folder)) return;
    for (const pod of readdirSync(this.#folder)) {
      const [namespace, name = ""] = pod.split("_");
      const container = join(this.#folder, pod, "electorate");
      if (namespace !== this.#namespace || !name.startsWith(this.#prefix) || !existsSync(container)) continue;
      for (const file of readdirSync(container))
        this.#open(join(container, file), `${name}/${Number.parseInt(file, 10)}`);
    }
    for (const tail of this.#tails.values()) this.#advance(tail);
  }

  #open(path: string, replica: string): void {
    if (!path.endsWith(".log") || this.#tails.has(path)) return;
    this.#tails.set(path, { file: openSync(path, "r"), replica, pid: this.#tails.size + 1, rest: "" });
  }

  #advance(tail: Tail): void {
    for (let length = readSync(tail.file, CHUNK); length > 0; length = readSync(tail.file, CHUNK)) {
      const lines = (tail.rest + CHUNK.toString("utf8", 0, length)).split("\n");
      tail.rest = lines.pop() ?? "";
      // `<time> stdout F <line>`, as container runtimes write it.
      for (const line of lines) this.#take(tail, line.replace(/^\S+ \S+ \S /, ""));
    }
  }

  #take({ replica, pid }: Tail, line: string): void {
    if (line.includes('"phase"')) {
      this.sink.push({ ...parseSinkLine(line), pid });
      return;
    }
    const transition = parseTransition(replica, line);
    if (transition === undefined) this.lines.push(`${replica} ${line}`);
    else this.transitions.push(transition);
  }
}
