// People do on the real site what they come for, in Chromium: who they are and what they do stands in people.mjs. Every
// step asserts what is on the screen; figures are equal from page to page, to the last digit, and add up.
//
//   node journeys.mjs LEAP HOME FOLDER
//
// LEAP is the program, HOME the home of the sample company: people, a closed period and some requests are added to it,
// and a dispute is made and accepted. FOLDER takes the log and a screenshot of every step. At the end some steps are
// walked again with one figure of one page bent on its way to the browser: each must be noticed.
import { writeFileSync } from "node:fs";
import { folder, fresh, Leap, PASSWORD, watch } from "./common.mjs";
import { CLOSED, PEOPLE, readsTheWhole, requests, teamsOf } from "./people.mjs";
import { Reader, WAIT_MS, Wrong, same } from "./reader.mjs";

/** Logs in on the form that the site leads to. */
async function enter(reader, person) {
  const { page } = reader;
  await page.goto(reader.site + "/", { waitUntil: "load" });
  same(new URL(page.url()).pathname, "/login", "who is nobody is led to");
  if (person.keyboard) {
    // A browser gives the focus with the first picture of a page, which may come after its load event: who types waits
    // for the cursor, and what is typed before it is lost.
    await page.locator('input[name="name"]:focus').waitFor({ timeout: WAIT_MS });
    await page.keyboard.type(person.who);
    await page.keyboard.press("Tab");
    await page.keyboard.type(PASSWORD);
    await reader.leads(() => page.keyboard.press("Enter"));
  } else {
    await page.locator('input[name="name"]').fill(person.who);
    await page.locator('input[name="password"]').fill(PASSWORD);
    await reader.leads(() => page.locator("form button").click());
  }
  await reader.title("Charter");
}

/** One person's journey; what went wrong. `bend` changes pages on their way. */
async function walk(site, person, { teams, output, counts, bend }) {
  const [context, end] = await fresh({
    viewport: { width: 1280, height: 900 },
    javaScriptEnabled: !person.bare,
    acceptDownloads: true,
  });
  const faults = [];
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    await watch(page, site, (words) => faults.push(`${person.who}: ${words}`));
    if (bend)
      await page.route(bend.at, async (route) => {
        const answer = await route.fetch({ maxRedirects: 0 });
        await route.fulfill({ response: answer, body: bend.change(await answer.text()) });
      });
    const reader = new Reader(page, site);
    let number = 0;
    const step = async (words, work) => {
      number += 1;
      try {
        await work();
        counts.steps += 1;
      } catch (error) {
        throw new Wrong(
          `${person.who}, step ${number} (${words}): ${error.message.split("\n")[0]}`,
        );
      } finally {
        if (!bend) {
          const name = `${person.who}-${String(number).padStart(2, "0")}-${words.replace(/[^\w]+/g, "-").slice(0, 60)}`;
          await page.screenshot({ path: `${output}/${name}.png`, fullPage: true }).catch(() => {});
          counts.screenshots += 1;
        }
      }
    };
    if (bend?.step) {
      await enter(reader, person);
      await reader.go("/");
      await bend.step(step, reader);
    } else {
      await step("logs in", () => enter(reader, person));
      await person.walk(step, reader, { ...teams, output });
    }
  } catch (error) {
    faults.push(error instanceof Wrong ? error.message : `${person.who}: ${error.stack}`);
  } finally {
    await end().catch((error) => console.error(error.message));
  }
  return faults;
}

/** One figure of one page is changed on its way to the browser; the step must fail. */
const BENT = [
  {
    name: "a row of the ledger",
    at: "**/coverage",
    change: (html) =>
      html.replace(
        /(id="t-ledger"[\s\S]*?<td[^>]* data-v=")(\d+)/,
        (_, before, digits) => before + (BigInt(digits) + 1n),
      ),
    step: readsTheWhole,
    told: /t-ledger|rows add up|unexplained|sum of the table/,
  },
  {
    name: "the headline of the Charter",
    at: (url) => url.pathname === "/",
    change: (html) =>
      html.replace(
        /(class="fig"[^>]* data-v=")(\d+)/,
        (_, before, digits) => before + (BigInt(digits) + 1n),
      ),
    step: readsTheWhole,
    told: /is shown, and the exact figure|sum of the table/,
  },
  {
    name: "the heading of Coverage",
    at: "**/coverage",
    change: (html) => html.replace("<h1>Coverage</h1>", "<h1>Cover</h1>"),
    step: readsTheWhole,
    told: /the heading: Cover, not Coverage/,
  },
  {
    name: "a script that a page must not have",
    at: "**/coverage",
    change: (html) => html.replace("<main", "<script>alert(1)</script><main"),
    step: readsTheWhole,
    told: /policy|Content Security Policy/i,
  },
];

async function main(program, home, output) {
  const began = Date.now();
  folder(output);
  const leap = new Leap(program, home);
  const teams = teamsOf(leap);
  // The first to have a login is an administrator.
  for (const person of [...PEOPLE].reverse())
    leap.addPerson(person.who, person.roles(teams), person.shown);
  leap.run(["period", "close", CLOSED]);
  writeFileSync(`${output}/requests.json`, requests(teams.own.id, teams.other.id));
  leap.run(["ingest", `${output}/requests.json`]);
  const server = await leap.serve(`${output}/serve.log`);
  const counts = { steps: 0, screenshots: 0 };
  const faults = [];
  let done = 0;
  let noticed = 0;
  try {
    for (const person of PEOPLE) {
      const found = await walk(server.site, person, { teams, output, counts });
      if (!found.length) done += 1;
      faults.push(...found);
    }
    const steps = counts.steps;
    const reader = PEOPLE.find(({ who }) => who === "efficiency");
    for (const bend of BENT) {
      const found = await walk(server.site, reader, { teams, output, counts, bend });
      if (found.some((words) => bend.told.test(words))) noticed += 1;
      else
        faults.push(
          `self-test: ${bend.name} was bent, and nobody noticed (${found.join("; ") || "no fault"})`,
        );
    }
    counts.steps = steps;
  } finally {
    await server.stop();
  }
  for (const words of faults) console.error(words);
  console.error(`${Math.round((Date.now() - began) / 1000)} s`);
  console.log(
    `journeys ${done} of ${PEOPLE.length}, steps ${counts.steps}, screenshots ${counts.screenshots}; ` +
      `bent pages noticed ${noticed} of ${BENT.length}; faults ${faults.length}`,
  );
  return faults.length ? 1 : 0;
}

const [program, home, output] = process.argv.slice(2);
if (!output) {
  console.error("usage: node journeys.mjs LEAP HOME FOLDER");
  process.exit(2);
}
process.exit(await main(program, home, output));
