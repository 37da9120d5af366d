/**
 * `helm test`: every replica is ready, every shard is owned, and a replica that is drained gives all its shards to others,
 * which then own every shard again. Run in the program's own image: node fleet-test.js <coordinator> <namespace> <replicas>
 */
import { spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";

const [coordinator, namespace, wanted] = process.argv.slice(2);
const DEADLINE_MS = 120_000;

function electorate(...args) {
  const subject = ["--coordinator", coordinator, "--namespace", namespace];
  const { status, stdout, stderr } = spawnSync(process.execPath, ["/app/dist/cli/main.js", ...args, ...subject], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`electorate ${args.join(" ")} ended with ${status}: ${stderr}${stdout}`);
  return stdout;
}

/** What the Leases say, or why they cannot be read yet. */
function look() {
  const { members, shards } = JSON.parse(electorate("status", "-o", "json"));
  const ready = members.filter(({ state }) => state === "ready");
  const unowned = shards.filter(({ state }) => state !== "owned");
  return { ready, shards, unowned };
}

async function until(what, holds) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const seen = look();
    if (holds(seen)) {
      console.log(`ok: ${what}`);
      return seen;
    }
    if (Date.now() > deadline) {
      const names = seen.unowned.map(({ shard, state }) => `${shard} ${state}`).join(", ");
      throw new Error(`not within ${DEADLINE_MS / 1000} s: ${what}; ready ${seen.ready.length}, not owned: ${names || "none"}`);
    }
    await delay(1_000);
  }
}

const allOwned = ({ shards, unowned }) => shards.length > 0 && unowned.length === 0;
const { ready, shards } = await until(
  `${wanted} replicas are ready and every shard is owned`,
  (seen) => seen.ready.length >= Number(wanted) && allOwned(seen),
);
const [giver] = ready.toSorted((one, other) => other.shards - one.shards);
if (ready.length < 2 || giver.shards === 0) {
  console.log("skipped: a handoff needs two replicas and a shard");
} else {
  try {
    electorate("drain", giver.identity, "--wait");
    await until(`the ${giver.shards} shards of ${giver.identity} were handed over, and all ${shards.length} are owned`, (seen) =>
      allOwned(seen) && seen.shards.every(({ holder }) => holder !== giver.identity),
    );
  } finally {
    electorate("uncordon", giver.identity);
  }
}
