// chart-trees.js: kinds of parts and wholes: Sankey, treemap, sunburst, icicle.

import { along, clean, grid, measured, paint, short, tooltip, valueAxis } from "./chart-look.js";
import { having, numberOf } from "./chart-read.js";

export function sankey(chart, look) {
  const [from] = having(chart, "from"),
    [to] = having(chart, "to"),
    [value] = having(chart, "y");
  const label = (row, column) => clean(row.cells[column.index].textContent.trim());
  // places are known by data-id and data-parent where rows have them, else by their names
  const placed = chart.rows.map((row) => [row.id ?? label(row, from), row.parent ?? label(row, to)]);
  const links = chart.rows.map((row, index) => ({
    source: placed[index][0],
    target: placed[index][1],
    value: numberOf(row.cells[value.index]),
    row: index,
  }));
  const shown = new Map(
    chart.rows.flatMap((row, index) => [
      [placed[index][0], label(row, from)],
      [placed[index][1], label(row, to)],
    ]),
  );
  const names = [...shown.keys()];
  const special = new Map(
    chart.rows.flatMap((row, index) => (row.colour ? [[placed[index][1], row.colour]] : [])),
  );
  const depth = new Map();
  for (const name of names) if (!links.some((link) => link.target === name)) depth.set(name, 0);
  for (let turn = 0; turn < 8; turn++)
    for (const link of links)
      if (depth.has(link.source))
        depth.set(link.target, Math.max(depth.get(link.target) ?? 0, depth.get(link.source) + 1));
  const last = Math.max(...depth.values());
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [
      {
        type: "sankey",
        left: 4,
        right: 4,
        top: 8,
        bottom: 8,
        nodeWidth: 10,
        nodeGap: 7,
        layoutIterations: 32,
        draggable: false,
        data: names.map((name) => {
          const at = depth.get(name) ?? 0,
            mark = special.get(name);
          return {
            name,
            itemStyle: paint(look, mark, at),
            label: { position: at === last ? "left" : "right", formatter: () => shown.get(name) },
          };
        }),
        links,
        lineStyle: { color: "source", opacity: 0.28, curveness: 0.5 },
        emphasis: { focus: "adjacency", lineStyle: { opacity: 0.5 } },
        label: {
          color: look.ink,
          fontSize: 11,
          fontFamily: look.font,
          width: Math.max(84, chart.width / 4),
          overflow: "truncate",
          textBorderColor: look.bg,
          textBorderWidth: 3,
        },
      },
    ],
  };
}

/** Rows with data-id and data-parent, as a tree; a parent's value is the sum of its children's. */
function treeOf(chart, look) {
  const [value] = having(chart, "y");
  const made = new Map(
    chart.rows.map((row, index) => [
      row.id,
      {
        name: clean(row.name),
        row: index,
        own: numberOf(row.cells[value.index]),
        colour: row.colour,
        children: [],
      },
    ]),
  );
  const tops = [];
  chart.rows.forEach((row) => (made.get(row.parent)?.children ?? tops).push(made.get(row.id)));
  // one unit that holds all the others says nothing: the picture starts below it
  while (tops.length === 1 && tops[0].children.length > 1) tops.splice(0, 1, ...tops[0].children);
  const finish = (node, mark, index) => {
    node.itemStyle = paint(look, node.colour ?? mark, index);
    node.children.forEach((child) => finish(child, node.colour ?? mark, index));
    if (node.children.length === 0) {
      node.value = node.own;
      delete node.children;
    } else node.value = node.children.reduce((sum, child) => sum + child.value, 0);
  };
  tops.forEach((node, index) => finish(node, undefined, index));
  return tops;
}
export function treemap(chart, look) {
  const label = {
    color: look.bg,
    fontSize: 11,
    lineHeight: 15,
    fontFamily: look.font,
    overflow: "truncate",
    // the figure of the table, which a box with credits inside is larger than
    formatter: (p) => p.name + "\n" + short(p.data.own ?? p.value),
  };
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [
      {
        type: "treemap",
        data: treeOf(chart, look),
        left: 0,
        right: 0,
        top: 4,
        bottom: 0,
        roam: false,
        nodeClick: false,
        breadcrumb: { show: false },
        label,
        itemStyle: { borderColor: look.bg, borderWidth: 1, gapWidth: 1 },
        upperLabel: {
          show: true,
          height: 22,
          formatter: (p) => p.name + "  " + short(p.data.own ?? p.value),
          color: look.ink,
          fontSize: 11,
          fontWeight: 600,
          fontFamily: look.font,
        },
        levels: [
          { itemStyle: { borderWidth: 0, gapWidth: 4 }, upperLabel: { show: false } },
          { itemStyle: { borderColor: look["bg-3"], borderWidth: 2, gapWidth: 1 } },
        ],
        emphasis: { upperLabel: { color: look.ink } },
      },
    ],
  };
}
export function sunburst(chart, look) {
  const tops = treeOf(chart, look);
  const deep = (nodes) =>
    nodes.length ? 1 + Math.max(...nodes.map((node) => deep(node.children ?? []))) : 0;
  const ring = (Math.min(chart.width, 400) * 0.4) / deep(tops);
  return {
    tooltip: tooltip(chart, look, { trigger: "item" }),
    series: [
      {
        type: "sunburst",
        data: tops,
        radius: ["18%", "98%"],
        nodeClick: false,
        sort: undefined,
        itemStyle: { borderColor: look.bg, borderWidth: 1 },
        emphasis: { focus: "ancestor" },
        label: {
          color: look.bg,
          fontSize: 10,
          fontFamily: look.font,
          minAngle: 9,
          overflow: "truncate",
          width: ring - 12,
        },
      },
    ],
  };
}

/** Frames with a start (role "from") and a length, below their parents; one band per root. */
export function icicle(chart, look) {
  const [start] = having(chart, "from"),
    [length] = having(chart, "y");
  const depth = new Map(),
    roots = [],
    rows = chart.rows;
  const deep = (row) => {
    if (!depth.has(row)) {
      const up = rows.find((other) => other.id === row.parent);
      depth.set(row, up ? deep(up) + 1 : 0);
    }
    return depth.get(row);
  };
  const rootOf = (row) => {
    const up = rows.find((other) => other.id === row.parent);
    return up ? rootOf(up) : row;
  };
  rows.forEach((row) => {
    deep(row);
    if (!rows.some((other) => other.id === row.parent)) roots.push(row);
  });
  const levels = Math.max(...depth.values()) + 1;
  const data = rows.map((row, index) => [
    numberOf(row.cells[start.index]),
    roots.indexOf(rootOf(row)) * (levels + 0.6) + depth.get(row),
    numberOf(row.cells[length.index]),
    index,
  ]);
  const owners = [...new Set(rows.map((row) => row.colour).filter(Boolean))];
  const high = Math.max(...data.map((frame) => frame[0] + frame[2]));
  return {
    tooltip: tooltip(chart, look, {
      trigger: "item",
      formatter: (p) => clean(rows[p.value[3]].name) + "\n" + measured(chart, p.value[2]),
    }),
    grid: grid({ top: 4 }),
    xAxis: valueAxis(chart, look, { ...along(chart, look), max: high }),
    yAxis: {
      type: "value",
      inverse: true,
      min: 0,
      max: roots.length * (levels + 0.6) - 0.6,
      show: false,
    },
    series: [
      {
        type: "custom",
        data,
        encode: { x: [0, 2], y: 1 },
        clip: true,
        renderItem(params, api) {
          const [x, y] = api.coord([api.value(0), api.value(1)]);
          const [wide, tall] = api.size([api.value(2), 1]);
          const row = rows[api.value(3)];
          const own = paint(look, row.colour, Math.max(0, owners.indexOf(row.colour)));
          const fits = wide > 34;
          return {
            type: "group",
            children: [
              {
                type: "rect",
                shape: { x, y, width: Math.max(1, wide - 1), height: tall - 1, r: 2 },
                style: { fill: own.color, decal: own.decal },
              },
              {
                type: "text",
                ignore: !fits,
                style: {
                  text: clean(row.name),
                  x: x + 5,
                  y: y + tall / 2,
                  textVerticalAlign: "middle",
                  fill: look.bg,
                  fontSize: 11,
                  fontFamily: look.font,
                  width: wide - 10,
                  overflow: "truncate",
                  // no letter on stripes
                  ...(own.decal ? { backgroundColor: own.color, padding: [1, 3] } : {}),
                },
              },
            ],
          };
        },
      },
    ],
  };
}
