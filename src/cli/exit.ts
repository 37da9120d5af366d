import { hasCode, messageOf } from "../runtime/errors.ts";

/** How the command ends: its exit codes, and the text of a failure. */

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

export const EXIT_CODES_HELP = `
Exit codes:
  0    done; for run: stopped, with every shard given back
  1    failed; for run: stopped while work was still running, whose Leases are left to expire; for --wait: not done in time
  2    wrong usage or configuration: nothing was started
  3    run ended itself, because work outlived the validity of its Lease
  137  run was killed: by its watchdog, because such work did not even let it end itself, or from outside`;

/** 2 for what the user can mend in the command line or the configuration, 1 for everything else. */
export function exitCodeOf(error: unknown): number {
  return hasCode(error, "invalid-configuration", "lease-name-refused") ? EXIT_USAGE : EXIT_FAILED;
}

/** What a failure says on standard error: each code with what can be done about it, where the message does not say so itself. */
export function failureText(error: unknown): string {
  const message = messageOf(error);
  if (hasCode(error, "unauthorized"))
    return `${message}\nThe credentials were not accepted: log in again, or name others with --kubeconfig and --context.`;
  if (hasCode(error, "unreachable", "timeout")) {
    return `${message}\nThe API server did not answer: check that it runs and that --kubeconfig and --context name the right one.`;
  }
  return message;
}

/** Resolves when everything that was written to standard output has left this process, or nobody reads it any more. */
export function flushed(): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.destroyed || process.stdout.writableEnded) resolve();
    else process.stdout.write("", () => resolve());
  });
}
