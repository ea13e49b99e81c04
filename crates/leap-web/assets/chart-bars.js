// chart-bars.js: bar, Pareto, waterfall and heat map.

import {
  along,
  clean,
  grid,
  grouped,
  legend,
  nameAxis,
  paint,
  room,
  short,
  signed,
  targetLine,
  text,
  tooltip,
  valueAxis,
} from "./chart-look.js";
import { having, numberOf, valuesOf } from "./chart-read.js";

export function bar(chart, look) {
  const series = having(chart, "y");
  const flat = chart.flags.has("flat"),
    stack = chart.flags.has("stack");
  const name = nameAxis(
    chart,
    look,
    flat
      ? {
          inverse: true,
          axisLabel: text(look, { width: 130, overflow: "truncate", color: look.ink }),
        }
      : {},
  );
  const value = valueAxis(chart, look, flat ? along(chart, look) : {});
  return {
    tooltip: tooltip(chart, look, {
      trigger: stack && chart.rows.length === 1 ? "item" : "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: look.line, opacity: 0.35 } },
    }),
    legend: series.length > 1 ? legend(look) : undefined,
    grid: grid({
      bottom:
        series.length > 1
          ? room(
              chart,
              series.map((s) => s.name),
            )
          : 4,
      top: flat ? 8 : 28,
      right: flat ? 28 : 12,
    }),
    [flat ? "yAxis" : "xAxis"]: name,
    [flat ? "xAxis" : "yAxis"]: value,
    series: series.map((column, index) => ({
      name: clean(column.name),
      type: "bar",
      stack: stack ? "all" : undefined,
      barMaxWidth: 34,
      data: chart.rows.map((row) => ({
        value: numberOf(row.cells[column.index]),
        itemStyle: row.colour ? paint(look, row.colour, index) : undefined,
      })),
      itemStyle: {
        ...paint(look, column.colour, index),
        borderColor: stack ? look.bg : undefined,
        borderWidth: stack ? 1 : 0,
      },
      label:
        stack && flat
          ? {
              show: true,
              formatter: (p) =>
                p.value > 0.06 * total(chart, p.dataIndex) ? clean(p.seriesName) : "",
              color: look.bg,
              fontSize: 11,
              overflow: "truncate",
              // no letter on stripes
              ...(column.colour === "residual"
                ? { backgroundColor: paint(look, column.colour, index).color, padding: [1, 3] }
                : {}),
            }
          : undefined,
      markLine:
        index === 0 && !flat ? targetLine(chart, look, chart.target, chart.targetName) : undefined,
      emphasis: { disabled: true },
    })),
  };
}
const total = (chart, index) =>
  having(chart, "y").reduce(
    (sum, column) => sum + (numberOf(chart.rows[index].cells[column.index]) ?? 0),
    0,
  );

export function pareto(chart, look) {
  const [column] = having(chart, "y");
  const values = valuesOf(chart, column);
  const whole = chart.target ? Number(chart.target) : values.reduce((a, b) => a + b, 0);
  let running = 0;
  const shares = values.map((value) => Math.round(((running += value) / whole) * 1000) / 10);
  return {
    tooltip: tooltip(chart, look, {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: look.line, opacity: 0.35 } },
    }),
    grid: grid({ right: 6 }),
    xAxis: nameAxis(chart, look, {
      axisLabel: text(look, { interval: 0, rotate: 32, width: 84, overflow: "truncate" }),
    }),
    yAxis: [
      valueAxis(chart, look),
      {
        ...valueAxis(chart, look),
        name: "running %",
        min: 0,
        max: 100,
        interval: 20,
        splitLine: { show: false },
        nameTextStyle: text(look, { align: "right", padding: [0, -28, 0, 0] }),
      },
    ],
    series: [
      {
        name: clean(column.name),
        type: "bar",
        barMaxWidth: 36,
        emphasis: { disabled: true },
        data: values.map((value, index) => ({
          value,
          itemStyle: paint(look, chart.rows[index].colour, 0),
        })),
      },
      {
        name: "running",
        type: "line",
        yAxisIndex: 1,
        data: shares,
        symbol: "circle",
        symbolSize: 5,
        emphasis: { disabled: true },
        lineStyle: { color: look.ink, width: 1.5 },
        itemStyle: { color: look.ink },
        tooltip: { valueFormatter: (v) => v + " %" },
        markLine: targetLine(chart, look, 80, "80 %"),
      },
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
  const [by, unit] =
    Math.abs(high) >= 1e9
      ? [1e9, "B"]
      : Math.abs(high) >= 1e6
        ? [1e6, "M"]
        : Math.abs(high) >= 1e3
          ? [1e3, "k"]
          : [1, ""];
  const digits = Math.max(
    0,
    Math.ceil(-Math.log10(step / by) - 1e-9) +
      (/^(2.5|25|250)/.test(String(step / 10 ** Math.floor(Math.log10(step)))) ? 1 : 0),
  );
  return (value) => (value / by).toFixed(digits).replace("-", "\u2212") + unit;
}

export function waterfall(chart, look) {
  const [column] = having(chart, "y");
  let level = 0;
  const steps = chart.rows.map((row) => {
    const value = numberOf(row.cells[column.index]);
    const from = row.total ? null : level;
    level = row.total ? value : level + value;
    return { value, from, to: level, total: row.total };
  });
  const levels = steps.flatMap((step) => (step.from == null ? [step.to] : [step.from, step.to]));
  const low = Math.min(...levels),
    high = Math.max(...levels);
  // differences are small against totals: the axis starts near them, and its labels say where
  const span = high - low || Math.abs(high) || 1;
  const step = nice((span * 1.5) / 4);
  const floor =
    low >= 0
      ? Math.max(0, Math.floor((low - span * 0.4) / step) * step)
      : Math.floor((low - span * 0.1) / step) * step;
  const slot = (chart.width - 60) / chart.rows.length;
  const longest = Math.max(...chart.rows.map((row) => row.name.length)) * 6.2;
  const tick = ticks(step, high),
    exact = ticks(step / 10, high);
  return {
    tooltip: tooltip(chart, look, {
      trigger: "item",
      formatter: (p) =>
        clean(p.name) +
        "\n" +
        (steps[p.dataIndex].total ? "" : signed(0).slice(1)) +
        (steps[p.dataIndex].total || steps[p.dataIndex].value < 0 ? "" : "+") +
        grouped(steps[p.dataIndex].value) +
        " " +
        chart.unit,
    }),
    grid: grid(),
    xAxis: nameAxis(chart, look, {
      axisLabel: text(look, {
        interval: 0,
        rotate: slot < longest ? 32 : 0,
        width: 96,
        overflow: "truncate",
      }),
    }),
    yAxis: valueAxis(chart, look, {
      min: floor,
      max: Math.ceil((high + span * 0.1) / step) * step,
      interval: step,
      axisLabel: text(look, { formatter: tick }),
    }),
    series: [
      {
        type: "custom",
        name: clean(column.name),
        encode: { x: 0, y: [1, 2] },
        data: steps.map((step, index) => [index, step.from ?? floor, step.to]),
        renderItem(params, api) {
          const step = steps[params.dataIndex];
          const [x, y0] = api.coord([params.dataIndex, step.from ?? floor]);
          const [, y1] = api.coord([params.dataIndex, step.to]);
          const slot = api.size([1, 0])[0];
          const wide = Math.min(52, slot * 0.62);
          const fill = step.total
            ? look["c-before"]
            : step.value < 0
              ? look["c-down"]
              : look["c-up"];
          const top = Math.min(y0, y1);
          const parts = [
            {
              type: "rect",
              shape: {
                x: x - wide / 2,
                y: top,
                width: wide,
                height: Math.max(1, Math.abs(y1 - y0)),
              },
              style: { fill },
            },
            {
              type: "text",
              style: {
                text: step.total ? exact(step.value) : signed(step.value),
                x,
                y: top - 4,
                textAlign: "center",
                textVerticalAlign: "bottom",
                fill: look.ink,
                fontSize: 11,
                fontFamily: look.font,
              },
            },
          ];
          if (params.dataIndex < steps.length - 1)
            parts.push({
              type: "line",
              shape: { x1: x + wide / 2, y1, x2: x + slot - wide / 2, y2: y1 },
              style: { stroke: look["line-2"], lineWidth: 1 },
            });
          return { type: "group", children: parts };
        },
      },
    ],
  };
}

const partsOf = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const luminance = (parts) => {
  const [r, g, b] = parts.map((part) => (part / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
};
/** Whether the ink, and not the colour of the page, reads better on this share of the scale. */
function inkReads(look, share) {
  const [from, to] = [partsOf(look["heat-0"]), partsOf(look["heat-1"])];
  const on = luminance(from.map((part, at) => part + (to[at] - part) * share));
  const against = (name) => {
    const other = luminance(partsOf(look[name]));
    return Math.max(on, other) / Math.min(on, other);
  };
  return against("ink") >= against("bg");
}

export function heatmap(chart, look) {
  const columns = having(chart, "y");
  const cells = chart.rows.flatMap((row, y) =>
    columns
      .map((column, x) => [x, y, numberOf(row.cells[column.index])])
      .filter((cell) => cell[2] != null),
  );
  const all = cells.map((cell) => cell[2]);
  const high = Math.max(...all),
    low = Math.min(...all);
  return {
    tooltip: tooltip(chart, look, {
      trigger: "item",
      formatter: (p) =>
        clean(chart.rows[p.value[1]].name) +
        ", " +
        clean(columns[p.value[0]].name) +
        "\n" +
        grouped(p.value[2]) +
        " " +
        chart.unit,
    }),
    grid: grid({ top: 6, bottom: 34 }),
    xAxis: {
      type: "category",
      data: columns.map((column) => clean(column.name)),
      axisTick: { show: false },
      axisLine: { show: false },
      axisLabel: text(look, { hideOverlap: true }),
    },
    yAxis: nameAxis(chart, look, {
      inverse: true,
      axisLine: { show: false },
      axisLabel: text(look, { color: look.ink, width: 130, overflow: "truncate", interval: 0 }),
    }),
    visualMap: {
      min: low,
      max: high,
      calculable: false,
      orient: "horizontal",
      left: 0,
      bottom: 0,
      itemWidth: 10,
      itemHeight: 90,
      text: [short(high) + " " + chart.unit, short(low)],
      textStyle: text(look),
      inRange: { color: [look["heat-0"], look["heat-1"]] },
    },
    series: [
      {
        type: "heatmap",
        data: cells,
        itemStyle: { borderColor: look.bg, borderWidth: 1 },
        emphasis: { itemStyle: { borderColor: look.ink } },
        label: {
          show: (chart.width - 130) / columns.length > 44,
          fontSize: 10,
          fontFamily: look.font,
          formatter: (p) => {
            const share = high > low ? (p.value[2] - low) / (high - low) : 0;
            return `{${inkReads(look, share) ? "lo" : "hi"}|${short(p.value[2])}}`;
          },
          rich: { hi: { color: look.bg, fontSize: 10 }, lo: { color: look.ink, fontSize: 10 } },
        },
      },
    ],
  };
}
