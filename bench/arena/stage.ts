/**
 * One cell while it is measured: a namespace and a fleet of its own, and waits for what has to be true before the clock counts.
 * Waits poll slowly on purpose: every figure comes from the traces, and a busy observer would cost what it observes.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type GateTerm, gateTerms, openTerms } from "../../src/cli/demo/history.ts";
import { Fleet, type ReplicaProcess } from "../../test/support/replica-process.ts";
import type { ApiServer } from "./api-server.ts";
import { launch, rebalances, type Told } from "./contenders.ts";
import type { Peers } from "./peers.ts";
import { durationMs } from "./profile.ts";
import type { Setting } from "./setting.ts";

const POLL_MS = 100;
/** Looking at more shards takes longer, and must not take a larger share of the machine. */
const POLL_MS_PER_SHARD = 0.25;
const START_BOUND_MS = 120_000;

export class Stage {
  readonly server: ApiServer;
  readonly setting: Setting;
  readonly namespace: string;
  readonly fleet = new Fleet();
  readonly #peers: Peers;
  readonly #kubeconfigPath: string;
  #named = 0;

  private constructor(server: ApiServer, peers: Peers, setting: Setting, namespace: string) {
    this.server = server;
    this.setting = setting;
    this.namespace = namespace;
    this.#peers = peers;
    this.#kubeconfigPath = this.fleet.write("kubeconfig", server.kubeconfig);
  }

  static async open(server: ApiServer, peers: Peers, setting: Setting, namespace: string): Promise<Stage> {
    server.latencyMs = setting.latencyMs;
    await server.createNamespace(namespace);
    return new Stage(server, peers, setting, namespace);
  }

  get running(): readonly ReplicaProcess[] {
    return this.fleet.replicas.filter(({ diedNs }) => diedNs === undefined);
  }

  /** Starts one more replica, named `r1`, `r2` and so on. */
  start(told: Told = {}): ReplicaProcess {
    this.#named += 1;
    return launch({
      fleet: this.fleet,
      name: `r${this.#named}`,
      kubeconfigPath: this.#kubeconfigPath,
      namespace: this.namespace,
      setting: this.setting,
      peers: this.#peers,
      told,
    });
  }

  /** Starts as many replicas as the setting says, at once, and waits until they have settled. */
  async startAll(told: Told = {}): Promise<void> {
    for (let count = 0; count < this.setting.replicas; count += 1) this.start(told);
    await this.settled();
  }

  /** Runs a command of ours about this cell's coordinator to its end. */
  async command(...args: readonly string[]): Promise<void> {
    const where = ["--coordinator", "bench", "--namespace", this.namespace, "--kubeconfig", this.#kubeconfigPath];
    const process = this.fleet.startRaw("command", [...args, ...where]);
    const { code } = await process.exited;
    if (code !== 0) throw new Error(`electorate ${args.join(" ")} ended with ${code}\n${process.tail()}`);
  }

  terms(): GateTerm[] {
    return gateTerms(this.fleet.transitions(), this.fleet.deaths());
  }

  /** How many shards each running replica owns now, in the order of their start. */
  held(): number[] {
    const owners = [...openTerms(this.terms()).values()];
    return this.running.map(({ name }) => owners.filter(({ replica }) => replica === name).length);
  }

  /** All shards are owned, and evenly where the contender sees to that; then nothing changed for a retry period and a half. */
  async settled(): Promise<void> {
    await this.until(`${this.setting.shards} owned shards, spread as ${this.setting.contender} spreads them`, () => {
      const held = this.held();
      const owned = held.reduce((sum, count) => sum + count, 0) === this.setting.shards;
      return owned && (!rebalances(this.setting.contender) || Math.max(...held) - Math.min(...held) <= 1);
    });
    // A shard that has just come is not moved again for a retry period.
    await delay(1.5 * durationMs(this.setting.profile.retryPeriod));
  }

  async allOwned(): Promise<void> {
    await this.until(`${this.setting.shards} owned shards`, () => {
      return openTerms(this.terms()).size === this.setting.shards;
    });
  }

  async until(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
    const boundMs = START_BOUND_MS + 4 * durationMs(this.setting.profile.duration);
    const deadline = performance.now() + boundMs;
    while (!(await probe())) {
      const crashed = this.fleet.replicas.find(({ exit }) => exit !== undefined && exit.code !== 0 && !exit.signal);
      if (crashed !== undefined) throw new Error(`${crashed.name} ended by itself\n${crashed.tail()}`);
      if (performance.now() > deadline) {
        throw new Error(`waited ${boundMs} ms for ${what}; held: ${this.held().join(" ")}\n${this.fleet.report()}`);
      }
      await delay(POLL_MS + this.setting.shards * POLL_MS_PER_SHARD);
    }
  }

  async close(): Promise<void> {
    await this.fleet.close();
    this.server.latencyMs = 0;
  }
}
