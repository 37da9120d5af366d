/** A progress bar on standard error: drawn over itself in a terminal, one line for each cell elsewhere. */
import { createLogUpdate } from "log-update";

const WIDTH = 24;
const EVERY_MS = 1_000;

export interface Progress {
  /** The next cell begins; it and those after it take about so long. */
  begin(name: string, done: number, of: number, secondsLeft: number): void;
  /** A line that stays. */
  readonly say: (line: string) => void;
  close(): void;
}

export function startProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return plainProgress(stream);
  const draw = createLogUpdate(stream);
  let frame = (): string => "";
  const timer = setInterval(() => draw(frame()), EVERY_MS);
  timer.unref();
  return {
    begin(name, done, of, secondsLeft) {
      const startedMs = performance.now();
      frame = () => {
        const seconds = (performance.now() - startedMs) / 1_000;
        const left = Math.max(0, secondsLeft - seconds);
        return `${bar(done, of)} ${done + 1}/${of} ${name} ${seconds.toFixed(0)} s; about ${timeText(left)} left`;
      };
      draw(frame());
    },
    say(line) {
      draw.clear();
      stream.write(`${line}\n`);
    },
    close() {
      clearInterval(timer);
      draw.clear();
    },
  };
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const clock = (): string => new Date().toISOString().slice(11, 19);
  return {
    begin(name, done, of, secondsLeft) {
      stream.write(`${clock()} ${bar(done, of)} ${done + 1}/${of} ${name}; about ${timeText(secondsLeft)} left\n`);
    },
    say: (line) => stream.write(`${clock()} ${line}\n`),
    close() {},
  };
}

export function bar(done: number, of: number): string {
  const filled = of === 0 ? 0 : Math.round((done / of) * WIDTH);
  return `[${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}]`;
}

export function timeText(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
