import { describe, expect, it } from "vitest";
import { open } from "./queue-world.ts";

describe("metrics, by the names that client-go's dashboards know", () => {
  it("counts adds once per run, shows the depth, and measures waiting and work", async () => {
    const { clock, meter, queue } = open();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    expect(meter.counters.get("workqueue_adds_total{name=shop}")).toBe(2);
    expect(meter.gauges.get("workqueue_depth{name=shop}")).toBe(2);
    await clock.advance(2_000);
    expect(queue.statistics.oldestAgeMs).toBe(2_000);
    await queue.take();
    expect(meter.gauges.get("workqueue_depth{name=shop}")).toBe(1);
    await clock.advance(3_000);
    queue.add("a");
    expect(meter.gauges.get("workqueue_depth{name=shop}")).toBe(2);
    queue.done("a");
    expect(meter.observations.get("workqueue_queue_duration_seconds{name=shop}")).toEqual([2]);
    expect(meter.observations.get("workqueue_work_duration_seconds{name=shop}")).toEqual([3]);
    expect(meter.counters.get("workqueue_adds_total{name=shop}")).toBe(3);
  });

  it("counts a retry for every delayed and every rate-limited add, as client-go does", () => {
    const { meter, queue } = open();
    expect(meter.counters.get("workqueue_retries_total{name=shop}")).toBe(0);
    queue.addAfter("a", 0);
    queue.addAfter("a", 100);
    queue.addRateLimited("b");
    expect(meter.counters.get("workqueue_retries_total{name=shop}")).toBe(3);
  });

  it("shows a stuck worker: unfinished work and the longest of it", async () => {
    const { clock, meter, queue } = open();
    queue.add("a");
    await queue.take();
    await clock.advance(4_000);
    queue.add("b");
    await queue.take();
    await clock.advance(1_000);
    queue.sample();
    expect(meter.gauges.get("workqueue_unfinished_work_seconds{name=shop}")).toBe(6);
    expect(meter.gauges.get("workqueue_longest_running_processor_seconds{name=shop}")).toBe(5);
    queue.done("a");
    queue.done("b");
    queue.sample();
    expect(meter.gauges.get("workqueue_unfinished_work_seconds{name=shop}")).toBe(0);
  });

  it("a queue that closed shows no depth of a shard that left, and shows its unfinished work until it has ended", async () => {
    const { meter, queue } = open();
    queue.add("a");
    queue.add("b");
    await queue.take();
    queue.sample();
    queue.close();
    expect([...meter.gauges.keys()]).toEqual([
      "workqueue_unfinished_work_seconds{name=shop}",
      "workqueue_longest_running_processor_seconds{name=shop}",
    ]);
    queue.done("a");
    queue.sample();
    expect([...meter.gauges.keys()]).toEqual([]);
  });
});
