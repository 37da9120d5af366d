import type { Board } from "./board.ts";

/**
 * The optimum of moves, spread and zones under an optimal load: the plan is a convex min-cost flow, and a flow is optimal
 * exactly when no cycle of changes has a negative price. Such cycles are looked for by Bellman-Ford and applied until there
 * is none; each lowers a whole number, so this ends.
 *
 * The graph: a member or a row's zone that has one unit too many may pass it on. A member passes a unit of a row to the row's
 * place in the member's zone (`remove`); from there it goes to another member of the zone (`add`) or, through the row, to
 * another zone (`zoneRemove`, `zoneAdd`). A member may also keep the unit while another member, just as full as this one
 * becomes, has one unit too many instead: a *tie*, which changes no load vector but who has the ceil.
 */
export function cancelCycles(board: Board): void {
  const search = new CycleSearch(board);
  let more = true;
  while (more) more = search.cancelSome();
}

/** The labels are sums of prices; before they leave the exact whole numbers, they start anew. */
const LOWEST_LABEL = -(2 ** 51);
const NOBODY = -1;

class CycleSearch {
  readonly #board: Board;
  /** Nodes: members, then places (row x zones + zone), then rows, then ties. */
  readonly #firstPlace: number;
  readonly #firstRow: number;
  readonly #firstTie: number;
  readonly #label: Float64Array;
  readonly #from: Int32Array;
  /** The fullness at which members can trade a unit of load, in order; see `#findTies`. */
  #ties: readonly { readonly takers: readonly number[]; readonly givers: readonly number[] }[] = [];
  #tiesHold = false;

  constructor(board: Board) {
    this.#board = board;
    this.#firstPlace = board.members;
    this.#firstRow = this.#firstPlace + board.rows.length * board.zones;
    this.#firstTie = this.#firstRow + board.rows.length;
    this.#label = new Float64Array(this.#firstTie + board.members);
    this.#from = new Int32Array(this.#firstTie + board.members);
  }

  /** Applies the negative cycles that one search finds, which share no node; false when there is none at all. */
  cancelSome(): boolean {
    if (!this.#tiesHold) this.#findTies();
    this.#from.fill(NOBODY);
    const members = this.#label.subarray(0, this.#firstPlace);
    if (members.some((label) => label < LOWEST_LABEL)) members.fill(0);
    this.#label.fill(Number.POSITIVE_INFINITY, this.#firstPlace);
    while (this.#relax()) {
      const cycles = this.#cycles();
      if (cycles.length === 0) continue;
      for (const cycle of cycles) this.#apply(cycle);
      return true;
    }
    return false;
  }

  /** One round over all edges; true when the label of a member fell. */
  #relax(): boolean {
    this.#leaveMembers();
    if (this.#board.zones > 1) this.#crossZones();
    const reached = this.#reachMembers();
    return this.#crossTies() || reached;
  }

  #leaveMembers(): void {
    const { members, zones, zoneOf, remove, rows } = this.#board;
    const label = this.#label;
    const from = this.#from;
    for (let row = 0, cell = 0; row < rows.length; row += 1) {
      const firstPlace = this.#firstPlace + row * zones;
      for (let member = 0; member < members; member += 1, cell += 1) {
        const price = (label[member] ?? 0) + (remove[cell] ?? 0);
        const place = firstPlace + (zoneOf[member] ?? 0);
        if (price < (label[place] ?? 0)) {
          label[place] = price;
          from[place] = member;
        }
      }
    }
  }

  #crossZones(): void {
    const { zones, zoneAdd, zoneRemove, rows } = this.#board;
    for (let row = 0; row < rows.length; row += 1) {
      const hub = this.#firstRow + row;
      const first = row * zones;
      for (let place = first; place < first + zones; place += 1) {
        this.#lower(hub, this.#firstPlace + place, zoneRemove[place] ?? 0);
      }
      for (let place = first; place < first + zones; place += 1) {
        this.#lower(this.#firstPlace + place, hub, zoneAdd[place] ?? 0);
      }
    }
  }

  #reachMembers(): boolean {
    const { members, zones, zoneOf, add, rows } = this.#board;
    const label = this.#label;
    const from = this.#from;
    let reached = false;
    for (let row = 0, cell = 0; row < rows.length; row += 1) {
      const firstPlace = this.#firstPlace + row * zones;
      for (let member = 0; member < members; member += 1, cell += 1) {
        const place = firstPlace + (zoneOf[member] ?? 0);
        const price = (label[place] ?? 0) + (add[cell] ?? 0);
        if (price < (label[member] ?? 0)) {
          label[member] = price;
          from[member] = place;
          reached = true;
        }
      }
    }
    return reached;
  }

  #crossTies(): boolean {
    let reached = false;
    this.#ties.forEach(({ takers, givers }, index) => {
      const tie = this.#firstTie + index;
      for (const taker of takers) this.#lower(tie, taker, 0);
      for (const giver of givers) reached = this.#lower(giver, tie, 0) || reached;
    });
    return reached;
  }

  #lower(node: number, source: number, price: number): boolean {
    const offered = (this.#label[source] ?? 0) + price;
    if (!(offered < (this.#label[node] ?? 0))) return false;
    this.#label[node] = offered;
    this.#from[node] = source;
    return true;
  }

  /** The load is optimal already, so only members between which a unit changes nothing may trade it. */
  #findTies(): void {
    const { members } = this.#board;
    const byFullness = new Map<number, { readonly takers: number[]; readonly givers: number[] }>();
    const at = (fullness: number) => {
      const known = byFullness.get(fullness) ?? { takers: [], givers: [] };
      byFullness.set(fullness, known);
      return known;
    };
    for (let member = 0; member < members; member += 1) {
      at(this.#board.fullness(member)).givers.push(member);
      at(this.#board.fullnessWithOneMore(member)).takers.push(member);
    }
    this.#ties = [...byFullness.values()].filter(({ takers, givers }) => takers.length > 0 && givers.length > 0);
    this.#tiesHold = true;
  }

  /** Cycles among the nodes' sources, each from node to node in the direction of the flow. */
  #cycles(): readonly (readonly number[])[] {
    const cycles: number[][] = [];
    const walked = new Int32Array(this.#from.length);
    for (let start = 0; start < this.#firstPlace; start += 1) {
      let node = start;
      while (node !== NOBODY && walked[node] === 0) {
        walked[node] = start + 1;
        node = this.#from[node] ?? NOBODY;
      }
      if (node === NOBODY || walked[node] !== start + 1) continue;
      const cycle = [node];
      for (let next = this.#from[node] ?? NOBODY; next !== node; next = this.#from[next] ?? NOBODY) cycle.push(next);
      cycles.push(cycle.reverse());
    }
    return cycles;
  }

  #apply(cycle: readonly number[]): void {
    let source = cycle.at(-1) ?? NOBODY;
    for (const target of cycle) {
      this.#pass(source, target);
      source = target;
    }
  }

  /** What one edge of a cycle changes. */
  #pass(source: number, target: number): void {
    const { zones } = this.#board;
    const sourceIsMember = source < this.#firstPlace;
    if (target >= this.#firstTie) {
      this.#board.changeLoad(source, 1);
      this.#tiesHold = false;
    } else if (source >= this.#firstTie) {
      this.#board.changeLoad(target, -1);
    } else if (target >= this.#firstRow) {
      const place = source - this.#firstPlace;
      this.#board.changeZone(target - this.#firstRow, place % zones, -1);
    } else if (source >= this.#firstRow) {
      const place = target - this.#firstPlace;
      this.#board.changeZone(source - this.#firstRow, place % zones, 1);
    } else if (sourceIsMember) {
      this.#board.changeCount(Math.floor((target - this.#firstPlace) / zones), source, -1);
    } else {
      this.#board.changeCount(Math.floor((source - this.#firstPlace) / zones), target, 1);
    }
  }
}
