/** A small bar chart as SVG, without a library: groups of bars, each group on a scale of its own, one colour for each series. */
export interface Group {
  readonly title: string;
  readonly bars: readonly { readonly series: string; readonly value: number }[];
}

const COLOURS = ["#1a7f5a", "#8c8c8c", "#b5793f", "#d0a878", "#a33b3b"];
const BAR = 34;
const HEIGHT = 180;
const TOP = 46;

export function barChart(title: string, groups: readonly Group[]): string {
  const series = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.series)))];
  const perGroup = series.length * BAR + 40;
  const width = Math.max(640, groups.length * perGroup + 40);
  const body = groups.flatMap((group, at) => {
    const left = 20 + at * perGroup;
    const most = Math.max(...group.bars.map(({ value }) => value));
    const bars = group.bars.map(({ series: name, value }, index) => {
      // A root scale, so that both 1.0 and 70 can be told from their neighbours.
      const height = Math.sqrt(value / most) * HEIGHT;
      const x = left + index * BAR;
      const y = TOP + HEIGHT - height;
      const colour = COLOURS[series.indexOf(name) % COLOURS.length];
      return (
        `<rect x="${x}" y="${y.toFixed(1)}" width="${BAR - 8}" height="${height.toFixed(1)}" fill="${colour}"/>` +
        `<text x="${x + (BAR - 8) / 2}" y="${(y - 4).toFixed(1)}" text-anchor="middle">${value.toFixed(2)}</text>`
      );
    });
    return [...bars, `<text x="${left}" y="${TOP + HEIGHT + 18}">${group.title}</text>`];
  });
  const legend = series.map((name, index) => {
    const x = 20 + index * 125;
    const y = TOP + HEIGHT + 34;
    return `<rect x="${x}" y="${y}" width="10" height="10" fill="${COLOURS[index % COLOURS.length]}"/><text x="${x + 15}" y="${y + 9}">${name}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${TOP + HEIGHT + 56}" font-family="sans-serif" font-size="10">`,
    `<title>${title}</title>`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="20" y="20" font-size="14">${title}</text>`,
    ...body,
    ...legend,
    "</svg>\n",
  ].join("\n");
}
