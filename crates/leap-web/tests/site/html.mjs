// A small reader of pages, CSV and decimals, for crawl.mjs. Decimals are exact: nothing here computes
// with floats.
import { parse } from "parse5";

const attributeOf = (node, name) => node.attrs?.find((a) => a.name === name)?.value;
const textOf = (node) =>
  node.nodeName === "#text" ? node.value : (node.childNodes ?? []).map(textOf).join("");
const wordsOf = (node) => textOf(node).replace(/\s+/g, " ").trim();

function* below(node) {
  for (const child of node.childNodes ?? []) {
    yield child;
    yield* below(child);
  }
}

const all = (node, tag, holds = () => true) =>
  [...below(node)].filter((child) => child.tagName === tag && holds(child));
const hasClass = (node, name) => (attributeOf(node, "class") ?? "").split(/\s+/).includes(name);

function closest(node, tags) {
  let at = node;
  while (at && !tags.includes(at.tagName)) at = at.parentNode;
  return at;
}

/** Cells of a row by column: a cell that spans more stands in its first. */
function cellsOf(row) {
  const cells = [];
  for (const cell of row.childNodes.filter((c) => c.tagName === "td" || c.tagName === "th")) {
    cells.push({
      value: attributeOf(cell, "data-v"),
      text: wordsOf(cell),
    });
    const span = Number(attributeOf(cell, "colspan") ?? 1);
    for (let more = 1; more < span; more++) cells.push({ value: undefined, text: "" });
  }
  return cells;
}

function tableOf(table, page) {
  const id = attributeOf(table, "id");
  const bodies = table.childNodes.filter((child) => child.tagName === "tbody");
  const rows = bodies
    .flatMap((body) => body.childNodes.filter((child) => child.tagName === "tr"))
    .map((row) => ({
      cells: cellsOf(row),
      marked: attributeOf(row, "aria-current") !== undefined,
    }));
  const more = page.links.filter((link) => link.next);
  const own = more.filter((link) => link.moreOf === `${id}-more`);
  return {
    id,
    sum: attributeOf(table, "data-sum"),
    adds: attributeOf(table, "data-adds"),
    rows,
    next: own[0]?.href ?? (more.length === 1 && !more[0].moreOf ? more[0].href : undefined),
  };
}

/** What crawl.mjs asks of a page. */
export function pageOf(html) {
  const root = parse(html);
  const page = {
    title: all(root, "title").map(wordsOf)[0] ?? "",
    headings: all(root, "h1").map(wordsOf),
    ids: new Set([...below(root)].map((node) => attributeOf(node, "id")).filter(Boolean)),
    links: all(root, "a", (a) => attributeOf(a, "href") !== undefined).map((a) => {
      const cell = closest(a, ["td", "th"]);
      const more = closest(a, ["p", "div"]);
      return {
        href: attributeOf(a, "href"),
        text: wordsOf(a),
        figure: hasClass(a, "fig"),
        value: attributeOf(a, "data-v") ?? (cell ? attributeOf(cell, "data-v") : undefined),
        unit: attributeOf(a, "data-u"),
        kind: attributeOf(a, "data-k") ?? "sum",
        next: attributeOf(a, "rel") === "next",
        moreOf: more && hasClass(more, "more") ? attributeOf(more, "id") : undefined,
      };
    }),
    files: [
      ...all(root, "link").map((node) => attributeOf(node, "href")),
      ...all(root, "script").map((node) => attributeOf(node, "src")),
      ...all(root, "img").map((node) => attributeOf(node, "src")),
    ].filter(Boolean),
    ratios: [...below(root)]
      .filter((node) => attributeOf(node, "data-num") !== undefined)
      .map((node) => ({
        num: attributeOf(node, "data-num"),
        den: attributeOf(node, "data-den"),
      })),
  };
  page.tables = all(root, "table").map((table) => tableOf(table, page));
  return page;
}

/** Records of a CSV (RFC 4180), its head first. */
export function csvOf(text) {
  const records = [];
  let record = [];
  let field = "";
  let quoted = false;
  const end = () => {
    record.push(field);
    field = "";
  };
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[at + 1] === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") end();
    else if (c === "\n") {
      end();
      records.push(record);
      record = [];
    } else if (c !== "\r") field += c;
  }
  if (field || record.length) {
    end();
    records.push(record);
  }
  return records;
}

/** An exact decimal: `units` of 10^-`scale`. */
export class Decimal {
  constructor(units, scale) {
    this.units = units;
    this.scale = scale;
  }

  static zero = new Decimal(0n, 0);

  /** Of a text such as `-12.50`; undefined where it is no decimal. */
  static of(text) {
    const found = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text ?? "");
    if (!found) return undefined;
    const part = found[3] ?? "";
    const units = BigInt(found[2] + part);
    return new Decimal(found[1] ? -units : units, part.length);
  }

  at(scale) {
    return this.units * 10n ** BigInt(scale - this.scale);
  }

  plus(other) {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.at(scale) + other.at(scale), scale);
  }

  minus(other) {
    return this.plus(new Decimal(-other.units, other.scale));
  }

  is(other) {
    return this.minus(other).units === 0n;
  }

  /** Whether this is `num` ÷ `den` × `factor`, rounded to the digits of this. */
  isQuotient(num, den, factor) {
    if (den.units === 0n) return false;
    // |this − num × factor ÷ den| ≤ half a unit of the last digit, all times 2 × den × 10^scale
    const scale = Math.max(num.scale, den.scale);
    const above = num.at(scale) * factor * 10n ** BigInt(this.scale);
    const below = den.at(scale);
    const far = 2n * (this.units * below - above);
    const size = (n) => (n < 0n ? -n : n);
    return size(far) <= size(below);
  }

  toString() {
    const digits = (this.units < 0n ? -this.units : this.units)
      .toString()
      .padStart(this.scale + 1, "0");
    const whole = digits.slice(0, digits.length - this.scale);
    const part = digits.slice(digits.length - this.scale);
    return (this.units < 0n ? "-" : "") + whole + (part ? "." + part : "");
  }
}
