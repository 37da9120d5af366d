import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

/** Charts of the report as SVG text, by ECharts without a browser: the same input gives the same bytes. */

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const WIDTH = 960;
const LEGEND_ROW = 22;
const FONT = "sans-serif";
/** Told apart without red against green, and in print. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#8c6d1f"];
/** A logarithmic axis has no place for less. */
const LEAST_MS = 0.1;

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  /** Something to compare with, and no contender. */
  readonly dashed?: boolean;
}

/** Cumulative distributions on a logarithmic axis, one line for each series. */
export function distribution(title: string, series: readonly Series[]): string {
  const shown = series.filter(({ values }) => values.length > 0);
  const legendHeight = shown.length * LEGEND_ROW;
  return draw(340 + legendHeight, {
    title: { text: title, left: 16, top: 8, textStyle: { fontSize: 15 } },
    legend: { left: 16, top: 36, orient: "vertical", itemGap: LEGEND_ROW - 14, itemHeight: 14 },
    grid: { left: 60, right: 24, top: 52 + legendHeight, bottom: 44 },
    xAxis: { type: "log", name: "ms", nameLocation: "middle", nameGap: 26, minorSplitLine: { show: true } },
    yAxis: { type: "value", min: 0, max: 100, axisLabel: { formatter: "{value} %" } },
    series: shown.map(({ name, values, dashed = false }) => ({
      name,
      type: "line",
      step: "end",
      lineStyle: { type: dashed ? "dashed" : "solid" },
      showSymbol: values.length === 1,
      data: steps(values),
    })),
  });
}

/** The curve's points; no more than a picture can show. */
function steps(values: readonly number[]): [value: number, percent: number][] {
  const sorted = values.toSorted((one, other) => one - other).map((value) => Math.max(LEAST_MS, value));
  const every = Math.max(1, Math.floor(sorted.length / 200));
  return sorted.flatMap((value, index) => {
    const shown = index % every === 0 || index === sorted.length - 1;
    return shown ? [[value, Math.round(((index + 1) / sorted.length) * 1_000) / 10] as [number, number]] : [];
  });
}

function draw(height: number, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    chart.setOption({
      animation: false,
      color: COLOURS,
      backgroundColor: "#ffffff",
      textStyle: { fontFamily: FONT },
      ...option,
    });
    return `${still(chart.renderToSVGString())}\n`;
  } finally {
    // Or the process would never end.
    chart.dispose();
  }
}

/** Without what a mouse would change, and without the count of charts that this process has drawn, which ECharts puts into names. */
function still(svg: string): string {
  return svg
    .replaceAll(/<style[^>]*>.*?<\/style>/gs, "")
    .replaceAll(/ class="[^"]*"/g, "")
    .replaceAll(/\bzr\d+-/g, "zr-");
}
