// chart-read.js: what a figure says about itself and its table. README.md in this folder says which
// column means what for each kind of chart.

import { colours } from "./chart-look.js";

/** A cell as a number: its data-v, or its text. Empty cells are null: a gap, not a zero. */
export function numberOf(cell) {
  const text = (cell?.dataset.v ?? cell?.textContent ?? "")
    .trim()
    .replaceAll(",", "")
    .replace("\u2212", "-");
  return text === "" || text === "\u2013" ? null : Number.parseFloat(text);
}

/** What a figure says about itself and its table. */
export function describe(figure) {
  const table = document.getElementById(figure.dataset.table);
  const heads = [...(table?.tHead?.rows[table.tHead.rows.length - 1]?.cells ?? [])];
  const columns = heads.map((cell, index) => ({
    index,
    name: cell.dataset.name ?? cell.textContent.trim(),
    colour: cell.dataset.c,
    role: cell.dataset.role ?? (index === 0 ? "x" : cell.classList.contains("n") ? "y" : "skip"),
  }));
  // drawn columns without a colour of their own take the palette in order
  columns
    .filter((column) => column.role === "y" && !column.colour)
    .forEach((column, at) => {
      column.colour = String((at % colours.length) + 1);
    });
  const rows = [...(table?.tBodies ?? [])]
    .flatMap((body) => [...body.rows])
    .filter((row) => !row.hasAttribute("data-skip"));
  // a table that was sorted keeps the order of its chart
  rows.forEach((row, at) => {
    row.dataset.at ??= String(at);
  });
  const ordered = rows
    .sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at))
    .map((row) => ({
      name: row.cells[0]?.dataset.name ?? row.cells[0]?.textContent.trim() ?? "",
      cells: [...row.cells],
      id: row.dataset.id,
      parent: row.dataset.parent,
      colour: row.dataset.c,
      total: row.hasAttribute("data-total"),
      href: row.querySelector("a[href]")?.href,
    }));
  const caption = figure.querySelector("figcaption");
  return {
    kind: figure.dataset.chart,
    unit: figure.dataset.unit ?? "",
    columns,
    rows: ordered,
    title: caption?.querySelector("h2, h3")?.textContent.trim() ?? "",
    sentence: caption?.querySelector("p")?.textContent.trim() ?? "",
    flags: new Set((figure.dataset.flags ?? "").split(" ")),
    target: figure.dataset.target,
    targetName: figure.dataset.targetName ?? "target",
    width: figure.clientWidth,
  };
}

export const having = (chart, role) => chart.columns.filter((column) => column.role === role);
export const valuesOf = (chart, column) =>
  chart.rows.map((row) => numberOf(row.cells[column.index]));
