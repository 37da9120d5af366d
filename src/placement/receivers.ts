import { compareText, type Fleet, isListed } from "./fleet.ts";

/**
 * Who may be given shards of a resource: 1 for each such member, by index. Equal sets are one object.
 *
 * Members mostly list the same, so what is asked of each member is asked of each distinct list instead.
 */
export class Receivers {
  readonly #fleet: Fleet;
  /** Each distinct list of resources, with the members that have it and may be given shards at all. */
  readonly #lists: readonly (readonly [Listed, readonly number[]])[];
  /** By which of the lists name the resource. */
  readonly #known = new Map<string, Uint8Array>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    const lists = new Map<Listed, number[]>();
    fleet.members.forEach(({ resources }, index) => {
      if (fleet.takers[index] !== 1) return;
      const listed = resources === undefined ? undefined : canonical(resources);
      const members = lists.get(listed) ?? [];
      if (members.length === 0) lists.set(listed, members);
      members.push(index);
    });
    this.#lists = [...lists];
  }

  /** `keyMap`: that of the shards' Leases; left out: any will do. */
  of(resource: string, keyMap: string | undefined): Uint8Array {
    let which = "";
    for (const [listed] of this.#lists) which += isListed(listed, resource, keyMap) ? "1" : "0";
    const known = this.#known.get(which);
    if (known !== undefined) return known;
    const able = this.#lists.flatMap(([, members], index) => (which[index] === "1" ? members : []));
    const receivers = this.#ofNewestVersion(able);
    this.#known.set(which, receivers);
    return receivers;
  }

  #ofNewestVersion(able: readonly number[]): Uint8Array {
    const { members, versions } = this.#fleet;
    const receivers = new Uint8Array(members.length);
    const newest = versions.find((version) => able.some((index) => members[index]?.version === version));
    for (const index of able) {
      if (versions.length < 2 || members[index]?.version === newest) receivers[index] = 1;
    }
    return receivers;
  }
}

type Listed = ReadonlyMap<string, string> | undefined;

/** One list for all that say the same. They are kept by reference, since members stay the same from plan to plan. */
const canonicalOf = new WeakMap<ReadonlyMap<string, string>, ReadonlyMap<string, string>>();
const byContent = new Map<string, WeakRef<ReadonlyMap<string, string>>>();
const MOST_CONTENTS = 256;

function canonical(resources: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const known = canonicalOf.get(resources);
  if (known !== undefined) return known;
  const content = JSON.stringify([...resources].sort(([one], [other]) => compareText(one, other)));
  const first = byContent.get(content)?.deref() ?? resources;
  if (first === resources) {
    if (byContent.size >= MOST_CONTENTS) byContent.clear();
    byContent.set(content, new WeakRef(resources));
  }
  canonicalOf.set(resources, first);
  return first;
}
