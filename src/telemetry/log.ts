import { type DestinationStream, type Logger, destination as openDestination, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { type Clock, systemClock } from "../runtime/clock.ts";
import type { Log } from "../runtime/telemetry.ts";
import { presentable } from "./presentable.ts";

/**
 * The log of a process: one JSON object per line, or text for a person in a terminal.
 *
 * Promises of this file: a line is written before the call returns, so that the last lines of a process that is killed or
 * exits are there; a line says its level in words and its time in ISO 8601; no line holds a secret, a header or an API
 * answer (`presentable.ts`).
 */

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where lines go: one call per line, newline included. */
export interface LogDestination {
  write(line: string): void;
}

export interface LogOptions {
  /** The least level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** Text for a person instead of JSON. Default: true when lines go to standard output and that is a terminal. */
  readonly pretty?: boolean;
  /** Default: standard output. */
  readonly destination?: LogDestination;
  readonly clock?: Clock;
}

export function createLog(options: LogOptions = {}): Log {
  const { level = "info", destination, clock = systemClock } = options;
  const pretty = options.pretty ?? (destination === undefined && process.stdout.isTTY === true);
  const lines = destination ?? openDestination({ fd: 1, sync: true });
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // `presentable` has done it already; pino's own would write the stack and whatever else hangs on an error.
      serializers: { err: (value: unknown) => value },
    },
    pretty ? prettyLines(lines, destination === undefined && process.stdout.isTTY === true) : lines,
  );
  return new PinoLog(logger);
}

type WrittenLevel = Exclude<LogLevel, "silent">;

/** What pino itself writes; a field of such a name gets a `_`, because a JSON object with a key twice is read differently by everybody. */
const RESERVED: ReadonlySet<string> = new Set(["level", "time", "msg"]);

class PinoLog implements Log {
  readonly #logger: Logger;
  /** Of this log and its parents; kept here and not in pino, which would write a key twice that a line has too. */
  readonly #bound: Readonly<Record<string, unknown>>;

  constructor(logger: Logger, bound: Readonly<Record<string, unknown>> = {}) {
    this.#logger = logger;
    this.#bound = bound;
  }

  debug(fields: object, message: string): void {
    this.#write("debug", fields, message);
  }

  info(fields: object, message: string): void {
    this.#write("info", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write("warn", fields, message);
  }

  error(fields: object, message: string): void {
    this.#write("error", fields, message);
  }

  child(fields: object): Log {
    return new PinoLog(this.#logger, { ...this.#bound, ...unreserved(presentable(fields)) });
  }

  #write(level: WrittenLevel, fields: object, message: string): void {
    if (!this.#logger.isLevelEnabled(level)) return;
    this.#logger[level]({ ...this.#bound, ...unreserved(presentable(fields)) }, message);
  }
}

function unreserved(fields: Record<string, unknown>): Record<string, unknown> {
  if (!Object.keys(fields).some((name) => RESERVED.has(name))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [RESERVED.has(name) ? `${name}_` : name, value]),
  );
}

/** pino-pretty as a plain function, because its stream would hold the last lines back when the process ends. */
function prettyLines(lines: LogDestination, colorize: boolean): DestinationStream {
  const format = prettyFactory({
    colorize,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "at,monotonicNs",
    errorLikeObjectKeys: [],
  });
  return { write: (line) => lines.write(format(line)) };
}
