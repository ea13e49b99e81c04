// Names that are markup, scripts, formulas, queries and worse: as teams, resources, services, accounts, tags, rules, reasons
// and parameters. Nothing runs, nothing is asked elsewhere, no attribute is broken out of, text reads as it was typed,
// and no cell of a CSV is a formula.
//
//   node hostile.mjs LEAP FOLDER
//
// LEAP is the program; FOLDER takes the bill and the org that are made of the corpus, their home, and the log. Every
// page, its JSON and CSV, every parameter and every form is asked with every text and read with a parser; then one of
// each kind is opened in Chromium, charts are hovered and the palette is used. First of all it is tried whether wrong
// pages are told.
import { parse } from "parse5";
import { ask, fresh, folder, form, Leap, logIn, PASSWORD, together, watch } from "./common.mjs";
import { ALL, CORPUS, TEAMS, company } from "./corpus.mjs";
import { csvOf } from "./html.mjs";
import { below, faultsOf, read, textsOf, valueOf, wrongAnswers, wrongPages } from "./strict.mjs";

const to = encodeURIComponent;
/** Parameters that are tried with every text, with the page that reads them. */
const PARAMETERS = [
  [
    "/",
    [
      "period",
      "measure",
      "under",
      "cost",
      "basis",
      "org",
      "as_known_on",
      "pools",
      "format",
      "table",
    ],
  ],
  [
    "/explore",
    [
      "by",
      "where",
      "compare",
      "chart",
      "rows",
      "top",
      "after",
      "add",
      "team",
      "tag.note",
      "pool",
      "rule",
    ],
  ],
  ["/latency", ["api", "quantile", "by"]],
  ["/volume", ["metric"]],
  ["/data", ["tab"]],
  ["/data/audit", ["after", "who", "what"]],
  ["/search", ["q", "kind", "limit"]],
  ["/login", ["to", "name"]],
];
/** Bytes that are no text, or none that a text should have. */
const RAW = [
  ...[
    "%00",
    "a%00b",
    "%ff",
    "%ed%a0%80",
    "%e2%80",
    "%",
    "%zz",
    "%u0041",
    "%c0%ae%c0%ae",
    "+",
  ].flatMap((bytes) => [
    `/${bytes}`,
    `/team/${bytes}`,
    `/resource?id=${bytes}`,
    `/search?q=${bytes}`,
    `/explore?where=${bytes}`,
    `/explore?${bytes}=1`,
    `/login?to=${bytes}`,
    `/assets/${bytes}/x.js`,
  ]),
  "/..%2f..%2fetc%2fpasswd",
  "/assets/..%2f..%2f..%2fetc/passwd",
  "/assets/0/..%2fleap.css",
  "//evil.example/x",
  `/?${"a=1&".repeat(100)}`,
  `/search?q=${"z".repeat(7000)}`,
];
const PAGES = [
  "/",
  "/explore?by=team,day",
  "/explore?by=service,resource&top=1000",
  "/explore?by=region,account&chart=heatmap",
  "/explore?by=Tags['note'],team&chart=bars",
  "/explore?by=rule,ChargeDescription",
  "/explore?by=service,team,resource&chart=treemap",
  "/explore?by=team,rule,account&chart=flow",
  "/explore?by=ResourceName,SubAccountName&compare=previous",
  "/explore?rows=charges",
  "/coverage",
  "/coverage/residual",
  "/coverage/rules?suggest=1",
  "/coverage/rules?versions=1",
  "/claims",
  "/claims/1",
  "/latency",
  "/pools",
  "/budgets",
  "/contracts",
  "/alerts",
  "/forecast",
  "/waivers",
  "/incidents",
  "/incidents?all=yes",
  "/plans",
  "/messages",
  "/org",
  "/periods",
  "/volume",
  "/engineers",
  "/data",
  "/data?tab=deliveries",
  "/data?tab=quarantine",
  "/data?tab=proofs",
  "/data?tab=snapshots",
  "/data/audit",
  "/search?q=alert",
  "/start",
  "/licences",
  "/login",
];

async function main(program, output) {
  const began = Date.now();
  folder(output);
  const faults = [];
  const [context, end] = await fresh({ viewport: { width: 1280, height: 900 } });
  const told = [...wrongAnswers(), ...(await wrongPages(context))];
  for (const [name, found] of told) if (!found) faults.push(`self-test: ${name} is not told`);

  company(output);
  const leap = new Leap(program, `${output}/home`);
  leap.run(["org", "apply", `${output}/org.yaml`]);
  leap.run(["rules", "apply", `${output}/rules.yaml`]);
  leap.run(["ingest", `${output}/bill-2026-07.csv`, `${output}/bill-2026-08.csv`]);
  leap.addPerson("eve", ["administrator", "steward"], CORPUS[1]);
  const server = await leap.serve(`${output}/serve.log`);
  const { site } = server;
  let asked = 0;
  let opened = 0;
  try {
    const secret = await logIn(site, "eve");
    const cookie = `leap_session=${secret}`;
    /** Asks, and notes what is wrong whatever comes. */
    const get = async (address, words) => {
      asked += 1;
      const answer = await ask(site, "GET", address, { headers: { cookie } });
      faults.push(...faultsOf(answer).map((fault) => `GET ${address.slice(0, 160)}: ${fault}`));
      if (words && answer.status !== 200)
        faults.push(`GET ${address.slice(0, 160)}: ${words} answers ${answer.status}`);
      return answer;
    };
    const send = async (address, fields, more = {}) => {
      asked += 1;
      const { headers, body } = form(site, fields);
      const answer = await ask(site, "POST", address, {
        headers: { ...headers, cookie, ...more },
        body,
      });
      faults.push(...faultsOf(answer).map((fault) => `POST ${address}: ${fault}`));
      return answer;
    };
    /** A text stands in a page as it was typed. */
    const says = (answer, text, where) => {
      if (!textsOf(parse(answer.text)).some((one) => one.includes(read(text))))
        faults.push(
          `${where.slice(0, 160)}: does not say ${JSON.stringify(text.slice(0, 60))} as it was typed`,
        );
    };
    const heading = (answer) => {
      const h1 = [...below(parse(answer.text))].find((node) => node.tagName === "h1");
      return [...below(h1 ?? {})]
        .filter((node) => node.nodeName === "#text")
        .map((node) => node.value)
        .join("");
    };

    await readsAsTyped({ get, faults });
    await together(ALL, async (text) => {
      const one = to(text);
      const titled = async (address) => {
        const answer = await get(address, "its page");
        if (answer.status === 200 && heading(answer) !== read(text))
          faults.push(
            `GET ${address.slice(0, 160)}: the heading is ${JSON.stringify(heading(answer).slice(0, 60))}`,
          );
      };
      if (TEAMS.includes(text)) await titled(`/team/${one}`);
      await titled(`/resource?id=${one}`);
      const found = JSON.parse((await get(`/api/v1/search?q=${one}&limit=50`)).text);
      if (text.trim().length > 2 && !found.items?.some((item) => item.title === text))
        faults.push(`search does not find ${JSON.stringify(text.slice(0, 60))}`);
      says(await get(`/search?q=${one}`, "searching"), text, `/search?q=${one}`);
      for (const name of ["resource", "service", "region", "account", "tag.note"])
        for (const rows of ["", "&rows=charges", "&format=csv", "&format=json"])
          await get(`/explore?${to(name)}=${one}${rows}`, "what is chosen by it");
      for (const [path, names] of PARAMETERS)
        for (const name of names) await get(`${path}?${to(name)}=${one}`);
      for (const address of [
        `/${one}`,
        `/claims/${one}`,
        `/team/${one}x`,
        `/team/x/${one}`,
        `/?${one}=1`,
        `/explore?tag.${one}=1`,
        `/explore?by=${to(`Tags['${text}']`)}`,
        `/api/v1/${one}`,
        `/assets/${one}/x.css`,
      ])
        await get(address);
      await get(`/resource?id=${one}&period=2025-01`);
      // Every field of the form of claims.
      const claim = {
        kind: "claim",
        resource: text,
        team: "plain",
        reason: text,
        evidence: text,
        effective: "2026-07-01",
      };
      const preview = await send("/claims/new", claim);
      if (preview.status === 200) {
        const hidden = [...below(parse(preview.text))].filter(
          (node) => node.tagName === "input" && valueOf(node, "type") === "hidden",
        );
        for (const name of ["resource", "reason", "evidence"]) {
          const value = hidden
            .find((node) => valueOf(node, "name") === name)
            ?.attrs.find(({ name }) => name === "value").value;
          if (
            value === undefined ||
            (read(value) !== read(text) && read(value) !== read(text).trim())
          )
            faults.push(
              `the preview of a claim keeps ${name} as ${JSON.stringify(value?.slice(0, 60))}`,
            );
        }
      } else if (text.trim())
        faults.push(
          `POST /claims/new of ${JSON.stringify(text.slice(0, 60))}: answers ${preview.status}: ${heading(preview)}`,
        );
      for (const name of Object.keys(claim))
        await send("/claims/new", { ...claim, resource: "nowhere", [name]: text });
      await send("/claims/new", { ...claim, where: text, resource: "" });
      await send(
        "/preferences",
        { theme: text, patterns: text },
        { referer: `${site}/${text.replace(/[^\x20-\x7e]/g, "")}` },
      );
    });
    for (const address of RAW) await get(address);
    for (const text of ["a\u0000b", "\ud800"])
      for (const name of ["kind", "resource", "team", "reason", "evidence", "effective", "where"])
        await send("/claims/new", {
          kind: "claim",
          resource: TEAMS[0],
          team: "plain",
          reason: "x",
          [name]: text,
        });
    for (const text of [
      "//evil.example/x",
      "https://evil.example/",
      "/\\evil.example",
      "javascript:alert(1)",
      "/org\r\nx-injected: 1",
    ]) {
      const answer = await send("/login", {
        name: "eve",
        password: PASSWORD,
        to: text,
      });
      if (answer.status !== 303) faults.push(`POST /login to ${text}: answers ${answer.status}`);
    }
    // A claim whose every word is hostile, made and read again.
    const words = {
      kind: "claim",
      resource: CORPUS[0],
      team: TEAMS[1],
      reason: CORPUS[4],
      evidence: CORPUS[7],
      effective: "2026-08-01",
    };
    const expect =
      /name="expect" value="([^"]+)"/.exec((await send("/claims/new", words)).text)?.[1] ?? "";
    const made = await send("/claims/new", { ...words, expect });
    if (made.status !== 303) faults.push(`POST /claims/new: the claim is not made: ${made.status}`);
    const claim = await get("/claims/1", "the claim");
    for (const text of [CORPUS[0], CORPUS[4], CORPUS[7], TEAMS[1]]) says(claim, text, "/claims/1");
    for (const page of PAGES) {
      await get(page, "the page");
      if (!["/licences", "/login"].includes(page))
        for (const format of ["csv", "json"])
          await get(`${page}${page.includes("?") ? "&" : "?"}format=${format}`, format);
    }
    await get("/metrics", "figures");
    opened = await look(context, site, secret, faults);
  } finally {
    await end().catch((error) => console.error(error.message));
    await server.stop();
  }
  for (const words of faults.slice(0, 60)) console.error(words);
  if (faults.length > 60) console.error(`… and ${faults.length - 60} more`);
  console.error(`${Math.round((Date.now() - began) / 1000)} s`);
  console.log(
    `hostile texts ${ALL.length}: ${asked} answers read, ${opened} pages opened in Chromium, nothing ran; wrong ones told ` +
      `${told.filter(([, found]) => found).length} of ${told.length}; faults ${faults.length}`,
  );
  return faults.length ? 1 : 0;
}

/** What JSON and CSV say is what was typed; only formulas have an apostrophe in front. */
async function readsAsTyped({ get, faults }) {
  for (const [by, column, texts] of [
    ["team", "Team", TEAMS],
    ["resource", "Resource", ALL],
    ["service", "Service", ALL],
    ["account", "Account", ALL],
    ["Tags['note']", "Tags['note']", ALL],
  ]) {
    const address = `/explore?by=${by}&top=1000`;
    const json = JSON.parse((await get(`${address}&format=json`, "JSON")).text);
    const rows = json.tables.find((table) => table.id === "by").rows;
    const names = new Set(rows.map((row) => row[column]));
    const [head, ...records] = csvOf((await get(`${address}&format=csv`, "CSV")).text);
    const cells = new Set(records.map((record) => record[head.indexOf(column)]));
    for (const text of texts) {
      if (!names.has(text))
        faults.push(`${address}: JSON does not say ${JSON.stringify(text.slice(0, 60))}`);
      const guarded = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
      // The reader of CSV here drops carriage returns outside of quotes only.
      if (!cells.has(guarded))
        faults.push(`${address}: CSV does not say ${JSON.stringify(guarded.slice(0, 60))}`);
    }
  }
}

/** Opens pages in Chromium: charts are hovered, the palette is used. */
async function look(context, site, secret, faults) {
  await context.addCookies([{ name: "leap_session", value: secret, url: site }]);
  const addresses = [
    ...PAGES,
    ...TEAMS.slice(0, 4).flatMap((text) => [
      `/team/${to(text)}`,
      `/resource?id=${to(text)}`,
      `/search?q=${to(text)}`,
    ]),
    ...CORPUS.slice(0, 3).flatMap((text) => [
      `/explore?where=${to(text)}`,
      `/${to(text)}`,
      `/?${to(text)}=1`,
      `/login?to=${to(text)}&name=${to(text)}`,
    ]),
  ];
  const page = await context.newPage();
  let here = "";
  await watch(page, site, (words) =>
    faults.push(`${here.slice(0, 120)} in Chromium: ${words.slice(0, 300)}`),
  );
  for (const address of addresses) {
    here = address;
    await page.goto(site + address, { waitUntil: "load" });
    for (const plot of await page.$$("figure.chart .plot")) {
      await plot.scrollIntoViewIfNeeded();
      const drawn = await plot
        .waitForSelector("svg", { state: "attached", timeout: 5000 })
        .catch(() => null);
      if (!drawn) {
        faults.push(`${address}: a chart is not drawn`);
        continue;
      }
      const box = await plot.boundingBox();
      for (const [x, y] of [
        [0.2, 0.3],
        [0.5, 0.6],
        [0.7, 0.8],
      ])
        await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
    }
    const strange = await page.evaluate(() => {
      const all = [
        ...document.querySelectorAll(
          "script:not([src^='/assets/']), iframe, object, embed, base, img, link:not([href^='/assets/']), [style*='url(']",
        ),
      ];
      const on = [...document.querySelectorAll("*")].filter((one) =>
        one.getAttributeNames().some((name) => name.startsWith("on")),
      );
      return [...all, ...on].map((one) => one.outerHTML.slice(0, 80));
    });
    for (const html of strange) faults.push(`${address} in Chromium: has ${html}`);
  }
  here = "the palette";
  await page.goto(site + "/org", { waitUntil: "load" });
  for (const text of CORPUS.slice(0, 12)) {
    await page.keyboard.press("Control+k");
    const answered = page.waitForResponse((answer) => answer.url().includes("/api/v1/search?"), {
      timeout: 10_000,
    });
    await page.locator(".palette input").fill(text);
    await answered;
    const shown = page
      .locator("#palette-list [role=option] span:nth-child(2)")
      .filter({ hasText: text.trim() });
    await shown
      .first()
      .waitFor({ timeout: 5000 })
      .catch(() => faults.push(`the palette does not show ${JSON.stringify(text)}`));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Escape");
  }
  await context.close();
  return addresses.length + 1;
}

const [program, output] = process.argv.slice(2);
if (!output) {
  console.error("usage: node hostile.mjs LEAP FOLDER");
  process.exit(2);
}
process.exit(await main(program, output));
