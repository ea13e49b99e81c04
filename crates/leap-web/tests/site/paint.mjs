// When a browser paints pages of a running site: each with an empty cache, and then once more.
//
//   node paint.mjs http://127.0.0.1:7171 / /explore
//
// The last line names the slowest first contentful paint with an empty cache, in milliseconds. CHROMIUM
// names another browser than Debian's.
import { fresh } from "./common.mjs";

const [site, ...paths] = process.argv.slice(2);
if (!site || paths.length === 0) {
  console.error("usage: node paint.mjs SITE PATH …");
  process.exit(2);
}

/** Milliseconds from the start of the navigation to the first content. */
async function paint(context, path) {
  const page = await context.newPage();
  await page.goto(site + path, { waitUntil: "load" });
  const at = await page.evaluate(
    () =>
      new Promise((found) => {
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            if (entry.name === "first-contentful-paint") found(entry.startTime);
        }).observe({ type: "paint", buffered: true });
      }),
  );
  await page.close();
  return Math.round(at);
}

let slowest = 0;
const told = [];
for (const path of paths) {
  const [context, end] = await fresh({ viewport: { width: 1280, height: 900 } });
  const first = await paint(context, path);
  const later = await paint(context, path);
  slowest = Math.max(slowest, first);
  told.push(`${path} ${first}/${later}`);
  await end();
}
console.log(`first paint, empty cache/later: ${told.join(", ")}; slowest ${slowest} ms`);
