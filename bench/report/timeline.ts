/** Ownership over time as SVG: one row per shard, one colour per replica, red where nobody owns the shard; fleets below each other. */

interface Term {
  readonly shard: string;
  readonly replica: string;
  readonly openedMs: number;
  readonly closedMs: number | null;
}

/** What is drawn of one fleet. Terms that began before the left edge have times below zero. */
export interface Fleet {
  readonly title: string;
  readonly story: {
    readonly events: readonly { readonly ms: number; readonly what: string }[];
    readonly endMs: number;
    readonly terms: readonly Term[];
  };
}

const WIDTH = 960;
const LEFT = 20;
const RIGHT = 20;
const HEAD = 44;
const ROW = 9;
const FOOT = 26;
/** Told apart without the red of a gap. */
const COLOURS = ["#0072b2", "#56b4e9", "#009e73", "#e69f00", "#8c6d1f", "#8968b0"];
const GAP = "#e00000";
const OVERLAP = "#000000";

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The times within the picture in which no term of a shard, given in the order of their beginning, was open. */
export function unowned(terms: readonly Term[], endMs: number): Span[] {
  const spans: Span[] = [];
  let ownedUntilMs = 0;
  for (const { openedMs, closedMs } of terms) {
    if (openedMs > ownedUntilMs) spans.push({ fromMs: ownedUntilMs, toMs: openedMs });
    ownedUntilMs = Math.max(ownedUntilMs, closedMs ?? endMs);
  }
  if (ownedUntilMs < endMs) spans.push({ fromMs: ownedUntilMs, toMs: endMs });
  return spans;
}

export function timeline(fleets: readonly Fleet[]): string {
  const endMs = Math.max(1, ...fleets.map(({ story }) => story.endMs));
  const x = (ms: number): number => LEFT + (Math.max(0, ms) / endMs) * (WIDTH - LEFT - RIGHT);
  let top = 0;
  const panels = fleets.map((fleet) => {
    const panel = panelOf(fleet, top, x);
    top += panel.height;
    return panel.svg;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${top}" fill="#ffffff"/>`,
    ...panels,
    "</svg>\n",
  ].join("\n");
}

function panelOf({ title, story }: Fleet, top: number, x: (ms: number) => number): { svg: string; height: number } {
  const shards = [...new Set(story.terms.map(({ shard }) => shard))].sort();
  const replicas = [...new Set(story.terms.map(({ replica }) => replica))].sort();
  const bottom = top + HEAD + shards.length * ROW;
  const parts = [`<text x="${LEFT}" y="${top + 18}" font-size="14">${title}</text>`, ...legend(replicas, top + 18)];
  for (const { ms, what } of story.events) {
    parts.push(
      `<line x1="${round(x(ms))}" x2="${round(x(ms))}" y1="${top + HEAD - 4}" y2="${bottom + 4}" stroke="#333333" stroke-dasharray="3 2"/>`,
      `<text x="${round(x(ms) + 3)}" y="${top + HEAD - 7}">${what}</text>`,
    );
  }
  shards.forEach((shard, index) => {
    const terms = story.terms
      .filter((term) => term.shard === shard)
      .toSorted((one, other) => one.openedMs - other.openedMs);
    parts.push(...rowOf(terms, replicas, story.endMs, top + HEAD + index * ROW, x));
  });
  for (let second = 0; second * 1_000 <= story.endMs; second += 2) {
    parts.push(
      `<text x="${round(x(second * 1_000))}" y="${bottom + 15}" fill="#555555" text-anchor="middle">${second} s</text>`,
    );
  }
  return { svg: parts.join("\n"), height: HEAD + shards.length * ROW + FOOT };
}

function rowOf(
  terms: readonly Term[],
  replicas: readonly string[],
  endMs: number,
  y: number,
  x: (ms: number) => number,
): string[] {
  const bar = ({ fromMs, toMs }: Span, colour: string, least: number): string => {
    const from = x(fromMs);
    return `<rect x="${round(from)}" y="${y}" width="${round(Math.max(least, x(toMs) - from))}" height="${ROW - 2}" fill="${colour}"/>`;
  };
  const owned = terms
    .filter(({ closedMs }) => (closedMs ?? endMs) > 0)
    .map(({ replica, openedMs, closedMs }) =>
      bar({ fromMs: openedMs, toMs: closedMs ?? endMs }, colourOf(replica, replicas), 0),
    );
  const doubled = terms.flatMap((term, index) =>
    terms.slice(index + 1).flatMap((next) => {
      const toMs = Math.min(term.closedMs ?? endMs, next.closedMs ?? endMs);
      return next.openedMs < toMs && toMs > 0 ? [bar({ fromMs: next.openedMs, toMs }, OVERLAP, 1)] : [];
    }),
  );
  return [...owned, ...unowned(terms, endMs).map((span) => bar(span, GAP, 1)), ...doubled];
}

function legend(replicas: readonly string[], y: number): string[] {
  const entries = [
    ...replicas.map((replica) => [replica, colourOf(replica, replicas)] as const),
    ["nobody", GAP] as const,
    ["two at once", OVERLAP] as const,
  ];
  return entries.map(([name, colour], index) => {
    const left = 260 + index * 80;
    return `<rect x="${left}" y="${y - 9}" width="10" height="10" fill="${colour}"/><text x="${left + 14}" y="${y}">${name}</text>`;
  });
}

function colourOf(replica: string, replicas: readonly string[]): string {
  return COLOURS[replicas.indexOf(replica) % COLOURS.length] ?? "#999999";
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
