import { expect, test } from "vitest";
import { gateTerms } from "../../src/cli/demo/history.ts";
import { createObjects, leaseOf } from "../support/cluster-objects.ts";
import { ForeignElector } from "../support/foreign-elector.ts";
import { integration, type Scene, say } from "../support/integration.ts";
import { SHORT_LEASE_MS } from "../support/replica-process.ts";
import { msBetween, never, until } from "../support/waiting.ts";

/** An elector with client-go's rules on the Lease of one of our shards. */

const scene = integration();
const SHARDS = 4;
const RESOURCES = [{ resource: "configmaps", buckets: SHARDS }];
const LEASE = "test-configmaps-00";
const SHARD = "configmaps-00";

/** Every time in which both acted for the shard. */
function both(on: Scene, foreign: ForeignElector): string[] {
  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths()).filter(({ shard }) => shard === SHARD);
  return foreign.tenancies.flatMap(({ fromNs, toNs }) =>
    terms
      .filter(
        ({ openedNs, closedNs }) =>
          (toNs === undefined || openedNs < toNs) && (closedNs === undefined || fromNs < closedNs),
      )
      .map(({ replica, epoch }) => `${replica} (term ${epoch}) and the foreign elector`),
  );
}

test("a client-go elector on our Lease is taken over while it renews, or takes over while we do", async (context) => {
  const on = await scene(context, "foreign");
  await createObjects(on.plane, "foreign", "configmaps", 20, { "test/again": "50" });
  const foreign = new ForeignElector(on.plane, "foreign", LEASE);
  try {
    // The Lease is there before ours, made by a program that knows nothing of our labels.
    foreign.start();
    await until("the foreign elector to lead", 5_000, () => foreign.holds);
    const a = on.start("a", { resources: RESOURCES });
    await on.allOwned(SHARDS - 1);
    await never(
      "taken from a foreign elector that renews",
      SHORT_LEASE_MS * 2,
      () => both(on, foreign)[0] ?? (on.owners().has(SHARD) ? "opened" : undefined),
    );
    const labelled = await leaseOf(on.plane, "foreign", LEASE);
    expect(labelled?.spec?.holderIdentity).toBe(foreign.identity);
    expect(labelled?.metadata.labels).toMatchObject({
      "electorate.dev/coordinator": "test",
      "electorate.dev/role": "shard",
      "electorate.dev/resource": "configmaps",
      "electorate.dev/bucket": "00",
    });
    expect(foreign.holds).toBe(true);

    // It releases: free at once.
    const releasedNs = process.hrtime.bigint();
    await foreign.release();
    await on.allOwned(SHARDS, SHORT_LEASE_MS * 2);
    const openedAfterRelease = lastOpened(on);
    say(`foreign elector released: opened ${msBetween(releasedNs, openedAfterRelease).toFixed(0)} ms later`);
    expect(msBetween(releasedNs, openedAfterRelease)).toBeLessThan(1_500);

    // It contends again, and ours renews: it gets nothing.
    foreign.start();
    await never(
      "taken from us while we renew",
      SHORT_LEASE_MS * 2,
      () => both(on, foreign)[0] ?? (foreign.holds ? "it holds it" : undefined),
    );

    // Ours is killed: it takes the Lease when that has expired.
    const killedNs = a.kill();
    await until("the foreign elector to take over", SHORT_LEASE_MS * 4, () => foreign.holds);
    const takenNs = foreign.tenancies.at(-1)?.fromNs ?? 0n;
    say(`ours killed: the foreign elector took over after ${msBetween(killedNs, takenNs).toFixed(0)} ms`);

    // It dies: ours takes the Lease when that has expired, and gives it back to it on SIGTERM.
    const b = on.start("b", { resources: RESOURCES });
    await on.members(2);
    await until("the other shards", SHORT_LEASE_MS * 4, () => on.owners().size >= SHARDS - 1);
    const diedNs = process.hrtime.bigint();
    await foreign.die();
    await on.allOwned(SHARDS, SHORT_LEASE_MS * 4);
    const afterDeathMs = msBetween(diedNs, lastOpened(on));
    say(`foreign elector died: opened ${afterDeathMs.toFixed(0)} ms later`);
    expect(afterDeathMs).toBeGreaterThan(SHORT_LEASE_MS - 600);
    foreign.start();
    await never("taken from us while we renew", SHORT_LEASE_MS, () => both(on, foreign)[0]);
    const stoppedNs = b.stop();
    await until("the foreign elector to be given the Lease", SHORT_LEASE_MS * 2, () => foreign.holds);
    say(
      `ours stopped: the foreign elector took over after ${msBetween(stoppedNs, foreign.tenancies.at(-1)?.fromNs ?? 0n).toFixed(0)} ms`,
    );
    expect(await b.exited).toEqual({ code: 0, signal: null });
  } finally {
    await foreign.die();
  }
  expect(foreign.troubles).toEqual([]);
  expect(both(on, foreign)).toEqual([]);
  expect(on.faults()).toEqual([]);
});

function lastOpened(on: Scene): bigint {
  const terms = gateTerms(on.fleet.transitions(), on.fleet.deaths()).filter(({ shard }) => shard === SHARD);
  return terms.at(-1)?.openedNs ?? 0n;
}
