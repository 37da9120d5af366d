import { describe, expect, it } from "vitest";
import { loadConfiguration } from "../../../src/config/load.ts";
import { KNOWN_KEYS } from "../../../src/config/schema.ts";
import { bullQueues } from "../../../src/queue/bull/index.ts";
import { hasCode } from "../../../src/runtime/errors.ts";

/** A right configuration with every key of the queue, one per line. */
const RIGHT = [
  "coordinator: shop",
  "resources: [{resource: pods, handler: a.ts#b}]",
  "queue:",
  "  driver: bull",
  "  clusterId: prod-eu",
  "  redis:",
  '    addresses: ["one:6379", "two:6379"]',
  "    sentinelMaster: main",
  "    cluster: false",
  "    database: 3",
  "    username: shop",
  "    passwordFile: secrets/password",
  "    sentinelPasswordFile: /etc/sentinel",
  "    tls:",
  "      caFile: ca.crt",
  "      certFile: tls.crt",
  "      keyFile: tls.key",
  "      serverName: redis.example.com",
];

function loaded(lines: readonly string[]) {
  return loadConfiguration(lines.join("\n"), "/etc/shop/electorate.yaml").queue;
}

function refusal(lines: readonly string[]): string[] {
  try {
    loaded(lines);
  } catch (error) {
    if (!hasCode(error, "invalid-configuration")) throw error;
    return error.message.split("\n").slice(1);
  }
  throw new Error("the configuration was accepted");
}

/** RIGHT with the value of one key replaced; without it when there is none. */
function withLine(key: string, value: string | undefined): { lines: string[]; line: number } {
  const index = RIGHT.findIndex((line) => line.trim().startsWith(`${key}:`));
  if (index < 0) throw new Error(`no line for ${key}`);
  const kept = value === undefined ? [] : [`${RIGHT[index]?.slice(0, RIGHT[index].indexOf(":"))}: ${value}`];
  return { lines: RIGHT.toSpliced(index, 1, ...kept), line: index + 1 };
}

/** Key to change, wrong value, path that must be named, what the message must say. */
const WRONG: readonly (readonly [key: string, value: string, path: string, says: RegExp])[] = [
  ["driver", "redis", "queue.driver", /"memory" or "bull".*"redis"/],
  ["driver", "memory", "queue.redis", /the driver is memory; set driver: bull/],
  ["clusterId", "7", "queue.clusterId", /the number 7/],
  ["clusterId", '""', "queue.clusterId", /is empty; remove it/],
  ["addresses", "one:6379", "queue.redis.addresses", /a list of addresses.*"one:6379"/],
  ["addresses", "[]", "queue.redis.addresses", /empty list.*host:port/],
  ["addresses", '["redis://one:6379"]', "queue.redis.addresses[0]", /"redis:\/\/one:6379"/],
  ["addresses", '["one:6379", "two:66000"]', "queue.redis.addresses[1]", /"two:66000"/],
  ["sentinelMaster", "[main]", "queue.redis.sentinelMaster", /a list of 1/],
  ["cluster", '"yes"', "queue.redis.cluster", /true or false/],
  ["database", "-1", "queue.redis.database", /at least 0, but is -1/],
  ["database", '"3"', "queue.redis.database", /the string "3"/],
  ["username", "{}", "queue.redis.username", /a map/],
  ["passwordFile", "1", "queue.redis.passwordFile", /name of a file.*the number 1/],
  ["sentinelPasswordFile", "1", "queue.redis.sentinelPasswordFile", /name of a file/],
  ["caFile", "1", "queue.redis.tls.caFile", /name of a file/],
  ["certFile", "1", "queue.redis.tls.certFile", /name of a file/],
  ["keyFile", "1", "queue.redis.tls.keyFile", /name of a file/],
  ["serverName", "1", "queue.redis.tls.serverName", /a host name/],
];

describe("the queue of a configuration", () => {
  it("is in memory when nothing is said of it", () => {
    expect(loaded(RIGHT.slice(0, 2))).toBeUndefined();
    expect(loaded([...RIGHT.slice(0, 2), "queue: {driver: memory}"])).toBeUndefined();
  });

  it("becomes the options of the driver, its files beside the YAML", () => {
    expect(loaded(RIGHT)).toStrictEqual({
      clusterId: "prod-eu",
      redis: {
        addresses: ["one:6379", "two:6379"],
        sentinelMaster: "main",
        cluster: false,
        database: 3,
        username: "shop",
        passwordFile: "/etc/shop/secrets/password",
        sentinelPasswordFile: "/etc/sentinel",
        tls: {
          caFile: "/etc/shop/ca.crt",
          certFile: "/etc/shop/tls.crt",
          keyFile: "/etc/shop/tls.key",
          serverName: "redis.example.com",
        },
      },
    });
    expect(loaded([...RIGHT.slice(0, 2), "queue: {driver: bull, redis: {addresses: [redis]}}"])).toStrictEqual({
      redis: { addresses: ["redis"], cluster: false, database: 0 },
    });
  });

  it.each(WRONG)("a wrong value is not named with its line: %s: %s", (key, value, path, says) => {
    const { lines, line } = withLine(key, value);
    const problems = refusal(lines);
    expect(problems).toHaveLength(1);
    if (key !== "driver" || value !== "memory") expect(problems[0]).toContain(`:${line}:`);
    expect(problems[0]).toContain(` ${path}: `);
    expect(problems[0]).toMatch(says);
  });

  it("covers every key that there is", () => {
    const tried = new Set(WRONG.map(([key]) => key));
    const keys = [...KNOWN_KEYS].filter(([place]) => place.startsWith("queue")).flatMap(([, names]) => names);
    expect(keys.filter((key) => !["redis", "tls"].includes(key) && !tried.has(key))).toEqual([]);
  });

  it.each([
    ["sentinelMaster", /several addresses.*name sentinelMaster, or set cluster/],
    ["certFile", /one of certFile and keyFile/],
  ])("%s is left out, and the rest makes no sense without it", (key, says) => {
    const { lines } = withLine(key, undefined);
    expect(refusal(lines)[0]).toMatch(says);
  });

  it("asks for Redis without saying where it is, or for a cluster with what only one server has", () => {
    expect(refusal([...RIGHT.slice(0, 2), "queue: {driver: bull}"])[0]).toMatch(
      /queue.redis: is required by driver bull/,
    );
    const problems = refusal(withLine("cluster", "true").lines);
    expect(problems).toHaveLength(2);
    expect(problems[0]).toMatch(/a Redis Cluster has none/);
    expect(problems[1]).toMatch(/database: is 3, but a Redis Cluster has no database but 0/);
  });

  it("has a key that is misspelt, deep inside", () => {
    expect(refusal([...RIGHT, "      serverNames: x"])[0]).toMatch(/did you mean "serverName"/);
    expect(refusal([...RIGHT, "    password: x"])[0]).toMatch(/queue.redis.password: is not a key.*passwordFile/);
  });

  it("is refused by the library too, with every problem at once", () => {
    const make = () => bullQueues({ redis: { addresses: ["a", "b", "c:0"], database: -1 } });
    expect(make).toThrow(/queue.redis.addresses.2 must be "host:port".*several addresses.*queue.redis.database/s);
  });
});
