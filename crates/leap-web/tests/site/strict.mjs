// What no answer of leap may have, whatever it is made of; and whether wrong answers are told: for hostile.mjs.
import { createServer } from "node:http";
import { parse } from "parse5";
import { watch } from "./common.mjs";
import { CORPUS } from "./corpus.mjs";
import { csvOf } from "./html.mjs";

const TAGS = new Set(
  (
    "html head meta title link script body a header main nav footer section div form label select option button details summary ul ol " +
    "li dl dt dd p span b strong small code pre h1 h2 h3 svg path figure figcaption table caption thead tbody tfoot tr th td input " +
    "textarea kbd time"
  ).split(" "),
);
const ATTRIBUTES = new Set(
  (
    "lang class id href rel type src defer charset name content value for method action role scope required placeholder pattern title " +
    "spellcheck autocomplete autocapitalize autofocus size rows colspan selected checked open download tabindex viewBox d fill hidden " +
    "disabled datetime multiple"
  ).split(" "),
);
/** The whole policy: nothing inline, nothing elsewhere. */
const POLICY = {
  "default-src": "'none'",
  "script-src": "'self'",
  "style-src": "'self'",
  "img-src": "'self'",
  "connect-src": "'self'",
  "form-action": "'self'",
  "base-uri": "'none'",
  "frame-ancestors": "'none'",
};

export function* below(node) {
  for (const child of node.childNodes ?? []) {
    yield child;
    yield* below(child);
  }
}
export const valueOf = (node, name) => node.attrs?.find((one) => one.name === name)?.value;

/** All texts and values of attributes of a document; carriage returns as a parser reads them. */
export function textsOf(root) {
  const texts = [];
  for (const node of below(root)) {
    if (node.nodeName === "#text") texts.push(node.value);
    for (const { value } of node.attrs ?? []) texts.push(value);
  }
  return texts;
}
export const read = (text) => text.replace(/\r\n?/g, "\n");

/** What is wrong with the headers of an answer. */
function headerFaults({ headers }) {
  const faults = [];
  const policy = Object.fromEntries(
    (headers["content-security-policy"] ?? "").split(";").map((one) => {
      const [name, ...values] = one.trim().split(/\s+/);
      return [name, values.join(" ")];
    }),
  );
  if (JSON.stringify(policy) !== JSON.stringify(POLICY))
    faults.push(`has the policy '${headers["content-security-policy"]}'`);
  if (headers["x-content-type-options"] !== "nosniff") faults.push("may be sniffed");
  if (headers["x-frame-options"] !== "DENY") faults.push("may be framed");
  if (headers["x-injected"]) faults.push("has a header that came from a parameter");
  if (headers.location && !/^\/(?![/\\])/.test(headers.location))
    faults.push(`leads to ${headers.location}`);
  return faults;
}

/** What is wrong with a page: elements, attributes and addresses that a page of leap never has. */
function pageFaults(text) {
  const faults = [];
  const root = parse(text);
  for (const node of below(root)) {
    const tag = node.tagName;
    if (node.nodeName === "#comment") faults.push(`has a comment: ${node.data.slice(0, 40)}`);
    if (!tag) continue;
    if (!TAGS.has(tag)) faults.push(`has an element <${tag}>`);
    if (
      tag === "script" &&
      (!/^\/assets\/[\w./-]+$/.test(valueOf(node, "src") ?? "") || node.childNodes.length)
    )
      faults.push("has a script of its own");
    for (const { name, value } of node.attrs) {
      if (!ATTRIBUTES.has(name) && !/^(data|aria)-[a-z-]+$/.test(name))
        faults.push(`<${tag}> has an attribute ${name}`);
      if (["href", "src", "action"].includes(name) && !/^(\/(?![/\\])|\?|#|$)/.test(value))
        faults.push(`<${tag}> leads to ${value.slice(0, 60)}`);
    }
  }
  return faults;
}

/** What is wrong with a CSV: cells that a spreadsheet would run. */
function csvFaults(text) {
  const faults = [];
  for (const [number, record] of csvOf(text).entries())
    for (const cell of record)
      if (/^[=+\-@\t\r]/.test(cell) && !/^-?\d+(\.\d+)?$/.test(cell))
        faults.push(`line ${number + 1} has the formula ${JSON.stringify(cell.slice(0, 40))}`);
  return faults;
}

/** What is wrong with an answer, whatever it is. */
export function faultsOf(answer) {
  const type = answer.headers["content-type"] ?? "";
  const faults = headerFaults(answer);
  if (answer.status >= 500) faults.push(`answers ${answer.status}: ${answer.text.slice(0, 300)}`);
  if (type.startsWith("text/html")) faults.push(...pageFaults(answer.text));
  else if (type.startsWith("text/csv")) faults.push(...csvFaults(answer.text));
  else if (/^application\/(problem\+)?json$/.test(type)) {
    try {
      JSON.parse(answer.text);
    } catch (error) {
      faults.push(`is no JSON: ${error.message}`);
    }
  } else if (!/^text\/plain; charset=utf-8$|^text\/plain; version=/.test(type))
    faults.push(`is of the type '${type}'`);
  return faults;
}

/** Whether wrong answers are told: `[name, found]`. */
export function wrongAnswers() {
  const policy = Object.entries(POLICY)
    .map((one) => one.join(" "))
    .join("; ");
  const headers = {
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-type": "text/html; charset=utf-8",
  };
  const page = (body, more = {}) =>
    faultsOf({
      status: 200,
      headers: { ...headers, ...more },
      text: `<!DOCTYPE html><html><body><main id="main">${body}</main></body></html>`,
    });
  const csv = (text) =>
    faultsOf({
      status: 200,
      headers: { ...headers, "content-type": "text/csv; charset=utf-8" },
      text,
    });
  const wrong = [
    ["markup", page(CORPUS[0])],
    ["a picture", page(CORPUS[1])],
    ["an attribute that is broken out of", page(`<a href="/x" title="${CORPUS[4]}">x</a>`)],
    ["single quotes", page(`<input value='${CORPUS[5]}'>`)],
    ["a script address", page('<a href="javascript:alert(1)">x</a>')],
    ["an address elsewhere", page('<a href="//evil.example/x">x</a>')],
    ["a comment", page("<!-- a")],
    ["a style", page('<p style="color:red">x</p>')],
    [
      "a weak policy",
      page("x", {
        "content-security-policy": policy.replace(
          "script-src 'self'",
          "script-src 'self' 'unsafe-inline'",
        ),
      }),
    ],
    ["no policy", page("x", { "content-security-policy": undefined })],
    ["an injected header", page("x", { "x-injected": "1" })],
    ["a way elsewhere", page("x", { location: "https://evil.example/" })],
    ["a backslash", page("x", { location: "/\\evil.example/" })],
    ["no nosniff", page("x", { "x-content-type-options": undefined })],
    ["a formula", csv("Team,Cost\r\n=1+1,2\r\n")],
    ["a formula in the head", csv("@SUM(1),Cost\r\nx,2\r\n")],
    ["a tab before a formula", csv('Team,Cost\r\n"\t=1+1",2\r\n')],
    [
      "broken JSON",
      faultsOf({
        status: 200,
        headers: { ...headers, "content-type": "application/json" },
        text: '{"a": }',
      }),
    ],
    [
      "a page as text",
      faultsOf({ status: 200, headers: { ...headers, "content-type": "text/xml" }, text: "" }),
    ],
    ["a breakdown", faultsOf({ status: 500, headers, text: "" })],
  ].map(([name, found]) => [name, found.length > 0]);
  const right = [
    page('<p class="lead">&lt;script&gt;</p><a href="/x?a=b" data-v="1">1</a>'),
    csv("Team,Cost\r\n'=1+1,-2.5\r\n"),
  ];
  return [...wrong, ["a right page and a right CSV pass", right.every((found) => !found.length)]];
}

/** Whether Chromium's faults are noted: pages that run, break their policy, ask elsewhere or complain. */
export async function wrongPages(context) {
  const bodies = {
    "/dialog": ["<script>alert(1)</script>", ""],
    "/policy": ["<script>window.x = 1</script>", "script-src 'self'"],
    "/elsewhere": ['<img src="http://127.0.0.2:1/x.png">', ""],
    "/console": ["<script>console.error('no')</script>", ""],
    "/error": ["<script>throw new Error('no')</script>", ""],
  };
  const server = createServer((request, answer) => {
    const [body, policy] = bodies[request.url] ?? ["", ""];
    answer.writeHead(200, {
      "content-type": "text/html",
      ...(policy ? { "content-security-policy": policy } : {}),
    });
    answer.end(
      `<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body>${body}</body></html>`,
    );
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const site = `http://127.0.0.1:${server.address().port}`;
  const found = [];
  for (const address of Object.keys(bodies)) {
    const page = await context.newPage();
    const notes = [];
    await watch(page, site, (words) => notes.push(words));
    await page.goto(site + address, { waitUntil: "load" });
    await page.waitForTimeout(100);
    found.push([address, notes.length > 0]);
    await page.close();
  }
  server.close();
  server.closeAllConnections();
  return found;
}
