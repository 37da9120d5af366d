#!/usr/bin/env node

/**
 * The entry of the command. It imports nothing before it knows that Node can run the rest, because an older Node would
 * answer with a stack from within a dependency. So this file itself must stay readable for Node 20.
 */

const LEAST_MAJOR = 22;
const LEAST_MINOR = 19;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < LEAST_MAJOR || (major === LEAST_MAJOR && minor < LEAST_MINOR)) {
  process.stderr.write(
    `electorate needs Node.js ${LEAST_MAJOR}.${LEAST_MINOR} or newer, but this is ${process.versions.node}; install a newer one, or put it first on PATH\n`,
  );
  process.exitCode = 2;
} else {
  const { main } = await import("./program.ts");
  await main(process.argv.slice(2));
}

export {};
