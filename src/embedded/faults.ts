/**
 * Faults on demand: answers that are wrong, late or missing, and writes that are applied although nobody hears of it.
 *
 * Promises of this file: rules are tried in the order in which they were added and the first that applies decides; a rule
 * with `times` is spent after so many requests; without rules nothing is changed.
 */
import type { User } from "./access.ts";

/** What a fault rule can look at. */
export interface RequestAttributes {
  /** The verb on a resource, or the lower-case HTTP method on any other path. */
  readonly verb: string;
  readonly group: string;
  /** Plural name, with `/status` for a subresource; empty for paths that are no resource. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly path: string;
  readonly user: User | undefined;
}

/** What becomes of a request that a rule applies to. */
export type Fault =
  /** Answers this instead of doing anything. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
      /** The whole body, for answers that are not even a Status. */
      readonly body?: string;
      readonly contentType?: string;
    }
  /** Does what was asked, this much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Breaks the connection before anything is done. */
  | { readonly kind: "drop-before" }
  /** Does what was asked, then breaks the connection instead of answering. */
  | { readonly kind: "drop-after" }
  /** Never answers; `applied` says whether it is done all the same. */
  | { readonly kind: "hang"; readonly applied: boolean }
  /** Opens a watch and then delivers nothing on it until `resume`. */
  | { readonly kind: "hold-watch" };

/** Which requests a fault is for; every condition that is left out holds for all. */
export interface FaultRule {
  readonly verb?: string | readonly string[];
  readonly group?: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Any further condition. */
  readonly when?: (attributes: RequestAttributes) => boolean;
  /** How many requests it applies to; without end when left out. */
  readonly times?: number;
  /** How many requests it lets pass first. */
  readonly skip?: number;
  readonly fault: Fault;
}

interface ActiveRule {
  readonly rule: FaultRule;
  skip: number;
  left: number;
}

const fits = (wanted: string | undefined, value: string | undefined): boolean =>
  wanted === undefined || wanted === value;

function applies(rule: FaultRule, attributes: RequestAttributes): boolean {
  const verbs = typeof rule.verb === "string" ? [rule.verb] : rule.verb;
  return (
    (verbs === undefined || verbs.includes(attributes.verb)) &&
    fits(rule.group, attributes.group) &&
    fits(rule.resource, attributes.resource) &&
    fits(rule.namespace, attributes.namespace) &&
    fits(rule.name, attributes.name) &&
    (rule.when === undefined || rule.when(attributes))
  );
}

/** The rules in force; a rule may be added and taken away while the server runs. */
export class Faults {
  #rules: ActiveRule[] = [];

  /** True while there is nothing to decide. */
  get none(): boolean {
    return this.#rules.length === 0;
  }

  /** Adds a rule behind the others. The function that comes back takes it away again. */
  add(rule: FaultRule): () => void {
    const active: ActiveRule = { rule, skip: rule.skip ?? 0, left: rule.times ?? Number.POSITIVE_INFINITY };
    this.#rules.push(active);
    return () => {
      this.#rules = this.#rules.filter((one) => one !== active);
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** The fault for one request. Counts it against `skip` and `times`. */
  decide(attributes: RequestAttributes): Fault | undefined {
    for (const active of this.#rules) {
      if (!applies(active.rule, attributes)) continue;
      if (active.skip > 0) {
        active.skip -= 1;
        continue;
      }
      active.left -= 1;
      if (active.left <= 0) this.#rules = this.#rules.filter((one) => one !== active);
      return active.rule.fault;
    }
    return undefined;
  }
}
