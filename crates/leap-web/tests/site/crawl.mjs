// Follows the links of a running site from its first page, and every figure to the rows that add up to
// it (assets/README.md, "Figures").
//
//   node crawl.mjs http://127.0.0.1:7171 [--figures 3000] [--pages 400] [--list FILE [--looks 30]] [--trouble 50]
//   node crawl.mjs --self-test
//
// Fails on: a page that is not answered with 200 and HTML, has no title or not one h1; a link to nowhere;
// a figure whose rows do not add up to it, to the last digit; fewer than 50 figures followed. It only
// reads. --list writes addresses to look at (look.mjs), one a line: one of every kind of page.
// --trouble says how many faults are told in full. LEAP_COOKIE is sent as the session where the site asks
// for a login.
import { writeFileSync } from "node:fs";
import { Decimal, csvOf, pageOf } from "./html.mjs";

/** Pages of one table that are read; a longer one is read as CSV. */
const TABLE_PAGES = 20;
/** Requests at once: the site makes four pages at once. */
const AT_ONCE = 4;
/** Addresses of one kind (an equal path but for ids, equal names of parameters) that links lead into. */
const OF_A_KIND = 2;
/** What comes behind these in a path is an id. */
const BEFORE_IDS = new Set([
  "team",
  "unit",
  "pools",
  "messages",
  "periods",
  "plans",
  "sources",
  "deliveries",
  "rule",
]);
/** Parameters whose value makes another page of it. */
const SHAPING = new Set(["chart", "rows", "state", "explain", "kind", "measure"]);

/** The kind of page at an address. */
export function kindOf(address) {
  const url = new URL(address, "http://site");
  const path = url.pathname
    .split("/")
    .map((part, at, parts) => (at > 1 && BEFORE_IDS.has(parts[at - 1]) ? "ID" : part))
    .join("/");
  const names = [...url.searchParams]
    .map(([name, value]) => (SHAPING.has(name) ? `${name}=${value}` : name))
    .sort();
  return [path, ...new Set(names)].join(" ");
}

/** Reads pages of one site, each address once. */
class Reader {
  constructor(site) {
    this.site = site;
    this.origin = new URL(site).origin;
    this.kept = new Map();
    this.requests = 0;
  }

  async ask(address) {
    this.requests += 1;
    const headers = process.env.LEAP_COOKIE
      ? { cookie: `leap_session=${process.env.LEAP_COOKIE}` }
      : {};
    for (let again = 0; ; again++) {
      const answer = await fetch(this.origin + address, {
        headers,
        signal: AbortSignal.timeout(60_000),
      });
      if (![429, 503].includes(answer.status) || again === 5) return answer;
      await answer.body?.cancel();
      await new Promise((done) =>
        setTimeout(done, 1000 * Number(answer.headers.get("retry-after") ?? 1)),
      );
    }
  }

  /** A page, with what is wrong with it as such. */
  page(address) {
    if (!this.kept.has(address)) this.kept.set(address, this.read(address));
    return this.kept.get(address);
  }

  async read(address) {
    const faults = [];
    let answer;
    try {
      answer = await this.ask(address);
      const type = answer.headers.get("content-type") ?? "no type";
      if (answer.status !== 200) faults.push(`answers ${answer.status}`);
      else if (!type.startsWith("text/html")) faults.push(`is ${type}, not HTML`);
      else if (!process.env.LEAP_COOKIE && new URL(answer.url).pathname === "/login")
        faults.push("asks for a login");
      if (faults.length) {
        await answer.body?.cancel();
        return { address, faults };
      }
      const page = pageOf(await answer.text());
      if (!page.title) faults.push("has no title");
      if (page.headings.length !== 1) faults.push(`has ${page.headings.length} h1`);
      else if (!page.headings[0]) faults.push("has an empty h1");
      return { address, faults, ...page };
    } catch (error) {
      return { address, faults: [`is not answered: ${error.cause?.code ?? error.message}`] };
    }
  }

  /** A file or download: only whether it is there. */
  async isThere(address) {
    try {
      const answer = await this.ask(address);
      await answer.body?.cancel();
      return answer.status === 200 ? undefined : `answers ${answer.status}`;
    } catch (error) {
      return `is not answered: ${error.cause?.code ?? error.message}`;
    }
  }
}

/** The table that a figure leads to; a text says why there is none. */
function tableFor(page, fragment, kind) {
  if (fragment && page.tables.some((table) => table.id === fragment))
    return page.tables.find((table) => table.id === fragment);
  const adding = page.tables.filter((table) => table.sum !== undefined);
  if (adding.length === 1) return adding[0];
  if (adding.length > 1)
    return `has ${adding.length} tables with data-sum, so that none is the one`;
  if (kind === "count" && page.tables.length === 1) return page.tables[0];
  return "has no table with data-sum";
}

/** All rows of a table over its pages: cells as texts of exact decimals (undefined: none). */
async function rowsOf(reader, page, table) {
  const valuesOf = (rows) =>
    rows.map((row) =>
      row.cells.map((cell) => cell.value ?? (/\d/.test(cell.text) ? null : undefined)),
    );
  const rows = valuesOf(table.rows);
  const seen = new Set([page.address]);
  let at = page;
  let part = table;
  for (let number = 1; part.next !== undefined; number++) {
    if (number === TABLE_PAGES) return csvRowsOf(reader, page.address);
    const next = inSite(reader, part.next, at.address);
    if (!next || seen.has(next.address))
      return `its next page ${part.next} leads back or elsewhere`;
    seen.add(next.address);
    at = await reader.page(next.address);
    if (at.faults.length) return `its next page ${next.address} ${at.faults.join(", ")}`;
    part = at.tables.find((other) => (table.id ? other.id === table.id : other.sum !== undefined));
    if (!part) return `its next page ${next.address} does not have the table`;
    if (part.sum !== table.sum)
      return `its next page ${next.address} has data-sum ${part.sum}, not ${table.sum}`;
    rows.push(...valuesOf(part.rows));
  }
  return rows;
}

async function csvRowsOf(reader, address) {
  const url = new URL(address, reader.origin);
  url.searchParams.set("format", "csv");
  const answer = await reader.ask(url.pathname + url.search);
  if (answer.status !== 200) return `its CSV answers ${answer.status}`;
  const [, ...records] = csvOf(await answer.text());
  return records.map((record) => record.map((field) => (field === "" ? undefined : field)));
}

/** The sum of a column; a text says why there is none. */
function sumOf(rows, column) {
  let sum = Decimal.zero;
  for (const [at, row] of rows.entries()) {
    if (row[column] === undefined) continue;
    const value = Decimal.of(row[column]);
    if (!value) return `row ${at + 1} has no exact decimal in column ${column}`;
    sum = sum.plus(value);
  }
  return sum;
}

/** Why a figure is not what its target says, or undefined. */
export async function mismatch(reader, figure, page, fragment, sums) {
  const value = Decimal.of(figure.value);
  if (!value) return `has data-v ${figure.value === undefined ? "nowhere" : `'${figure.value}'`}`;
  if (figure.kind === "ratio") {
    if (page.ratios.length !== 1)
      return `leads to ${page.ratios.length} pairs of data-num and data-den`;
    const [num, den] = [Decimal.of(page.ratios[0].num), Decimal.of(page.ratios[0].den)];
    if (!num || !den) return "leads to a data-num or data-den that is no decimal";
    const bps = figure.unit === "bps" || /[?&]measure=bps(&|$)/.test(page.address);
    const factors = bps ? [1n, 10_000n] : figure.unit === "%" ? [1n, 100n] : [1n];
    if (factors.some((factor) => value.isQuotient(num, den, factor))) return undefined;
    return `is not ${num} ÷ ${den}`;
  }
  if (figure.kind === "quantile") {
    const marked = page.tables.flatMap((table) => table.rows).filter((row) => row.marked);
    if (marked.length !== 1) return `leads to ${marked.length} marked rows`;
    const values = marked[0].cells.map((cell) => Decimal.of(cell.value)).filter(Boolean);
    if (values.some((other) => other.is(value))) return undefined;
    return `is not in the marked row, which has ${values.join(", ") || "no figures"}`;
  }
  if (!["sum", "change", "count"].includes(figure.kind))
    return `has data-k '${figure.kind}', which is none`;
  const table = tableFor(page, fragment, figure.kind);
  if (typeof table === "string") return `leads to a page that ${table}`;
  const key = `${page.address}#${page.tables.indexOf(table)}`;
  if (!sums.has(key)) sums.set(key, added(reader, page, table));
  const { rows, sum, problem } = await sums.get(key);
  if (figure.kind === "count") {
    if (!rows) return problem;
    return value.is(new Decimal(BigInt(rows.length), 0))
      ? undefined
      : `leads to ${rows.length} rows`;
  }
  if (problem) return problem;
  if (figure.kind === "sum")
    return value.is(sum) ? undefined : `leads to rows that add up to ${sum}`;
  // a change: its own column, or that of before, which the column of now less it makes
  const columns = Math.max(0, ...rows.map((row) => row.length));
  for (let column = 0; column < columns; column++) {
    if (!rows.some((row) => Decimal.of(row[column]))) continue;
    const other = sumOf(rows, column);
    if (typeof other === "string") continue;
    if (other.is(value) || (column !== Number(table.adds) && sum.minus(other).is(value)))
      return undefined;
  }
  return `leads to rows of which no column adds up to it, nor to ${sum} less it`;
}

/** A table with data-sum, added up; its rows too where it only is counted. */
async function added(reader, page, table) {
  const rows = await rowsOf(reader, page, table);
  if (typeof rows === "string") return { problem: `leads to ${page.address}, where ${rows}` };
  const said = Decimal.of(table.sum);
  if (!said) return { rows, problem: `leads to data-sum '${table.sum}', which is no decimal` };
  if (!/^\d+$/.test(table.adds ?? ""))
    return { rows, problem: "leads to a data-sum without data-adds" };
  const sum = sumOf(rows, Number(table.adds));
  if (typeof sum === "string") return { rows, problem: `leads to a table whose ${sum}` };
  if (!sum.is(said))
    return {
      rows,
      problem: `leads to data-sum ${said}, but its ${rows.length} rows add up to ${sum}`,
    };
  return { rows, sum };
}

/** An address of this site, without its fragment. */
function inSite(reader, href, from) {
  const url = URL.canParse(href, reader.origin + from)
    ? new URL(href, reader.origin + from)
    : undefined;
  if (!url || url.origin !== reader.origin) return undefined;
  return {
    address: url.pathname + url.search,
    fragment: decodeURIComponent(url.hash.slice(1)),
    path: url.pathname,
  };
}

/** Does `work` on each of `items`, few at once; the answers in their order. */
async function together(items, work) {
  const answers = Array.from(items, () => undefined);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      answers[at] = await work(items[at]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return answers;
}

/** Crawls a site; says what was found. */
export async function crawl(
  site,
  { figures: mostFigures = 3000, pages: mostPages = 400, least = 50 } = {},
) {
  const reader = new Reader(site);
  const faults = [];
  const visited = new Set(["/"]);
  const paths = new Set(["/"]);
  const kinds = new Map([[kindOf("/"), 1]]);
  const known = new Set();
  const files = new Set();
  const fileKinds = new Set();
  // figures wait by kind of page, of target and of figure, and each kind gets its turn, so that a bound cuts
  // long tables and not whole kinds
  const waiting = new Map();
  const sums = new Map();
  const list = new Map();
  let wave = ["/"];
  let followed = 0;
  let mismatches = 0;
  let cut = 0;
  const targetsSeen = new Set();

  /** Takes in one page: its own faults, links, files and figures; the addresses to visit next. */
  const take = (page) => {
    for (const words of page.faults) faults.push(`${page.address}: ${words}`);
    if (!page.links) return [];
    if (!list.has(kindOf(page.address))) list.set(kindOf(page.address), page.address);
    const next = [];
    for (const file of page.files) {
      const found = inSite(reader, file, page.address);
      if (found) files.add(found.address);
    }
    for (const link of page.links) {
      const found = inSite(reader, link.href, page.address);
      if (!found) {
        if (link.figure)
          faults.push(`${page.address}: figure "${link.text}" leads elsewhere: ${link.href}`);
        continue;
      }
      const { address, fragment, path } = found;
      if (fragment && address === page.address && !page.ids.has(fragment))
        faults.push(`${page.address}: "${link.text}" leads to #${fragment}, which is not there`);
      if (link.figure) {
        const key = `${kindOf(page.address)} > ${kindOf(address)} ${link.kind}`;
        const same = `${address}#${fragment} ${link.value} ${link.kind} ${link.unit}`;
        if (known.has(same)) continue;
        known.add(same);
        if (!waiting.has(key)) waiting.set(key, []);
        waiting.get(key).push({ ...link, from: page.address, address, fragment });
        continue;
      }
      if (path.startsWith("/api/") || path.startsWith("/assets/") || /[?&]format=/.test(address)) {
        if (!fileKinds.has(kindOf(address))) files.add(address);
        fileKinds.add(kindOf(address));
        continue;
      }
      const kind = kindOf(address);
      const isNew = !paths.has(path) || (kinds.get(kind) ?? 0) < OF_A_KIND;
      if (visited.has(address) || !isNew) continue;
      if (visited.size >= mostPages) {
        cut += 1;
        continue;
      }
      visited.add(address);
      paths.add(path);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      next.push(address);
    }
    return next;
  };

  const taken = new Set();
  const takeOnce = (page) => {
    if (taken.has(page.address)) return [];
    taken.add(page.address);
    return take(page);
  };
  for (;;) {
    // all pages that links lead to, then one round of figures, whose targets have links again
    while (wave.length) {
      const pages = await together(wave, (address) => reader.page(address));
      wave = pages.flatMap(takeOnce);
    }
    const round = [...waiting.values()]
      .map((queue) => queue.shift())
      .slice(0, mostFigures - followed);
    for (const [key, queue] of waiting) if (!queue.length) waiting.delete(key);
    if (!round.length) break;
    const answers = await together(round, async (figure) => {
      const page = await reader.page(figure.address);
      if (!page.links) return { page, problem: `leads to a page that ${page.faults.join(", ")}` };
      return { page, problem: await mismatch(reader, figure, page, figure.fragment, sums) };
    });
    for (const [at, { page, problem }] of answers.entries()) {
      followed += 1;
      targetsSeen.add(page.address);
      if (problem) {
        mismatches += 1;
        const { from, text, value, address, kind } = round[at];
        faults.push(`${from}: figure "${text}" (${kind} ${value}) → ${address}: ${problem}`);
      }
      wave.push(...takeOnce(page));
    }
  }
  const left = [...waiting.values()].reduce((sum, queue) => sum + queue.length, 0);
  for (const [at, problem] of (
    await together([...files], (file) => reader.isThere(file))
  ).entries())
    if (problem) faults.push(`${[...files][at]}: ${problem}`);
  if (followed < least)
    faults.push(`only ${followed} figures were followed, fewer than ${least}: this shows nothing`);
  return {
    faults,
    followed,
    mismatches,
    left,
    cut,
    pages: taken.size,
    targets: targetsSeen.size,
    files: files.size,
    requests: reader.requests,
    list: [...list.entries()],
  };
}

/** At most `most` addresses to look at, of different kinds: first those of different paths, the plainest first. */
export function toLookAt(list, most) {
  const byPath = new Map();
  const plain = (a, b) => a[0].split(" ").length - b[0].split(" ").length || (a[0] < b[0] ? -1 : 1);
  for (const [kind, address] of [...list].sort(plain)) {
    const path = kind.split(" ")[0];
    byPath.set(path, [...(byPath.get(path) ?? []), address]);
  }
  const chosen = [];
  for (
    let at = 0;
    chosen.length < most && [...byPath.values()].some((group) => group.length > at);
    at++
  )
    for (const group of byPath.values())
      if (group[at] !== undefined && chosen.length < most) chosen.push(group[at]);
  return chosen;
}

async function main(words) {
  if (words[0] === "--self-test") return (await import("./crawl-self-test.mjs")).selfTest();
  const [site, ...rest] = words;
  const options = { figures: 3000, pages: 400, trouble: 50, looks: 30 };
  for (let at = 0; at < rest.length; at += 2) {
    const name = rest[at].replace(/^--/, "");
    const value = name === "list" ? rest[at + 1] : Number(rest[at + 1]);
    if (!(name in options || name === "list") || (name !== "list" && !(value > 0))) return usage();
    options[name] = value;
  }
  if (!site || !URL.canParse(site)) return usage();
  const began = Date.now();
  const found = await crawl(site, options);
  for (const words of found.faults.slice(0, options.trouble)) console.error(words);
  const more = found.faults.length - options.trouble;
  if (more > 0) console.error(`… and ${more} more`);
  if (options.list)
    writeFileSync(options.list, toLookAt(found.list, options.looks).join("\n") + "\n");
  console.error(
    `${found.requests} requests in ${Math.round((Date.now() - began) / 1000)} s; ` +
      `not followed: ${found.left} figures, ${found.cut} pages beyond the bounds`,
  );
  console.log(
    `pages ${found.pages}, files ${found.files}; figures followed and re-added ${found.followed} ` +
      `(${found.targets} targets), mismatches ${found.mismatches}; faults ${found.faults.length}`,
  );
  return found.faults.length ? 1 : 0;
}

function usage() {
  console.error(
    "usage: node crawl.mjs SITE [--figures N] [--pages N] [--list FILE] [--looks N] [--trouble N] | --self-test",
  );
  return 2;
}

if (import.meta.filename === process.argv[1])
  main(process.argv.slice(2)).then((code) => process.exit(code));
