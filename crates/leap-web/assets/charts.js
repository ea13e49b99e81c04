// charts.js: from the table beside a chart to an ECharts option.
//
//   table → describe() → option() → mount()
//
// A chart is <figure class="chart" data-chart="KIND" data-table="ID" data-unit="USD"> with a
// <figcaption> (title and sentence) and an empty <div class="plot">. Everything that is drawn stands
// in the table; README.md in this folder says which column means what for each kind. Numbers here are
// doubles for drawing only: what people read, copy and add up is the text of the table.

const root = document.documentElement;
const colours = ["c1", "c2", "c3", "c4", "c5", "c6"];

/** The colours of the present theme, from leap.css. */
export function tokens() {
  const style = getComputedStyle(root);
  const get = (name) => style.getPropertyValue("--" + name).trim();
  const names = [...colours, "bg", "bg-2", "bg-3", "line", "line-2", "ink", "ink-2", "accent",
    "c-rest", "c-residual", "c-before", "c-grid", "c-up", "c-down", "heat-0", "heat-1", "bad"];
  const all = Object.fromEntries(names.map((name) => [name, get(name)]));
  all.font = get("font");
  all.patterns = root.dataset.patterns === "on" || matchMedia("(prefers-contrast: more)").matches ||
    matchMedia("(forced-colors: active)").matches;
  return all;
}

// ---- reading -----------------------------------------------------------------------------------

/** A cell as a number: its data-v, or its text. Empty cells are null: a gap, not a zero. */
export function numberOf(cell) {
  const text = (cell?.dataset.v ?? cell?.textContent ?? "").trim().replaceAll(",", "").replace("\u2212", "-");
  return text === "" || text === "\u2013" ? null : Number.parseFloat(text);
}

/** What a figure says about itself and its table. */
export function describe(figure) {
  const table = document.getElementById(figure.dataset.table);
  const heads = [...(table?.tHead?.rows[table.tHead.rows.length - 1]?.cells ?? [])];
  const columns = heads.map((cell, index) => ({
    index, name: cell.dataset.name ?? cell.textContent.trim(), colour: cell.dataset.c,
    role: cell.dataset.role ?? (index === 0 ? "x" : cell.classList.contains("n") ? "y" : "skip"),
  }));
  // drawn columns without a colour of their own take the palette in order
  columns.filter((column) => column.role === "y" && !column.colour)
    .forEach((column, at) => { column.colour = String(at % colours.length + 1); });
  const rows = [...(table?.tBodies ?? [])].flatMap((body) => [...body.rows])
    .filter((row) => !row.hasAttribute("data-skip"));
  // a table that was sorted keeps the order of its chart
  rows.forEach((row, at) => { row.dataset.at ??= String(at); });
  const ordered = rows.sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at)).map((row) => ({
    name: row.cells[0]?.dataset.name ?? row.cells[0]?.textContent.trim() ?? "",
    cells: [...row.cells], id: row.dataset.id, parent: row.dataset.parent, colour: row.dataset.c,
    total: row.hasAttribute("data-total"), href: row.querySelector("a[href]")?.href,
  }));
  const caption = figure.querySelector("figcaption");
  return {
    kind: figure.dataset.chart, unit: figure.dataset.unit ?? "", columns, rows: ordered,
    title: caption?.querySelector("h2, h3")?.textContent.trim() ?? "",
    sentence: caption?.querySelector("p")?.textContent.trim() ?? "",
    flags: new Set((figure.dataset.flags ?? "").split(" ")), target: figure.dataset.target,
    targetName: figure.dataset.targetName ?? "target", width: figure.clientWidth,
  };
}

const having = (chart, role) => chart.columns.filter((column) => column.role === role);
const valuesOf = (chart, column) => chart.rows.map((row) => numberOf(row.cells[column.index]));

// ---- pieces of options -------------------------------------------------------------------------

/** 4182046 → 4.18M. For axes and labels; tables have the figure itself. */
export function short(value) {
  const size = Math.abs(value);
  const [by, unit] = size >= 1e9 ? [1e9, "B"] : size >= 1e6 ? [1e6, "M"] : size >= 1e3 ? [1e3, "k"] : [1, ""];
  const scaled = size / by;
  const digits = scaled >= 100 || Number.isInteger(scaled) ? 0 : scaled >= 10 ? 1 : 2;
  return (value < 0 ? "\u2212" : "") + scaled.toFixed(digits).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "") + unit;
}
const signed = (value) => (value > 0 ? "+" : "") + short(value);
const grouped = (value) => value == null ? "\u2013" :
  value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 }).replace("-", "\u2212");
const clean = (text) => String(text).replace(/[{}|]/g, " ");

const residualDecal = (look) => ({ symbol: "rect", color: look.bg, dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: -Math.PI / 4 });
// [symbol, dash along x, dash along y, turn]: thin marks on the colour, so that it stays readable
const decals = [
  ["rect", [1, 0], [1.5, 7], 0.785], ["rect", [1, 0], [1.5, 7], 0], ["rect", [1, 0], [1.5, 7], -0.785],
  ["rect", [1, 0], [1.5, 7], 1.571], ["circle", [[6, 6], [0, 6, 6, 0]], [6, 0], 0], ["rect", [6, 6], [2, 6], 0.785],
];
function colourOf(look, name, index) {
  if (name && look["c-" + name]) return look["c-" + name];
  return look["c" + (name && /^\d$/.test(name) ? name : (index % colours.length) + 1)];
}
function decalOf(look, name, index) {
  if (name === "residual") return residualDecal(look);
  if (!look.patterns || name === "rest") return undefined;
  const [symbol, dashArrayX, dashArrayY, rotation] = decals[index % decals.length];
  return { symbol, color: look.bg, dashArrayX, dashArrayY, rotation, symbolSize: symbol === "circle" ? 0.45 : 1 };
}
const paint = (look, name, index) => ({ color: colourOf(look, name, index), decal: decalOf(look, name, index) });

function tooltip(chart, look, more) {
  return {
    renderMode: "richText", confine: true, backgroundColor: look.bg, borderColor: look["line-2"], borderWidth: 1,
    padding: [8, 10], textStyle: { color: look.ink, fontSize: 12, fontFamily: look.font },
    axisPointer: { lineStyle: { color: look["line-2"] }, shadowStyle: { color: look.line, opacity: 0.35 } },
    valueFormatter: (value) => grouped(value) + " " + chart.unit, ...more,
  };
}
const text = (look, more) => ({ color: look["ink-2"], fontSize: 11, fontFamily: look.font, ...more });
const valueAxis = (chart, look, more) => ({
  type: "value", axisLabel: text(look, { formatter: short }), splitLine: { lineStyle: { color: look["c-grid"] } },
  axisLine: { show: false }, axisTick: { show: false }, splitNumber: 4,
  name: chart.unit, nameTextStyle: text(look, { align: "right", padding: [0, 6, 0, 0] }), nameGap: 10, ...more,
});
/** A horizontal value axis has its unit behind each number. */
const along = (chart, look) => ({ name: "", axisLabel: text(look, { formatter: (value) => short(value) + " " + chart.unit, hideOverlap: true }) });
const nameAxis = (chart, look, more) => ({
  type: "category", data: chart.rows.map((row) => clean(row.name)), axisTick: { show: false },
  axisLine: { lineStyle: { color: look["line-2"] } }, axisLabel: text(look, { hideOverlap: true }), ...more,
});
const grid = (more) => ({ left: 6, right: 12, top: 28, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel", ...more });
/** How much room a legend of these names needs below a chart of this width. */
const room = (chart, names) => {
  let lines = 1, used = 0;
  for (const name of names) {
    const wide = 30 + name.length * 6.6;
    if (used && used + wide > chart.width) { lines += 1; used = 0; }
    used += wide;
  }
  return 10 + lines * 20;
};
const legend = (look) => ({ bottom: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 14, textStyle: text(look), selectedMode: true });
const targetLine = (chart, look, value, name) => value == null ? undefined : {
  silent: true, symbol: "none", lineStyle: { color: look["ink-2"], type: [5, 4], width: 1 },
  label: text(look, { formatter: clean(name), position: "insideStartTop", color: look.ink, distance: 3 }), data: [{ yAxis: Number(value) }],
};

// ---- kinds -------------------------------------------------------------------------------------

function overTime(chart, look, stacked) {
  const series = having(chart, "y");
  const wide = chart.width >= 520 && series.length > 1;
  return {
    tooltip: tooltip(chart, look, { trigger: "axis", order: stacked ? "seriesDesc" : "valueDesc" }),
    legend: series.length > 1 && !wide ? legend(look) : undefined,
    grid: grid({ right: wide ? 132 : 12, bottom: series.length > 1 && !wide ? room(chart, series.map((s) => s.name)) : 4 }),
    xAxis: nameAxis(chart, look, { boundaryGap: false }),
    yAxis: valueAxis(chart, look, chart.flags.has("log") ? { type: "log" } : {}),
    series: series.map((column, index) => {
      const { color, decal } = paint(look, column.colour, index);
      const thick = column.colour === "before" ? [4, 3] : "solid";
      return {
        name: clean(column.name), type: "line", data: valuesOf(chart, column), stack: stacked ? "all" : undefined,
        showSymbol: false, symbolSize: 6, connectNulls: false, step: chart.flags.has("step") ? "end" : undefined,
        itemStyle: { color, decal }, areaStyle: stacked ? { color, opacity: 1 } : undefined,
        lineStyle: stacked ? { color: look.bg, width: 1 } : { color, width: 2, type: thick },
        endLabel: { show: wide, formatter: "{a}", color: look.ink, fontSize: 11, fontFamily: look.font, width: 118, overflow: "truncate", distance: 6, lineHeight: 14 },
        labelLayout: { moveOverlap: "shiftY" }, emphasis: { disabled: true },
        markLine: index === 0 && !stacked ? targetLine(chart, look, chart.target, chart.targetName) : undefined,
      };
    }),
  };
}

function bar(chart, look) {
  const series = having(chart, "y");
  const flat = chart.flags.has("flat"), stack = chart.flags.has("stack");
  const name = nameAxis(chart, look, flat ? { inverse: true, axisLabel: text(look, { width: 130, overflow: "truncate", color: look.ink }) } : {});
  const value = valueAxis(chart, look, flat ? along(chart, look) : {});
  return {
    tooltip: tooltip(chart, look, { trigger: stack && chart.rows.length === 1 ? "item" : "axis", axisPointer: { type: "shadow", shadowStyle: { color: look.line, opacity: 0.35 } } }),
    legend: series.length > 1 ? legend(look) : undefined,
    grid: grid({ bottom: series.length > 1 ? room(chart, series.map((s) => s.name)) : 4, top: flat ? 8 : 28, right: flat ? 28 : 12 }),
    [flat ? "yAxis" : "xAxis"]: name, [flat ? "xAxis" : "yAxis"]: value,
    series: series.map((column, index) => ({
      name: clean(column.name), type: "bar", stack: stack ? "all" : undefined, barMaxWidth: 34,
      data: chart.rows.map((row) => ({
        value: numberOf(row.cells[column.index]),
        itemStyle: row.colour ? paint(look, row.colour, index) : undefined,
      })),
      itemStyle: { ...paint(look, column.colour, index), borderColor: stack ? look.bg : undefined, borderWidth: stack ? 1 : 0 },
      label: stack && flat ? { show: true, formatter: (p) => p.value > 0.06 * total(chart, p.dataIndex) ? clean(p.seriesName) : "", color: look.bg, fontSize: 11, overflow: "truncate" } : undefined,
      markLine: index === 0 && !flat ? targetLine(chart, look, chart.target, chart.targetName) : undefined,
      emphasis: { disabled: true },
    })),
  };
}
const total = (chart, index) => having(chart, "y").reduce((sum, column) => sum + (numberOf(chart.rows[index].cells[column.index]) ?? 0), 0);

function pareto(chart, look) {
  const [column] = having(chart, "y");
  const values = valuesOf(chart, column);
  const whole = chart.target ? Number(chart.target) : values.reduce((a, b) => a + b, 0);
  let running = 0;
  const shares = values.map((value) => Math.round((running += value) / whole * 1000) / 10);
  return {
    tooltip: tooltip(chart, look, { trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: look.line, opacity: 0.35 } } }),
    grid: grid({ right: 6 }),
    xAxis: nameAxis(chart, look, { axisLabel: text(look, { interval: 0, rotate: 32, width: 84, overflow: "truncate" }) }),
    yAxis: [
      valueAxis(chart, look),
      { ...valueAxis(chart, look), name: "running %", min: 0, max: 100, interval: 20, splitLine: { show: false }, nameTextStyle: text(look, { align: "right", padding: [0, -28, 0, 0] }) },
    ],
    series: [
      { name: clean(column.name), type: "bar", barMaxWidth: 36, emphasis: { disabled: true },
        data: values.map((value, index) => ({ value, itemStyle: paint(look, chart.rows[index].colour, 0) })) },
      { name: "running", type: "line", yAxisIndex: 1, data: shares, symbol: "circle", symbolSize: 5, emphasis: { disabled: true },
        lineStyle: { color: look.ink, width: 1.5 }, itemStyle: { color: look.ink }, tooltip: { valueFormatter: (v) => v + " %" },
        markLine: targetLine(chart, look, 80, "80 %") },
    ],
  };
}

/** The next of 1, 2, 2.5 and 5 times a power of ten. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= value);
}

/** Labels as exact as the distance between two of them: 3.950M, 3.951M. */
function ticks(step, high) {
  const [by, unit] = Math.abs(high) >= 1e9 ? [1e9, "B"] : Math.abs(high) >= 1e6 ? [1e6, "M"] : Math.abs(high) >= 1e3 ? [1e3, "k"] : [1, ""];
  const digits = Math.max(0, Math.ceil(-Math.log10(step / by) - 1e-9) + (/^(2.5|25|250)/.test(String(step / 10 ** Math.floor(Math.log10(step)))) ? 1 : 0));
  return (value) => (value / by).toFixed(digits).replace("-", "\u2212") + unit;
}

function waterfall(chart, look) {
  const [column] = having(chart, "y");
  let level = 0;
  const steps = chart.rows.map((row) => {
    const value = numberOf(row.cells[column.index]);
    const from = row.total ? null : level;
    level = row.total ? value : level + value;
    return { value, from, to: level, total: row.total };
  });
  const levels = steps.flatMap((step) => step.from == null ? [step.to] : [step.from, step.to]);
  const low = Math.min(...levels), high = Math.max(...levels);
  // differences are small against totals: the axis starts near them, and its labels say where
  const span = high - low || Math.abs(high) || 1;
  const step = nice(span * 1.5 / 4);
  const floor = low >= 0 ? Math.max(0, Math.floor((low - span * 0.4) / step) * step) : Math.floor((low - span * 0.1) / step) * step;
  const slot = (chart.width - 60) / chart.rows.length;
  const longest = Math.max(...chart.rows.map((row) => row.name.length)) * 5.8;
  const tick = ticks(step, high), exact = ticks(step / 10, high);
  return {
    tooltip: tooltip(chart, look, { trigger: "item", formatter: (p) => clean(p.name) + "\n" + (steps[p.dataIndex].total ? "" : signed(0).slice(1)) + (steps[p.dataIndex].total || steps[p.dataIndex].value < 0 ? "" : "+") + grouped(steps[p.dataIndex].value) + " " + chart.unit }),
    grid: grid(),
    xAxis: nameAxis(chart, look, { axisLabel: text(look, { interval: 0, rotate: slot < longest ? 32 : 0, width: 96, overflow: "truncate" }) }),
    yAxis: valueAxis(chart, look, { min: floor, max: Math.ceil((high + span * 0.1) / step) * step, interval: step, axisLabel: text(look, { formatter: tick }) }),
    series: [{
      type: "custom", name: clean(column.name), encode: { x: 0, y: [1, 2] },
      data: steps.map((step, index) => [index, step.from ?? floor, step.to]),
      renderItem(params, api) {
        const step = steps[params.dataIndex];
        const [x, y0] = api.coord([params.dataIndex, step.from ?? floor]);
        const [, y1] = api.coord([params.dataIndex, step.to]);
        const slot = api.size([1, 0])[0];
        const wide = Math.min(52, slot * 0.62);
        const fill = step.total ? look["c-before"] : step.value < 0 ? look["c-down"] : look["c-up"];
        const top = Math.min(y0, y1);
        const parts = [{ type: "rect", shape: { x: x - wide / 2, y: top, width: wide, height: Math.max(1, Math.abs(y1 - y0)) }, style: { fill } },
          { type: "text", style: { text: step.total ? exact(step.value) : signed(step.value), x, y: top - 4, textAlign: "center", textVerticalAlign: "bottom", fill: look.ink, fontSize: 11, fontFamily: look.font } }];
        if (params.dataIndex < steps.length - 1) parts.push({ type: "line", shape: { x1: x + wide / 2, y1, x2: x + slot - wide / 2, y2: y1 }, style: { stroke: look["line-2"], lineWidth: 1 } });
        return { type: "group", children: parts };
      },
    }],
  };
}

function sankey(chart, look) {
  const [from] = having(chart, "from"), [to] = having(chart, "to"), [value] = having(chart, "y");
  const label = (row, column) => clean(row.cells[column.index].textContent.trim());
  const links = chart.rows.map((row, index) => ({
    source: label(row, from), target: label(row, to), value: numberOf(row.cells[value.index]), row: index,
  }));
  const names = [...new Set(links.flatMap((link) => [link.source, link.target]))];
  const special = new Map(chart.rows.filter((row) => row.colour).map((row) => [label(row, to), row.colour]));
  const depth = new Map();
  for (const name of names) if (!links.some((link) => link.target === name)) depth.set(name, 0);
  for (let turn = 0; turn < 8; turn++) for (const link of links) if (depth.has(link.source)) depth.set(link.target, Math.max(depth.get(link.target) ?? 0, depth.get(link.source) + 1));
  const last = Math.max(...depth.values());
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [{
      type: "sankey", left: 4, right: 4, top: 8, bottom: 8, nodeWidth: 10, nodeGap: 7, layoutIterations: 32, draggable: false,
      data: names.map((name) => {
        const at = depth.get(name) ?? 0, mark = special.get(name);
        return { name, itemStyle: paint(look, mark, at), label: { position: at === last ? "left" : "right" } };
      }),
      links, lineStyle: { color: "source", opacity: 0.28, curveness: 0.5 }, emphasis: { focus: "adjacency", lineStyle: { opacity: 0.5 } },
      label: { color: look.ink, fontSize: 11, fontFamily: look.font, width: Math.max(84, chart.width / 4), overflow: "truncate", textBorderColor: look.bg, textBorderWidth: 3 },
    }],
  };
}

/** Rows with data-id and data-parent, as a tree; a parent's value is the sum of its children's. */
function treeOf(chart, look) {
  const [value] = having(chart, "y");
  const made = new Map(chart.rows.map((row, index) => [row.id, { name: clean(row.name), row: index, own: numberOf(row.cells[value.index]), colour: row.colour, children: [] }]));
  const tops = [];
  chart.rows.forEach((row) => (made.get(row.parent)?.children ?? tops).push(made.get(row.id)));
  // one unit that holds all the others says nothing: the picture starts below it
  while (tops.length === 1 && tops[0].children.length > 1) tops.splice(0, 1, ...tops[0].children);
  const finish = (node, mark, index) => {
    node.itemStyle = paint(look, node.colour ?? mark, index);
    node.children.forEach((child) => finish(child, node.colour ?? mark, index));
    if (node.children.length === 0) { node.value = node.own; delete node.children; }
    else node.value = node.children.reduce((sum, child) => sum + child.value, 0);
  };
  tops.forEach((node, index) => finish(node, undefined, index));
  return tops;
}
function treemap(chart, look) {
  const label = { color: look.bg, fontSize: 11, lineHeight: 15, fontFamily: look.font, overflow: "truncate", formatter: (p) => p.name + "\n" + short(p.value) };
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [{
      type: "treemap", data: treeOf(chart, look), left: 0, right: 0, top: 4, bottom: 0, roam: false, nodeClick: false,
      breadcrumb: { show: false }, label, itemStyle: { borderColor: look.bg, borderWidth: 1, gapWidth: 1 },
      upperLabel: { show: true, height: 22, formatter: (p) => p.name + "  " + short(p.value), color: look.ink, fontSize: 11, fontWeight: 600, fontFamily: look.font },
      levels: [{ itemStyle: { borderWidth: 0, gapWidth: 4 }, upperLabel: { show: false } }, { itemStyle: { borderColor: look["bg-3"], borderWidth: 2, gapWidth: 1 } }],
      emphasis: { upperLabel: { color: look.ink } },
    }],
  };
}
function sunburst(chart, look) {
  const tops = treeOf(chart, look);
  const deep = (nodes) => nodes.length ? 1 + Math.max(...nodes.map((node) => deep(node.children ?? []))) : 0;
  const ring = Math.min(chart.width, 400) * 0.4 / deep(tops);
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [{
      type: "sunburst", data: tops, radius: ["18%", "98%"], nodeClick: false, sort: undefined,
      itemStyle: { borderColor: look.bg, borderWidth: 1 }, emphasis: { focus: "ancestor" },
      label: { color: look.bg, fontSize: 10, fontFamily: look.font, minAngle: 9, overflow: "truncate", width: ring - 12 },
    }],
  };
}

function heatmap(chart, look) {
  const columns = having(chart, "y");
  const cells = chart.rows.flatMap((row, y) => columns.map((column, x) => [x, y, numberOf(row.cells[column.index])]).filter((cell) => cell[2] != null));
  const all = cells.map((cell) => cell[2]);
  const high = Math.max(...all), low = Math.min(...all);
  return {
    tooltip: tooltip(chart, look, { trigger: "item", formatter: (p) => clean(chart.rows[p.value[1]].name) + ", " + clean(columns[p.value[0]].name) + "\n" + grouped(p.value[2]) + " " + chart.unit }),
    grid: grid({ top: 6, bottom: 34 }),
    xAxis: { type: "category", data: columns.map((column) => clean(column.name)), axisTick: { show: false }, axisLine: { show: false }, axisLabel: text(look, { hideOverlap: true }) },
    yAxis: nameAxis(chart, look, { inverse: true, axisLine: { show: false }, axisLabel: text(look, { color: look.ink, width: 130, overflow: "truncate", interval: 0 }) }),
    visualMap: { min: low, max: high, calculable: false, orient: "horizontal", left: 0, bottom: 0, itemWidth: 10, itemHeight: 90, text: [short(high) + " " + chart.unit, short(low)], textStyle: text(look), inRange: { color: [look["heat-0"], look["heat-1"]] } },
    series: [{
      type: "heatmap", data: cells, itemStyle: { borderColor: look.bg, borderWidth: 1 }, emphasis: { itemStyle: { borderColor: look.ink } },
      label: { show: (chart.width - 130) / columns.length > 44, fontSize: 10, fontFamily: look.font, formatter: (p) => p.value[2] - low > 0.45 * (high - low) ? "{hi|" + short(p.value[2]) + "}" : "{lo|" + short(p.value[2]) + "}", rich: { hi: { color: look.bg, fontSize: 10 }, lo: { color: look.ink, fontSize: 10 } } },
    }],
  };
}

function fan(chart, look) {
  const one = (role) => { const [column] = having(chart, role); return column && { name: clean(column.name), data: valuesOf(chart, column) }; };
  const actual = one("actual"), forecast = one("forecast"), low = one("low"), high = one("high"), budget = one("budget");
  const plain = { type: "line", showSymbol: false, emphasis: { disabled: true } };
  return {
    tooltip: tooltip(chart, look, { trigger: "axis" }), legend: { ...legend(look), icon: undefined, itemWidth: 18, data: [actual, forecast, budget].filter(Boolean).map((s) => s.name) },
    grid: grid({ bottom: 30 }), xAxis: nameAxis(chart, look, { boundaryGap: false }), yAxis: valueAxis(chart, look, { scale: true }),
    series: [
      { ...plain, name: low.name, data: low.data, stack: "fan", lineStyle: { opacity: 0 }, itemStyle: { color: look.c1 } },
      { ...plain, name: high.name, data: high.data.map((value, i) => value == null ? null : value - low.data[i]), stack: "fan", lineStyle: { opacity: 0 }, areaStyle: { color: look.c1, opacity: 0.18 }, itemStyle: { color: look.c1 }, tooltip: { valueFormatter: (v) => "+" + grouped(v) + " above " + low.name } },
      { ...plain, ...actual, lineStyle: { color: look.c1, width: 2 }, itemStyle: { color: look.c1 } },
      { ...plain, ...forecast, lineStyle: { color: look.c1, width: 2, type: [5, 4] }, itemStyle: { color: look.c1 } },
      budget && { ...plain, ...budget, step: "end", lineStyle: { color: look.ink, width: 1 }, itemStyle: { color: look.ink } },
    ].filter(Boolean),
  };
}

/** Frames with a start (role "from") and a length (role "y"), below their parents; one band per root. */
function icicle(chart, look) {
  const [start] = having(chart, "from"), [length] = having(chart, "y");
  const depth = new Map(), roots = [], rows = chart.rows;
  const deep = (row) => { if (!depth.has(row)) { const up = rows.find((other) => other.id === row.parent); depth.set(row, up ? deep(up) + 1 : 0); } return depth.get(row); };
  const rootOf = (row) => { const up = rows.find((other) => other.id === row.parent); return up ? rootOf(up) : row; };
  rows.forEach((row) => { deep(row); if (!rows.some((other) => other.id === row.parent)) roots.push(row); });
  const levels = Math.max(...depth.values()) + 1;
  const data = rows.map((row, index) => [numberOf(row.cells[start.index]), roots.indexOf(rootOf(row)) * (levels + 0.6) + depth.get(row), numberOf(row.cells[length.index]), index]);
  const owners = [...new Set(rows.map((row) => row.colour).filter(Boolean))];
  const high = Math.max(...data.map((frame) => frame[0] + frame[2]));
  return {
    tooltip: tooltip(chart, look, { trigger: "item", formatter: (p) => clean(rows[p.value[3]].name) + "\n" + grouped(p.value[2]) + " " + chart.unit }),
    grid: grid({ top: 4 }),
    xAxis: valueAxis(chart, look, { ...along(chart, look), max: high }),
    yAxis: { type: "value", inverse: true, min: 0, max: roots.length * (levels + 0.6) - 0.6, show: false },
    series: [{
      type: "custom", data, encode: { x: [0, 2], y: 1 }, clip: true,
      renderItem(params, api) {
        const [x, y] = api.coord([api.value(0), api.value(1)]);
        const [wide, tall] = api.size([api.value(2), 1]);
        const row = rows[api.value(3)];
        const own = paint(look, row.colour, Math.max(0, owners.indexOf(row.colour)));
        const fits = wide > 34;
        return { type: "group", children: [
          { type: "rect", shape: { x, y, width: Math.max(1, wide - 1), height: tall - 1, r: 2 }, style: { fill: own.color, decal: own.decal } },
          { type: "text", ignore: !fits, style: { text: clean(row.name), x: x + 5, y: y + tall / 2, textVerticalAlign: "middle", fill: look.bg, fontSize: 11, fontFamily: look.font, width: wide - 10, overflow: "truncate" } }] };
      },
    }],
  };
}

function sparkline(chart, look) {
  const [column] = having(chart, "y");
  const values = valuesOf(chart, column);
  const last = values.length - 1;
  const known = [...values.filter((v) => v != null), ...(chart.target ? [Number(chart.target)] : [])];
  const low = Math.min(...known), high = Math.max(...known), pad = (high - low) * 0.12 || 1;
  return {
    tooltip: tooltip(chart, look, { trigger: "axis" }), grid: { left: 4, right: 8, top: chart.target ? 18 : 6, bottom: 4 },
    xAxis: { ...nameAxis(chart, look), boundaryGap: false, show: false },
    yAxis: { type: "value", show: false, min: low - pad, max: high + pad },
    series: [{ name: clean(column.name), type: "line", emphasis: { disabled: true }, symbol: "circle",
      data: values.map((value, index) => ({ value, symbolSize: index === last ? 7 : 0 })), itemStyle: { color: look.accent },
      lineStyle: { color: look["ink-2"], width: 1.75 }, markLine: targetLine(chart, look, chart.target, chart.targetName) }],
  };
}

const kinds = {
  "stacked-area": (chart, look) => overTime(chart, look, true), line: (chart, look) => overTime(chart, look, false),
  bar, pareto, waterfall, sankey, treemap, sunburst, heatmap, fan, icicle, sparkline,
};

/** The ECharts option of a description: data and functions of this file, never text as code. */
export function option(chart, look = tokens()) {
  const make = kinds[chart.kind];
  if (!make) throw new Error(`no chart is called "${chart.kind}"`);
  return {
    animation: false, textStyle: { fontFamily: look.font }, backgroundColor: "transparent",
    aria: { enabled: true, label: { description: `${chart.title}. ${chart.sentence} The table beside it has the figures.` } },
    ...make(chart, look),
  };
}

// ---- on the page -------------------------------------------------------------------------------

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
    new ResizeObserver(() => { if (plot.clientWidth) { drawing.resize(); draw(figure); } }).observe(plot);
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
  plot.setAttribute("aria-label", `${chart.title}. ${chart.sentence} Arrow keys read the rows, Enter opens one.`);
  plot.querySelector("svg")?.setAttribute("aria-hidden", "true");
}

/** Mouse and keyboard: a mark leads where its row leads; arrow keys read row by row. */
function reach(figure, plot, drawing) {
  const rowAt = (params) => {
    const rows = describe(figure).rows;
    const found = params.data?.row ?? (Array.isArray(params.value) && params.seriesType === "heatmap" ? params.value[1] :
      params.seriesType === "custom" && Array.isArray(params.value) && params.value.length > 3 ? params.value[3] : params.dataIndex);
    return rows[found];
  };
  drawing.on("click", (params) => {
    let target = rowAt(params)?.href;
    if (params.seriesType === "heatmap") {
      const chart = describe(figure);
      target = rowAt(params).cells[having(chart, "y")[params.value[0]].index].querySelector("a")?.href ?? target;
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
    at = event.key === "Home" ? 0 : event.key === "End" ? chart.rows.length - 1 : Math.min(chart.rows.length - 1, Math.max(0, at + step));
    drawing.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: at });
    const said = chart.columns.map((column) => `${column.index ? column.name + " " : ""}${chart.rows[at].cells[column.index]?.textContent.trim() ?? ""}`).join(", ");
    document.dispatchEvent(new CustomEvent("leap:say", { detail: said }));
  });
}

/** Draws what comes into view; again when the theme, the patterns or the paper change. */
export function watch(scope = document) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); mount(entry.target); }
  }, { rootMargin: "300px" });
  for (const figure of scope.querySelectorAll("figure.chart[data-chart]")) if (figure.querySelector(".plot") && !mounted.has(figure)) seen.observe(figure);
}
export function redraw() {
  for (const [figure, drawing] of mounted) {
    if (figure.isConnected) draw(figure);
    else { drawing?.dispose(); mounted.delete(figure); }
  }
}
/** For printing: every chart, also those below the fold. */
export const drawAll = () => Promise.all([...document.querySelectorAll("figure.chart[data-chart]")].map(mount));
