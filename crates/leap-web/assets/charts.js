// charts.js: from the table beside a chart to an ECharts option.
//
//   table → describe() → option() → mount()
//   chart-read.js        chart-axes.js, -bars.js, -trees.js (with chart-look.js)
//
// A chart is <figure class="chart" data-chart="KIND" data-table="ID" data-unit="USD"> with a
// <figcaption> (title and sentence) and an empty <div class="plot">. All that is drawn is in
// the table.

import { fan, overTime, sparkline } from "./chart-axes.js";
import { bar, heatmap, pareto, waterfall } from "./chart-bars.js";
import { tokens } from "./chart-look.js";
import { describe, having } from "./chart-read.js";
import { icicle, sankey, sunburst, treemap } from "./chart-trees.js";

const kinds = {
  "stacked-area": (chart, look) => overTime(chart, look, true),
  line: (chart, look) => overTime(chart, look, false),
  bar,
  pareto,
  waterfall,
  sankey,
  treemap,
  sunburst,
  heatmap,
  fan,
  icicle,
  sparkline,
};

/** The ECharts option of a description: data and functions of this file, never text as code. */
export function option(chart, look = tokens()) {
  const make = kinds[chart.kind];
  if (!make) throw new Error(`no chart is called "${chart.kind}"`);
  return {
    animation: false,
    textStyle: { fontFamily: look.font },
    backgroundColor: "transparent",
    aria: {
      enabled: true,
      label: {
        description: `${chart.title}. ${chart.sentence} The table beside it has the figures.`,
      },
    },
    ...make(chart, look),
  };
}

// ---- on the page ----------------------------------------------------------------------------

const mounted = new Map();
let library;
const load = () => (library ??= import(new URL("vendor/echarts.esm.min.mjs", import.meta.url)));

/** Draws one figure; where that fails, its table is opened in its place. */
export async function mount(figure) {
  if (mounted.has(figure)) return;
  const plot = figure.querySelector(".plot");
  mounted.set(figure, null);
  try {
    const echarts = await load();
    const drawing = echarts.init(plot, null, { renderer: "svg" });
    mounted.set(figure, drawing);
    draw(figure);
    reach(figure, plot, drawing);
    new ResizeObserver(() => {
      if (plot.clientWidth) {
        drawing.resize();
        draw(figure);
      }
    }).observe(plot);
  } catch (error) {
    figure.classList.add("failed");
    for (const details of figure.querySelectorAll("details.data")) details.open = true;
    console.warn("chart not drawn:", error);
  }
}

function draw(figure) {
  const drawing = mounted.get(figure);
  if (!drawing) return;
  const chart = describe(figure);
  drawing.setOption(option(chart), { notMerge: true });
  const plot = figure.querySelector(".plot");
  plot.setAttribute("role", "img");
  plot.setAttribute(
    "aria-label",
    `${chart.title}. ${chart.sentence} Arrow keys read the rows, Enter opens one.`,
  );
  plot.querySelector("svg")?.setAttribute("aria-hidden", "true");
}

/** Mouse and keyboard: a mark leads where its row leads; arrow keys read row by row. */
function reach(figure, plot, drawing) {
  const rowAt = (params) => {
    const rows = describe(figure).rows;
    const found =
      params.data?.row ??
      (Array.isArray(params.value) && params.seriesType === "heatmap"
        ? params.value[1]
        : params.seriesType === "custom" && Array.isArray(params.value) && params.value.length > 3
          ? params.value[3]
          : params.dataIndex);
    return rows[found];
  };
  drawing.on("click", (params) => {
    let target = rowAt(params)?.href;
    if (params.seriesType === "heatmap") {
      const chart = describe(figure);
      target =
        rowAt(params).cells[having(chart, "y")[params.value[0]].index].querySelector("a")?.href ??
        target;
    }
    if (target) location.assign(target);
  });
  plot.tabIndex = 0;
  let at = -1;
  plot.addEventListener("keydown", (event) => {
    const chart = describe(figure);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && chart.rows[at]?.href) location.assign(chart.rows[at].href);
    if (event.key === "Escape") drawing.dispatchAction({ type: "hideTip" });
    if (!step && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    at =
      event.key === "Home"
        ? 0
        : event.key === "End"
          ? chart.rows.length - 1
          : Math.min(chart.rows.length - 1, Math.max(0, at + step));
    drawing.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: at });
    const cells = chart.rows[at].cells;
    const said = chart.columns
      .map(
        (column) =>
          (column.index ? column.name + " " : "") + (cells[column.index]?.textContent.trim() ?? ""),
      )
      .join(", ");
    document.dispatchEvent(new CustomEvent("leap:say", { detail: said }));
  });
}

/** Draws what comes into view; again when the theme, the patterns or the paper change. */
export function watch(scope = document) {
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries)
        if (entry.isIntersecting) {
          seen.unobserve(entry.target);
          mount(entry.target);
        }
    },
    { rootMargin: "300px" },
  );
  for (const figure of scope.querySelectorAll("figure.chart[data-chart]"))
    if (figure.querySelector(".plot") && !mounted.has(figure)) seen.observe(figure);
}
export function redraw() {
  for (const [figure, drawing] of mounted) {
    if (figure.isConnected) draw(figure);
    else {
      drawing?.dispose();
      mounted.delete(figure);
    }
  }
}
/** For printing: every chart, also those below the fold. */
export const drawAll = () =>
  Promise.all([...document.querySelectorAll("figure.chart[data-chart]")].map(mount));
