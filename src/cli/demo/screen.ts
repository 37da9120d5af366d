import { createLogUpdate } from "log-update";
import type { Paint, Size } from "./view.ts";
import { plain } from "./view.ts";

/** Where the story is shown: redrawn in place in a terminal, else line after line. */

export interface Screen {
  /** True when frames are shown; then lines are not. */
  readonly live: boolean;
  readonly paint: Paint;
  frame(render: (size: Size) => string): void;
  line(text: string): void;
  /** Leaves the last frame where it is and puts the cursor below it. */
  close(): void;
}

export interface ScreenOutput {
  readonly stream: NodeJS.WritableStream & {
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
  };
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly paint: Paint;
}

/** A live screen needs a terminal that is a person's: not a pipe, not CI, and nobody asked for plain text. */
export function isLive({ stream, environment }: Pick<ScreenOutput, "stream" | "environment">): boolean {
  const { NO_COLOR = "", CI = "", TERM = "" } = environment;
  return stream.isTTY === true && NO_COLOR === "" && (CI === "" || CI === "false") && TERM !== "dumb";
}

export function openScreen(output: ScreenOutput): Screen {
  return isLive(output) ? liveScreen(output) : lineScreen(output.stream);
}

function liveScreen({ stream, paint }: ScreenOutput): Screen {
  const update = createLogUpdate(stream);
  return {
    live: true,
    paint,
    frame: (render) => update(render({ columns: stream.columns ?? 80, rows: stream.rows ?? 24 })),
    line() {},
    close: () => update.done(),
  };
}

function lineScreen(stream: NodeJS.WritableStream): Screen {
  return {
    live: false,
    paint: plain,
    frame() {},
    line: (text) => void stream.write(`${text}\n`),
    close() {},
  };
}

/** Shows nothing: for `--json`. */
export const darkScreen: Screen = { live: false, paint: plain, frame() {}, line() {}, close() {} };
