// Looks at pages of a running site: light and dark, 1280 and 390 pixels wide, and without
// JavaScript.
//
//   node look.mjs http://127.0.0.1:7171 output / /team/payments "/explore?by=service,day" 404:/nowhere
//
// A path may have the status that it is to answer in front. Fails on: another status than that (200
// where none is named), an axe violation, a violation of the Content-Security-Policy (also while every
// chart is hovered), an error on the console, a request to another origin, a page wider than
// its window, a chart that was not drawn. Screenshots stay in the output folder for people to
// look at. LEAP_COOKIE is sent as the session where the site asks for a login; CHROMIUM names
// another browser than Debian's.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fresh } from "./common.mjs";

const [site, output, ...asked] = process.argv.slice(2);
const paths = asked.map((words) => /^(?:(\d{3}):)?(.*)$/.exec(words)[2]);
const statusOf = new Map(
  asked.map((words, at) => [paths[at], Number(/^(\d{3}):/.exec(words)?.[1] ?? 200)]),
);
if (!site || !output || paths.length === 0) {
  console.error("usage: node look.mjs SITE OUTPUT PATH …");
  process.exit(2);
}
const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);
mkdirSync(output, { recursive: true });
const origin = new URL(site).origin;
const nameOf = (path) => path.replace(/^\//, "").replace(/[^\w.=-]+/g, "_") || "home";
const counts = {
  looks: 0,
  status: 0,
  axe: 0,
  csp: 0,
  console: 0,
  outside: 0,
  wide: 0,
  charts: 0,
  undrawn: 0,
};

/** axe through the debugger, so that the page's own policy stays in force. */
async function axe(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axeSource });
  const expression = `axe.run(document, { resultTypes: ["violations"] }).then((found) =>
    JSON.stringify(found.violations.map((v) => ({
      rule: v.id, nodes: v.nodes.map((n) => n.html.slice(0, 160)) }))))`;
  const answer = await session.send("Runtime.evaluate", {
    expression,
    awaitPromise: true,
    returnByValue: true,
  });
  if (answer.exceptionDetails)
    throw new Error(answer.exceptionDetails.exception?.description ?? "axe failed");
  return JSON.parse(answer.result.value);
}

async function look(page, path, label) {
  const faults = [];
  page.on("console", (message) => {
    // Chromium tells the status of the page itself as an error
    const own = statusOf.get(path) !== 200 && message.location().url === site + path;
    if (["error", "warning"].includes(message.type()) && !own) {
      counts.console += 1;
      faults.push(message.text());
    }
  });
  page.on("pageerror", (error) => {
    counts.console += 1;
    faults.push(String(error));
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) {
      counts.outside += 1;
      faults.push("asks " + request.url());
    }
  });
  await page.addInitScript(() => {
    window.policyBroken = [];
    addEventListener("securitypolicyviolation", (event) =>
      window.policyBroken.push(`${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  const answer = await page.goto(site + path, { waitUntil: "load" });
  if (answer.status() !== statusOf.get(path)) {
    counts.status += 1;
    faults.push(`answers ${answer.status()}, not ${statusOf.get(path)}`);
  }
  for (const plot of await page.$$("figure.chart .plot")) {
    counts.charts += 1;
    await plot.scrollIntoViewIfNeeded();
    const drawn = await plot
      .waitForSelector("svg", { state: "attached", timeout: 5000 })
      .catch(() => null);
    if (!drawn) {
      counts.undrawn += 1;
      faults.push("a chart is not drawn");
      continue;
    }
    const box = await plot.boundingBox();
    for (const [x, y] of [
      [0.3, 0.4],
      [0.5, 0.6],
      [0.7, 0.8],
    ])
      await page.mouse.move(box.x + box.width * x, box.y + box.height * y);
  }
  await page.evaluate(() => scrollTo(0, 0));
  await page.mouse.move(0, 0);
  await page.waitForTimeout(150);
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (wide > 0) {
    counts.wide += 1;
    faults.push(`is ${wide} pixels too wide`);
  }
  const violations = await axe(page);
  counts.axe += violations.length;
  const broken = await page.evaluate(() => window.policyBroken);
  counts.csp += broken.length;
  await page.screenshot({ path: `${output}/${nameOf(path)}-${label}.png`, fullPage: true });
  counts.looks += 1;
  for (const words of [
    ...faults,
    ...broken,
    ...violations.map((v) => `axe ${v.rule}: ${v.nodes.join(" | ")}`),
  ])
    console.error(`${path} ${label}: ${words}`);
}

const cookies = process.env.LEAP_COOKIE
  ? [{ name: "leap_session", value: process.env.LEAP_COOKIE, url: site }]
  : [];
for (const colorScheme of ["light", "dark"])
  for (const width of [1280, 390]) {
    const [context, end] = await fresh({
      colorScheme,
      viewport: { width, height: width === 390 ? 844 : 900 },
    });
    await context.addCookies(cookies);
    for (const path of paths) {
      const page = await context.newPage();
      await look(page, path, `${colorScheme}-${width}`);
      await page.close();
    }
    await end();
  }
// without JavaScript: the page answers, is not too wide, and no table is lost (axe itself needs
// a script)
const [bare, end] = await fresh({
  javaScriptEnabled: false,
  viewport: { width: 390, height: 844 },
});
await bare.addCookies(cookies);
for (const path of paths) {
  const page = await bare.newPage();
  await page.goto(site + path);
  const picture = await page.screenshot({
    path: `${output}/${nameOf(path)}-bare-390.png`,
    fullPage: true,
  });
  if (picture.readUInt32BE(16) > 390) {
    counts.wide += 1;
    console.error(`${path} bare: ${picture.readUInt32BE(16)} pixels wide`);
  }
  counts.looks += 1;
  await page.close();
}
await end();
const told = [
  `pages ${paths.length} × 2 themes × 2 widths, and bare: ${counts.looks} looks`,
  `axe violations ${counts.axe}`,
  `other statuses ${counts.status}`,
  `policy violations ${counts.csp}`,
  `console errors ${counts.console}`,
  `requests elsewhere ${counts.outside}`,
  `too wide ${counts.wide}`,
  `charts ${counts.charts}, not drawn ${counts.undrawn}`,
];
console.log(told.join("; "));
process.exit(
  counts.status +
    counts.axe +
    counts.csp +
    counts.console +
    counts.outside +
    counts.wide +
    counts.undrawn
    ? 1
    : 0,
);
