// Whether crawl.mjs finds what is wrong: a right site passes, and each site with one wrong page is told.
import { createServer } from "node:http";
import { crawl } from "./crawl.mjs";
import { Decimal, csvOf } from "./html.mjs";

const html = (body, title = "A page", h1 = "<h1>A page</h1>") =>
  `<!DOCTYPE html><html lang="en"><head><title>${title}</title></head><body>${h1}<main id="main">${body}</main></body></html>`;
const row = (...values) =>
  `<tr><th scope="row">x</th>${values.map((v) => `<td class="n" data-v="${v}">${v}</td>`).join("")}</tr>`;
const table = (sum, rows, more = "", id = "t-a") =>
  `<table class="t" id="${id}" data-sum="${sum}" data-adds="1"><thead><tr><th>Name</th><th>Cost</th></tr></thead>` +
  `<tbody>${rows}</tbody><tfoot>${row(sum)}</tfoot></table>${more}`;
const more = (href) => `<p class="more" id="t-a-more"><a rel="next" href="${href}">more</a></p>`;
const fig = (href, value, kind = "") =>
  `<p><a class="fig" href="${href}" data-v="${value}"${kind && ` data-k="${kind}"`} data-u="USD">${value}</a></p>`;

/** The right site: path and parameters → page. Each kind of figure is on it. */
function rightSite() {
  const pages = {
    "/": html(
      fig("/sum", "0.3") +
        fig("/long", "12345678901234567890.12") +
        fig("/csv", "2100.0") +
        fig("/change", "-2.5", "change") +
        fig("/before", "4", "change") +
        fig("/ratio?measure=bps", "41.6202", "ratio") +
        fig("/sum", "2", "count") +
        fig("/quantile", "2841204117", "quantile") +
        fig("/two#t-b", "7") +
        `<table><tbody><tr><td data-v="7.00"><a class="fig" href="/seven">7</a></td></tr></tbody></table>` +
        `<p><a href="/words">Words</a> <a href="#main">Here</a> <a href="/api/v1/x?format=csv">CSV</a></p>`,
    ),
    "/words": html("<p>Words.</p>"),
    "/sum": html(table("0.3", row("0.1") + row("0.2"))),
    "/seven": html(table("7", row("10") + row("-3"))),
    "/two": html(table("5", row("5")) + table("7", row("7"), "", "t-b")),
    "/long": html(
      table("12345678901234567890.12", row("12345678901234567890"), more("/long?after=1")),
    ),
    "/long?after=1": html(table("12345678901234567890.12", row("0.12"))),
    "/change": html(table("7.5", row("5", "-3") + row("2.5", "0.5"))),
    "/before": html(table("9", row("5", "1") + row("4", "4"))),
    "/ratio?measure=bps": html(
      `<table data-num="4182046.38" data-den="1004812000"><tbody>${row("1")}</tbody></table>`,
    ),
    "/quantile": html(
      `<table><tbody>${row("1")}<tr aria-current="true"><th>x</th><td data-v="2841204117">2,841</td></tr></tbody></table>`,
    ),
    "/api/v1/x?format=csv": "a,b\r\n",
  };
  for (let at = 0; at < 21; at++) {
    const page = table(
      "2100",
      row("99.5") + row("0.5"),
      at < 20 ? more(`/csv?after=${at + 1}`) : "",
    );
    pages[at ? `/csv?after=${at}` : "/csv"] = html(page);
  }
  pages["/csv?format=csv"] = "Name,Cost\r\n" + '"x, ""y""",99.5\r\nz,0.5\r\n'.repeat(21);
  return pages;
}

/** What is wrong, how, and what must be said of it. */
const wrongs = [
  [
    "a sum off by its last digit",
    (s) => edit(s, "/sum", 'data-v="0.2"', 'data-v="0.20000000000000001"'),
    /add up to 0\.30000000000000001/,
  ],
  [
    "a large sum off by its last digit",
    (s) => edit(s, "/long?after=1", 'data-v="0.12">', 'data-v="0.13">'),
    /add up to 12345678901234567890\.13/,
  ],
  [
    "another figure than the target's",
    (s) => edit(s, "/", 'data-v="0.3"', 'data-v="0.31"'),
    /figure "0\.3" \(sum 0\.31\) → \/sum: leads to rows that add up to 0\.3/,
  ],
  [
    "a cell in a table with another figure",
    (s) => edit(s, "/", 'data-v="7.00"', 'data-v="7.01"'),
    /\(sum 7\.01\) → \/seven/,
  ],
  ["a figure without data-v", (s) => edit(s, "/", 'data-v="0.3" ', ""), /has data-v nowhere/],
  [
    "a figure that is no decimal",
    (s) => edit(s, "/", 'data-v="0.3" ', 'data-v="0,3" '),
    /has data-v '0,3'/,
  ],
  ["no table that adds up", (s) => (s["/sum"] = html("<p>0.3</p>")), /has no table with data-sum/],
  [
    "two tables that add up",
    (s) => (s["/sum"] = html(table("0.3", row("0.3")) + table("0.3", row("0.3")))),
    /2 tables with data-sum/,
  ],
  ["no column to add", (s) => edit(s, "/sum", ' data-adds="1"', ""), /without data-adds/],
  [
    "a row without its exact decimal",
    (s) => edit(s, "/sum", '<td class="n" data-v="0.1">', '<td class="n">'),
    /row 1 has no exact decimal/,
  ],
  [
    "a page of a table without its rows",
    (s) => (s["/long?after=1"] = html(table("12345678901234567890.12", ""))),
    /but its 1 rows add up/,
  ],
  [
    "a next page that is not there",
    (s) => delete s["/long?after=1"],
    /its next page \/long\?after=1 answers 404/,
  ],
  [
    "a next page of another sum",
    (s) => edit(s, "/long?after=1", 'data-sum="12345678901234567890.12"', 'data-sum="1"'),
    /has data-sum 1, not/,
  ],
  [
    "a next page that leads back",
    (s) =>
      (s["/long?after=1"] = html(table("12345678901234567890.12", row("0.12"), more("/long")))),
    /leads back/,
  ],
  [
    "a CSV that lacks a row",
    (s) => (s["/csv?format=csv"] = s["/csv?format=csv"].replace("z,0.5\r\n", "")),
    /its 41 rows add up to 2099\.5/,
  ],
  ["a CSV that is not there", (s) => delete s["/csv?format=csv"], /its CSV answers 404/],
  [
    "a wrong change",
    (s) => edit(s, "/", 'data-v="-2.5"', 'data-v="-2.6"'),
    /→ \/change: leads to rows of which no column/,
  ],
  [
    "a wrong difference of two columns",
    (s) => edit(s, "/before", 'data-v="1"', 'data-v="2"'),
    /→ \/before: leads to rows of which no column/,
  ],
  [
    "a wrong ratio",
    (s) => edit(s, "/", 'data-v="41.6202"', 'data-v="41.6203"'),
    /is not 4182046\.38 ÷ 1004812000/,
  ],
  [
    "a ratio without its parts",
    (s) => edit(s, "/ratio?measure=bps", "data-num", "data-some"),
    /leads to 0 pairs/,
  ],
  [
    "a ratio to nothing",
    (s) => edit(s, "/ratio?measure=bps", 'data-den="1004812000"', 'data-den="0"'),
    /is not 4182046\.38 ÷ 0/,
  ],
  [
    "a wrong count",
    (s) => edit(s, "/", 'data-v="2"', 'data-v="3"'),
    /\(count 3\) → \/sum: leads to 2 rows/,
  ],
  [
    "no marked row",
    (s) => edit(s, "/quantile", ' aria-current="true"', ""),
    /leads to 0 marked rows/,
  ],
  [
    "another marked row",
    (s) => edit(s, "/quantile", 'data-v="2841204117"', 'data-v="2841204118"'),
    /not in the marked row, which has 2841204118/,
  ],
  [
    "a kind of figure that is none",
    (s) => edit(s, "/", 'data-k="count"', 'data-k="counted"'),
    /data-k 'counted'/,
  ],
  [
    "a figure that leads elsewhere",
    (s) => edit(s, "/", 'href="/sum"', 'href="http://localhost:1/sum"'),
    /leads elsewhere/,
  ],
  [
    "a figure that leads nowhere",
    (s) => edit(s, "/", 'href="/sum"', 'href="/gone"'),
    /→ \/gone: leads to a page that answers 404/,
  ],
  ["a link that leads nowhere", (s) => delete s["/words"], /^\/words: answers 404/],
  [
    "a mark that is not there",
    (s) => edit(s, "/", 'href="#main"', 'href="#none"'),
    /leads to #none/,
  ],
  [
    "a download that is not there",
    (s) => delete s["/api/v1/x?format=csv"],
    /^\/api\/v1\/x\?format=csv: answers 404/,
  ],
  ["a page without a title", (s) => (s["/words"] = html("", "")), /^\/words: has no title/],
  ["a page without an h1", (s) => (s["/words"] = html("", "A", "")), /^\/words: has 0 h1/],
  [
    "a page with two h1",
    (s) => (s["/words"] = html("", "A", "<h1>A</h1><h1>B</h1>")),
    /^\/words: has 2 h1/,
  ],
  ["a page that is no HTML", (s) => (s["/words"] = "plain"), /^\/words: is text\/csv, not HTML/],
];

function edit(site, path, from, to) {
  if (!site[path].includes(from)) throw new Error(`${path} does not have ${from}`);
  site[path] = site[path].replace(from, to);
}

async function crawled(site, least) {
  const server = createServer((request, answer) => {
    const body = site[request.url];
    const type = body?.startsWith("<!DOCTYPE") ? "text/html; charset=utf-8" : "text/csv";
    answer.writeHead(body === undefined ? 404 : 200, { "content-type": type }).end(body ?? "");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    return await crawl(`http://127.0.0.1:${server.address().port}`, { least });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** 0 where all is told that must be, else 1. */
export async function selfTest() {
  let failures = 0;
  const expect = (holds, words) => {
    if (holds) return;
    failures += 1;
    console.error("FAIL " + words);
  };
  const right = await crawled(rightSite(), 10);
  expect(right.faults.length === 0, `the right site: ${right.faults.join("; ")}`);
  expect(right.followed === 10, `the right site has 10 figures, ${right.followed} were followed`);
  const few = await crawled(rightSite(), 50);
  expect(
    few.faults.join() === "only 10 figures were followed, fewer than 50: this shows nothing",
    `few: ${few.faults}`,
  );
  for (const [name, spoil, told] of wrongs) {
    const site = rightSite();
    spoil(site);
    const { faults } = await crawled(site, 1);
    expect(
      faults.some((words) => told.test(words)),
      `${name} is not told, but: ${faults.join("; ") || "nothing"}`,
    );
  }
  const of = (text) => Decimal.of(text);
  expect(of("-0.05").plus(of("0.1")).toString() === "0.05", "decimals add exactly");
  expect(of("1.50").is(of("1.5")) && !of("1.5").is(of("1.51")), "decimals are equal by value");
  expect(
    of("1e3") === undefined && of("") === undefined && of(".5") === undefined,
    "what is no decimal",
  );
  expect(
    of("-0.33").isQuotient(of("-1"), of("3"), 1n) && !of("0.34").isQuotient(of("1"), of("3"), 1n),
    "quotients",
  );
  expect(
    JSON.stringify(csvOf('a,"b\n""c"""\r\n,')) === '[["a","b\\n\\"c\\""],["",""]]',
    "CSV is read",
  );
  console.log(
    failures
      ? `crawl: ${failures} promises broken`
      : `crawl: a right site passes, and ${wrongs.length} wrong ones are told`,
  );
  return failures ? 1 : 0;
}
