// chart-look.js: the colours of the present theme, and the pieces that options are made of.
// Numbers here are doubles for drawing only: what people read, copy and add up is in the table.

const root = document.documentElement;
export const colours = ["c1", "c2", "c3", "c4", "c5", "c6"];

/** The colours of the present theme, from leap.css. */
export function tokens() {
  const style = getComputedStyle(root);
  const get = (name) => style.getPropertyValue("--" + name).trim();
  const names = [
    ...colours,
    "bg",
    "bg-2",
    "bg-3",
    "line",
    "line-2",
    "ink",
    "ink-2",
    "accent",
    "c-rest",
    "c-residual",
    "c-before",
    "c-grid",
    "c-up",
    "c-down",
    "heat-0",
    "heat-1",
    "bad",
  ];
  const all = Object.fromEntries(names.map((name) => [name, get(name)]));
  all.font = get("font");
  all.patterns =
    root.dataset.patterns === "on" ||
    matchMedia("(prefers-contrast: more)").matches ||
    matchMedia("(forced-colors: active)").matches;
  return all;
}

/** 4182046 → 4.18M. For axes and labels; tables have the figure itself. */
export function short(value) {
  const size = Math.abs(value);
  const [by, unit] =
    size >= 1e9 ? [1e9, "B"] : size >= 1e6 ? [1e6, "M"] : size >= 1e3 ? [1e3, "k"] : [1, ""];
  const scaled = size / by;
  const digits = scaled >= 100 || Number.isInteger(scaled) ? 0 : scaled >= 10 ? 1 : 2;
  return (
    (value < 0 ? "\u2212" : "") +
    scaled
      .toFixed(digits)
      .replace(/(\.\d*?)0+$/, "$1")
      .replace(/\.$/, "") +
    unit
  );
}
/** 2841204117 → 2.84 s: nanoseconds, as people read times. */
export function duration(ns) {
  const size = Math.abs(ns);
  const [by, unit] =
    size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const text = Number((size / by).toPrecision(3)).toLocaleString("en", { useGrouping: false });
  return ns === 0 ? "0" : (ns < 0 ? "\u2212" : "") + text + " " + unit;
}
/** A value on an axis; its unit stands elsewhere, but that of times. */
export const worded = (chart, value) => (chart.unit === "ns" ? duration(value) : short(value));
/** A value with its unit. */
export const measured = (chart, value) =>
  value == null ? "\u2013" : chart.unit === "ns" ? duration(value) : grouped(value) + " " + chart.unit;
export const signed = (value) => (value > 0 ? "+" : "") + short(value);
export const grouped = (value) =>
  value == null
    ? "\u2013"
    : value
        .toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 })
        .replace("-", "\u2212");
export const clean = (text) => String(text).replace(/[{}|]/g, " ");

export const residualDecal = (look) => ({
  symbol: "rect",
  color: look.bg,
  dashArrayX: [1, 0],
  dashArrayY: [2, 3],
  rotation: -Math.PI / 4,
});
// [symbol, dash along x, dash along y, turn]: thin marks on the colour, so that it stays readable
const decals = [
  ["rect", [1, 0], [1.5, 7], 0.785],
  ["rect", [1, 0], [1.5, 7], 0],
  ["rect", [1, 0], [1.5, 7], -0.785],
  ["rect", [1, 0], [1.5, 7], 1.571],
  [
    "circle",
    [
      [6, 6],
      [0, 6, 6, 0],
    ],
    [6, 0],
    0,
  ],
  ["rect", [6, 6], [2, 6], 0.785],
];
function colourOf(look, name, index) {
  if (name && look["c-" + name]) return look["c-" + name];
  return look["c" + (name && /^\d$/.test(name) ? name : (index % colours.length) + 1)];
}
function decalOf(look, name, index) {
  if (name === "residual") return residualDecal(look);
  if (!look.patterns || name === "rest") return undefined;
  const [symbol, dashArrayX, dashArrayY, rotation] = decals[index % decals.length];
  return {
    symbol,
    color: look.bg,
    dashArrayX,
    dashArrayY,
    rotation,
    symbolSize: symbol === "circle" ? 0.45 : 1,
  };
}
export const paint = (look, name, index) => ({
  color: colourOf(look, name, index),
  decal: decalOf(look, name, index),
});

export function tooltip(chart, look, more) {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: look.bg,
    borderColor: look["line-2"],
    borderWidth: 1,
    padding: [8, 10],
    textStyle: { color: look.ink, fontSize: 12, fontFamily: look.font },
    axisPointer: {
      lineStyle: { color: look["line-2"] },
      shadowStyle: { color: look.line, opacity: 0.35 },
    },
    valueFormatter: (value) => measured(chart, value),
    ...more,
  };
}
export const text = (look, more) => ({
  color: look["ink-2"],
  fontSize: 11,
  fontFamily: look.font,
  ...more,
});
export const valueAxis = (chart, look, more) => ({
  type: "value",
  axisLabel: text(look, { formatter: (value) => worded(chart, value) }),
  splitLine: { lineStyle: { color: look["c-grid"] } },
  axisLine: { show: false },
  axisTick: { show: false },
  splitNumber: 4,
  name: chart.unit === "ns" ? "" : chart.unit,
  nameTextStyle: text(look, { align: "right", padding: [0, 6, 0, 0] }),
  nameGap: 10,
  ...more,
});
/** A horizontal value axis has its unit behind each number. */
export const along = (chart, look) => ({
  name: "",
  axisLabel: text(look, {
    formatter: (value) => worded(chart, value) + (chart.unit === "ns" ? "" : " " + chart.unit),
    hideOverlap: true,
  }),
});
export const nameAxis = (chart, look, more) => ({
  type: "category",
  data: chart.rows.map((row) => clean(row.name)),
  axisTick: { show: false },
  axisLine: { lineStyle: { color: look["line-2"] } },
  axisLabel: text(look, { hideOverlap: true }),
  ...more,
});
export const grid = (more) => ({
  left: 6,
  right: 12,
  top: 28,
  bottom: 4,
  outerBoundsMode: "same",
  outerBoundsContain: "axisLabel",
  ...more,
});
/** How much room a legend of these names needs below a chart of this width. */
export const room = (chart, names) => {
  let lines = 1,
    used = 0;
  for (const name of names) {
    const wide = 30 + name.length * 6.6;
    if (used && used + wide > chart.width) {
      lines += 1;
      used = 0;
    }
    used += wide;
  }
  return 10 + lines * 20;
};
export const legend = (look) => ({
  bottom: 0,
  left: 0,
  icon: "roundRect",
  itemWidth: 10,
  itemHeight: 10,
  itemGap: 14,
  textStyle: text(look),
  selectedMode: true,
});
export const targetLine = (chart, look, value, name) =>
  value == null
    ? undefined
    : {
        silent: true,
        symbol: "none",
        lineStyle: { color: look["ink-2"], type: [5, 4], width: 1 },
        label: text(look, {
          formatter: clean(name),
          position: "insideStartTop",
          color: look.ink,
          distance: 3,
        }),
        data: [{ yAxis: Number(value) }],
      };
