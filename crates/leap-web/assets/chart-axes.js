// chart-axes.js: lines over time: area, line, fan, sparkline.

import {
  clean,
  grid,
  grouped,
  legend,
  nameAxis,
  paint,
  room,
  targetLine,
  tooltip,
  valueAxis,
} from "./chart-look.js";
import { having, valuesOf } from "./chart-read.js";

export function overTime(chart, look, stacked) {
  const series = having(chart, "y");
  const wide = chart.width >= 520 && series.length > 1;
  return {
    tooltip: tooltip(chart, look, { trigger: "axis", order: stacked ? "seriesDesc" : "valueDesc" }),
    legend: series.length > 1 && !wide ? legend(look) : undefined,
    grid: grid({
      right: wide ? 132 : 12,
      bottom:
        series.length > 1 && !wide
          ? room(
              chart,
              series.map((s) => s.name),
            )
          : 4,
    }),
    xAxis: nameAxis(chart, look, { boundaryGap: false }),
    yAxis: valueAxis(chart, look, chart.flags.has("log") ? { type: "log" } : {}),
    series: series.map((column, index) => {
      const { color, decal } = paint(look, column.colour, index);
      const thick = column.colour === "before" ? [4, 3] : "solid";
      return {
        name: clean(column.name),
        type: "line",
        data: valuesOf(chart, column),
        stack: stacked ? "all" : undefined,
        showSymbol: false,
        symbolSize: 6,
        connectNulls: false,
        step: chart.flags.has("step") ? "end" : undefined,
        itemStyle: { color, decal },
        areaStyle: stacked ? { color, opacity: 1 } : undefined,
        lineStyle: stacked ? { color: look.bg, width: 1 } : { color, width: 2, type: thick },
        endLabel: {
          show: wide,
          formatter: "{a}",
          color: look.ink,
          fontSize: 11,
          fontFamily: look.font,
          width: 118,
          overflow: "truncate",
          distance: 6,
          lineHeight: 14,
        },
        labelLayout: { moveOverlap: "shiftY" },
        emphasis: { disabled: true },
        markLine:
          index === 0 && !stacked
            ? targetLine(chart, look, chart.target, chart.targetName)
            : undefined,
      };
    }),
  };
}

export function fan(chart, look) {
  const one = (role) => {
    const [column] = having(chart, role);
    return column && { name: clean(column.name), data: valuesOf(chart, column) };
  };
  const actual = one("actual"),
    forecast = one("forecast"),
    low = one("low"),
    high = one("high"),
    budget = one("budget");
  const plain = { type: "line", showSymbol: false, emphasis: { disabled: true } };
  return {
    tooltip: tooltip(chart, look, { trigger: "axis" }),
    legend: {
      ...legend(look),
      icon: undefined,
      itemWidth: 18,
      data: [actual, forecast, budget].filter(Boolean).map((s) => s.name),
    },
    grid: grid({ bottom: 30 }),
    xAxis: nameAxis(chart, look, { boundaryGap: false }),
    yAxis: valueAxis(chart, look, { scale: true }),
    series: [
      {
        ...plain,
        name: low.name,
        data: low.data,
        stack: "fan",
        lineStyle: { opacity: 0 },
        itemStyle: { color: look.c1 },
      },
      {
        ...plain,
        name: high.name,
        data: high.data.map((value, i) => (value == null ? null : value - low.data[i])),
        stack: "fan",
        lineStyle: { opacity: 0 },
        areaStyle: { color: look.c1, opacity: 0.18 },
        itemStyle: { color: look.c1 },
        tooltip: { valueFormatter: (v) => "+" + grouped(v) + " above " + low.name },
      },
      {
        ...plain,
        ...actual,
        lineStyle: { color: look.c1, width: 2 },
        itemStyle: { color: look.c1 },
      },
      {
        ...plain,
        ...forecast,
        lineStyle: { color: look.c1, width: 2, type: [5, 4] },
        itemStyle: { color: look.c1 },
      },
      budget && {
        ...plain,
        ...budget,
        step: "end",
        lineStyle: { color: look.ink, width: 1 },
        itemStyle: { color: look.ink },
      },
    ].filter(Boolean),
  };
}

export function sparkline(chart, look) {
  const [column] = having(chart, "y");
  const values = valuesOf(chart, column);
  const last = values.length - 1;
  const known = [
    ...values.filter((v) => v != null),
    ...(chart.target ? [Number(chart.target)] : []),
  ];
  const low = Math.min(...known),
    high = Math.max(...known),
    pad = (high - low) * 0.12 || 1;
  return {
    tooltip: tooltip(chart, look, { trigger: "axis" }),
    grid: { left: 4, right: 8, top: chart.target ? 18 : 6, bottom: 4 },
    xAxis: { ...nameAxis(chart, look), boundaryGap: false, show: false },
    yAxis: { type: "value", show: false, min: low - pad, max: high + pad },
    series: [
      {
        name: clean(column.name),
        type: "line",
        emphasis: { disabled: true },
        symbol: "circle",
        data: values.map((value, index) => ({ value, symbolSize: index === last ? 7 : 0 })),
        itemStyle: { color: look.accent },
        lineStyle: { color: look["ink-2"], width: 1.75 },
        markLine: targetLine(chart, look, chart.target, chart.targetName),
      },
    ],
  };
}
