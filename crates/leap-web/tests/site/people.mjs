// Those who come to the site, and what each of them does there, step by step: for journeys.mjs. Later journeys
// read what earlier ones did.
import { readFileSync, writeFileSync } from "node:fs";
import { PASSWORD } from "./common.mjs";
import { Decimal, csvOf, pageOf } from "./html.mjs";
import { WAIT_MS, holds, same } from "./reader.mjs";

/** The month of the two requests; others of the company have their own. */
const ASKED = "2026-05";

/** The billing period that Finance closes. */
export const CLOSED = "2026-03";

/** Two requests in OTLP/JSON: of 100 ms and 200 ms, of which a callee of another team takes three tenths. */
export function requests(own, other) {
  const at = (ms) => String(BigInt(Date.UTC(2026, 4, 11)) * 1_000_000n + BigInt(ms) * 1_000_000n);
  const one = (number, ms) => {
    const span = (service, team, spanId, parentSpanId, from, until) => ({
      resource: {
        attributes: [
          { key: "service.name", value: { stringValue: service } },
          { key: "team", value: { stringValue: team } },
        ],
      },
      scopeSpans: [
        {
          spans: [
            {
              traceId: number.toString(16).padStart(32, "0"),
              spanId,
              parentSpanId,
              name: `${service} work`,
              kind: 2,
              startTimeUnixNano: at(number * 1000 + from),
              endTimeUnixNano: at(number * 1000 + until),
              traceState: "ot=th:0",
            },
          ],
        },
      ],
    });
    return [
      span("charge-api", own, "00000000000000a1", "", 0, ms),
      span("ledger", other, "00000000000000b1", "00000000000000a1", ms / 10, (ms / 10) * 4),
    ];
  };
  return JSON.stringify({ resourceSpans: [...one(1, 100), ...one(2, 200)] });
}

/** What PEOPLE need of the company: two teams that share no division, with cost of their own. */
export function teamsOf(leap) {
  const { rows } = JSON.parse(
    leap.run(["org", "show", "--as-of", "2026-05-31", "--format", "json"]),
  );
  const units = new Map(rows.map((unit) => [unit.id, unit]));
  const division = (id) => {
    const path = [];
    for (let at = units.get(id); at; at = units.get(at.parent)) path.push(at.id);
    return path.at(-2);
  };
  const leaves = rows.filter((unit) => !rows.some((other) => other.parent === unit.id));
  const spent = JSON.parse(
    leap.run(["spend", "--by", "team,resource", "--period", "2026-05", "--format", "json"]),
  ).rows;
  const counts = new Map();
  for (const row of spent) if (row.resource) counts.set(row.team, (counts.get(row.team) ?? 0) + 1);
  const rich = leaves.filter((unit) => (counts.get(unit.id) ?? 0) >= 3).map((unit) => unit.id);
  const own = rich.find((id) => division(id));
  const other = rich.find((id) => division(id) !== division(own));
  holds(own && other, "the sample company has no two teams with cost");
  return { own: units.get(own), other: units.get(other) };
}

/** What later journeys need of earlier ones. */
const world = {};

/** Those who come to the site: their login, and what they do. */
export const PEOPLE = [
  {
    who: "engineer",
    shown: "Ana Silva",
    roles: (teams) => [`team-lead@${teams.own.id}`],
    async walk(step, reader, { own, other }) {
      const { page } = reader;
      await step("logs in and sees her part only", async () => {
        const rail = "Charter Team Explore Claims Budgets Contracts Alerts Incidents Org";
        same(await reader.rail(), rail, "the rail");
        const menu = await page.locator("header.top details.menu p.label").textContent();
        same(menu.trim(), `Ana Silva team-lead@${own.id}`, "who is logged in");
      });
      await step("finds her team with Ctrl-K", async () => {
        await page.keyboard.press("Control+k");
        await page.keyboard.type(own.name);
        await page
          .locator("#palette-list [role=option] .kind", { hasText: /^team$/ })
          .first()
          .waitFor({ timeout: WAIT_MS });
        await reader.leads(() => page.keyboard.press("Enter"));
        await reader.title(own.name);
        same(new URL(page.url()).pathname, `/team/${own.id}`, "the address");
      });
      await step("reads what the team costs; services add up to it", async () => {
        world.cost = await reader.headline();
        const rows = await reader.adds(world.cost, "t-service");
        // Platforms are split by what teams spend themselves: what moves is told apart from that.
        await reader.go(`/team/${own.id}?pools=kept`);
        world.kept = await reader.headline();
        await reader.go(`/team/${own.id}`);
        world.service = rows.find((row) => row.cells[1].value && !row.cells[0].text.includes("("));
        holds(world.service, "no service has a name");
      });
      await step("goes down into a service", async () => {
        await reader.follow(
          page.locator("#t-service tbody th a", { hasText: world.service.cells[0].text }),
        );
        await reader.title("Explore");
        same(
          await reader.headline(),
          world.service.cells[1].value,
          "the service in Explore and on the team's page",
        );
        await reader.adds(world.service.cells[1].value);
      });
      await step("goes down to the charges", async () => {
        await reader.follow(page.locator(".headline a.fig"));
        await reader.title("Charges");
        const rows = await reader.adds(world.service.cells[1].value);
        holds(
          rows.every((row) => row.cells[1].text === own.name),
          "every charge is the team's",
        );
      });
      await step("asks why a resource is hers", async () => {
        await reader.go(`/explore?by=resource&under=${own.id}&pools=kept`);
        const { rows } = await reader.table("t-by");
        const row = rows.find(
          (row) => row.cells[0].text !== "–" && Decimal.of(row.cells[1].value)?.units > 0n,
        );
        world.resource = row.cells[0].text;
        await reader.follow(page.locator("#t-by tbody th a.id", { hasText: world.resource }));
        await reader.title(world.resource);
        same(
          await reader.headline(),
          row.cells[1].value,
          "the resource on its page and in Explore",
        );
        await reader.reads("It belongs to " + own.name);
        await reader.reads("It is " + own.name + "'s", "ol.trail");
        await reader.adds(row.cells[1].value);
      });
      await step("says that it is another team's, and reads what that would move", async () => {
        const form = page.locator('form[action="/claims/new"]');
        await form.locator('[name="kind"]').selectOption("dispute");
        await form.locator('[name="team"]').fill(other.id);
        await form.locator('[name="reason"]').fill("they run it since the move");
        await reader.leads(() => form.locator("button").click());
        // The name of a team that she does not see is not hers to read.
        await reader.title(`This dispute for ${other.id}`);
        await reader.reads("Nothing was changed yet.");
        await reader.reads(`${other.id} will be asked`);
        world.moves = await reader.cell("t-moves", own.name, 4);
      });
      await step("sends it", async () => {
        await reader.leads(() =>
          page.locator("form button", { hasText: "Make the dispute" }).click(),
        );
        world.dispute = new URL(page.url()).pathname;
        holds(/^\/claims\/\d+$/.test(world.dispute), `she is at ${world.dispute}`);
        await reader.reads("open");
        await reader.reads("they run it since the move");
        await reader.lacks(
          'form[action$="/accept"] button:not(:text("Accept: show what moves"))',
          "other buttons to accept",
        );
      });
      await step("finds it in Claims, and nothing has moved", async () => {
        await reader.follow(page.locator('nav.rail a[data-name="Claims"]'));
        const row = (await reader.table("t-claims")).rows[0];
        same(row.cells[1].text, "open", "its state");
        same(row.cells[6].text, "engineer", "who made it");
        same(row.cells[4].text, other.id, "to whom");
        await reader.go(`/team/${own.id}`);
        same(await reader.headline(), world.cost, "the cost of the team");
      });
      await step("cannot accept it herself", async () => {
        await reader.go(world.dispute);
        const answer = await page.request.post(reader.site + world.dispute + "/accept", {
          headers: { origin: reader.site },
        });
        same(answer.status(), 403, "accepting what one made answers");
      });
    },
  },
  {
    who: "lead",
    shown: "Leo Brandt",
    roles: (teams) => [`team-lead@${teams.other.id}`],
    keyboard: true,
    async walk(step, reader, { other }) {
      const { page } = reader;
      await step("opens his team by keyboard", async () => {
        await reader.tabTo("nav.rail a", "Team");
        await reader.leads(() => page.keyboard.press("Enter"));
        await reader.title(other.name);
        await reader.go(`/team/${other.id}?pools=kept`);
        world.before = await reader.headline();
      });
      await step("opens the dispute by keyboard", async () => {
        await reader.tabTo("nav.rail a", "Claims");
        await reader.leads(() => page.keyboard.press("Enter"));
        await reader.tabTo("#t-claims a", "Dispute");
        await reader.leads(() => page.keyboard.press("Enter"));
        same(new URL(page.url()).pathname, world.dispute, "the address");
        await reader.reads("they run it since the move");
      });
      await step("asks what accepting moves", async () => {
        await reader.tabTo('input[name="note"]');
        await page.keyboard.type("right, ours");
        await reader.tabTo("button", "Accept: show what moves");
        await reader.leads(() => page.keyboard.press("Enter"));
        await reader.title(`Accept dispute ${world.dispute.split("/").at(-1)}`);
        await reader.reads("Nothing was changed yet.");
        await reader.reads("Effective cost that changes hands");
        await reader.reads("another team");
      });
      await step("accepts", async () => {
        await reader.tabTo("button.danger", "Accept");
        await reader.leads(() => page.keyboard.press("Enter"));
        same(new URL(page.url()).pathname, world.dispute, "the address");
        await reader.reads("accepted");
        await reader.reads("right, ours");
      });
      await step("has the cost on his team's page", async () => {
        await reader.go(`/explore?rows=charges&resource=${encodeURIComponent(world.resource)}`);
        const moved = await reader.headline();
        await reader.adds(moved);
        await reader.go(`/team/${other.id}?pools=kept`);
        const now = await reader.headline();
        same(
          Decimal.of(now).minus(Decimal.of(moved)),
          world.before,
          "the team's cost without what came",
        );
        same(moved, world.moves, "what came, and what the preview said");
      });
    },
  },
  {
    who: "efficiency",
    shown: "Eva Roth",
    roles: () => ["steward"],
    async walk(step, reader, { own }) {
      const { page } = reader;
      await readsTheWhole(step, reader);
      await step("opens the residual", async () => {
        await reader.follow(page.locator("nav.tabs a", { hasText: "Residual" }));
        await reader.title("Residual");
        const residual = await reader.headline();
        await reader.adds(residual, "t-residual");
        same(residual, world.residual, "the residual here and in the ledger");
      });
      await step("ticks two resources, and reads what assigning them would move", async () => {
        const form = page.locator('form[action="/claims/new"]');
        const { rows } = await reader.table("t-unowned");
        holds(rows.length >= 2, "two resources have no team");
        for (const at of [0, 1])
          await form.locator('input[type="checkbox"][name="resource"]').nth(at).check();
        await form.locator('[name="kind"]').selectOption("assign");
        await form.locator('[name="team"]').fill(own.id);
        await form.locator('[name="reason"]').fill("found in their repository");
        await reader.leads(() => form.locator("button").click());
        await reader.title(`This assignment for ${own.name}`);
        await reader.reads("Nothing was changed yet. Nobody has to be asked: it holds at once.");
        const moves = (await reader.table("t-moves")).rows;
        const sum = moves.map((row) => Decimal.of(row.cells[4].value)).reduce((a, b) => a.plus(b));
        const ticked = rows.slice(0, 2).map((row) => Decimal.of(row.cells[3].value));
        same(sum, ticked[0].plus(ticked[1]), "what would move, and what was ticked");
        holds(
          moves.every((row) => row.cells[1].text === own.name),
          "all of it would be the team's",
        );
      });
      await step("leaves it, and nothing was changed", async () => {
        await reader.follow(page.locator("form a", { hasText: "Leave it" }));
        same((await reader.table("t-claims")).rows.length, 1, "claims");
        await reader.go("/coverage/residual");
        same(await reader.headline(), world.residual, "the residual");
      });
    },
  },
  {
    who: "efficiency-bare",
    shown: "Eva Roth, no JavaScript",
    roles: () => ["steward"],
    bare: true,
    async walk(step, reader, { own }) {
      const { page } = reader;
      await readsTheWhole(step, reader);
      await step("searches a team without JavaScript", async () => {
        await reader.follow(page.locator("header.top a.find"));
        await page.locator('form[role="search"] input[name="q"]').fill(own.name);
        await reader.leads(() => page.locator('form[role="search"] button').click());
        await reader.follow(page.locator("#t-found a", { hasText: own.name }));
        await reader.title(own.name);
        await reader.adds(await reader.headline(), "t-service");
      });
      await step("changes the period without JavaScript", async () => {
        await page.locator('form.scope select[name="period"]').selectOption(CLOSED);
        await reader.leads(() => page.locator("form.scope button.apply").click());
        holds(reader.address().includes(`period=${CLOSED}`), `the address is ${reader.address()}`);
        await reader.adds(await reader.headline(), "t-service");
      });
    },
  },
  {
    who: "platform",
    shown: "Pia Novak",
    roles: () => ["viewer"],
    async walk(step, reader) {
      const { page } = reader;
      await step("opens Pools; pools add up to what was shared", async () => {
        await reader.follow(page.locator('nav.rail a[data-name="Pools"]'));
        await reader.title("Pools");
        const table = pageOf(await page.content()).tables.find(
          (one) => one.rows[0]?.cells.length >= 7,
        );
        world.pool = table.rows[0].cells[0].text;
        const sum = table.rows
          .map((row) => Decimal.of(row.cells[2].value))
          .reduce((a, b) => a.plus(b));
        const shown = await page
          .locator("dl.facts > div", { hasText: "Shared among teams" })
          .locator("dd")
          .first()
          .innerText();
        await reader.shown(String(sum), shown.replace(/[A-Z]{3}\s*$/, ""));
      });
      await step("follows what the pool kept to its rows", async () => {
        await page.locator("details.data summary").first().click();
        const figure = page.locator("table a.fig").first();
        const exact = await figure.evaluate((a) => a.dataset.v ?? a.closest("td").dataset.v);
        await reader.follow(figure);
        same(await reader.headline(), exact, "the figure of Pools");
        await reader.adds(exact);
      });
      await step("reads who used it, before and after it was shared", async () => {
        await reader.go(`/explore?by=team&pool=${encodeURIComponent(world.pool)}`);
        await reader.adds(await reader.headline());
        await reader.go("/explore?by=pool&pools=kept");
        const kept = await reader.headline();
        await reader.go("/explore?by=pool");
        same(await reader.headline(), kept, "the bill with pools kept, and with pools shared");
      });
    },
  },
  {
    who: "finance",
    shown: "Finn Okafor",
    roles: () => ["viewer", "approver"],
    async walk(step, reader, { output }) {
      const { page } = reader;
      await step("opens Periods and finds the closed one", async () => {
        await reader.follow(page.locator('nav.rail a[data-name="Periods"]'));
        const row = (await reader.table("t-periods")).rows.find(
          (row) => row.cells[0].text === CLOSED,
        );
        holds(row, `${CLOSED} is in the list`);
        // The dispute came after it and is of a later month.
        same(row.cells[1].text, "closed", "its state");
        holds(row.cells[5].text.length >= 8, "its statement has a digest");
        world.closed = row.cells[2].value;
      });
      await step("follows its figure to the charges", async () => {
        await reader.follow(page.locator("#t-periods tr", { hasText: CLOSED }).locator("a.fig"));
        same(await reader.headline(), world.closed, "the period's cost");
      });
      await step("explores it by service against the month before", async () => {
        await reader.go(`/explore?by=service&period=${CLOSED}&basis=invoiced&compare=previous`);
        same(await reader.headline(), world.closed, "the period's cost");
        const rows = await reader.adds(world.closed);
        for (const row of rows.slice(0, 5)) {
          const [now, then, change] = [1, 2, 3].map((at) => Decimal.of(row.cells[at].value));
          same(now.minus(then), change, `the change of ${row.cells[0].text}`);
        }
      });
      await step("downloads it as CSV, which adds up to what is shown", async () => {
        await page.locator("details.menu summary", { hasText: "Download" }).click();
        const [file] = await Promise.all([
          page.waitForEvent("download", { timeout: WAIT_MS }),
          page.locator("details.menu a", { hasText: "CSV" }).click(),
        ]);
        const [names, ...rows] = csvOf(readFileSync(await file.path(), "utf8"));
        const at = names.indexOf(CLOSED);
        holds(at > 0, `the file has the columns ${names.join(", ")}`);
        const sum = rows.map((row) => Decimal.of(row[at])).reduce((a, b) => a.plus(b));
        same(sum, world.closed, "the rows of the file");
        writeFileSync(`${output}/${CLOSED}.csv`, readFileSync(await file.path()));
      });
      await step("reads the same as JSON", async () => {
        const answer = await page.request.get(
          `${reader.site}/api/v1/explore?by=service&period=${CLOSED}&basis=invoiced`,
        );
        const table = (await answer.json()).tables.find((table) => table.id === "by");
        same(table.sum, world.closed, "the sum in JSON");
      });
    },
  },
  {
    who: "latency",
    shown: "Lara Iqbal",
    roles: () => ["viewer"],
    async walk(step, reader, { own, other }) {
      const { page } = reader;
      await step("opens Latency: the slowest request, owned to the nanosecond", async () => {
        await reader.follow(page.locator('nav.rail a[data-name="Latency"]'));
        await reader.title("Latency");
        await reader.go(`/latency?period=${ASKED}`);
        same(await reader.headline(), "200000000", "p99.9 in ns");
        const rows = await reader.adds("200000000", "t-tail");
        const of = (name) => rows.find((row) => row.cells[0].text === name)?.cells[2].value;
        same(of(own.name), "140000000", "the API's team");
        same(of(other.name), "60000000", "the callee's team");
      });
      await step("asks by service, and for the median", async () => {
        await page.locator('select[name="by"]').selectOption("service");
        await page.waitForURL(/by=service/, { timeout: WAIT_MS });
        const rows = await reader.adds("200000000", "t-tail");
        same(
          rows
            .map((row) => row.cells[0].text)
            .sort()
            .join(" "),
          "charge-api ledger",
          "the services",
        );
        await reader.go(`/latency?quantile=p50&period=${ASKED}`);
        await reader.adds("100000000", "t-tail");
      });
      await step("goes to the team that makes most of it", async () => {
        await reader.follow(page.locator("#t-tail a", { hasText: own.name }));
        await reader.title(own.name);
      });
    },
  },
  {
    who: "sponsor",
    shown: "Sam Weber",
    roles: () => ["approver"],
    async walk(step, reader) {
      const { page } = reader;
      await step("reads the Charter: what we pay, who makes most of it", async () => {
        await reader.title("Charter");
        await reader.adds(await reader.headline(), "t-pareto");
      });
      await step("reads it in basis points of business volume", async () => {
        await page.locator('form.scope select[name="measure"]').selectOption("bps");
        await page.waitForURL(/measure=bps/, { timeout: WAIT_MS });
        await reader.follow(page.locator(".headline a.fig"));
        same(new URL(page.url()).pathname, "/volume", "the address");
        const { ratios } = pageOf(await page.content());
        same(ratios.length, 1, "quotients on the page");
        holds(Decimal.of(ratios[0].den).units > 0n, "there is business volume");
      });
      await step("chooses the dark theme, and it stays", async () => {
        await page.locator("header.top details.menu summary").click();
        await page.locator('button[name="theme"][value="dark"]').click();
        await reader.go("/");
        same(await page.locator("html").getAttribute("data-theme"), "dark", "the theme");
      });
      await step("prints it: no bars, no forms", async () => {
        await page.emulateMedia({ media: "print" });
        holds(!(await page.locator("nav.rail").isVisible()), "the rail is not printed");
        holds(await page.locator(".headline").first().isVisible(), "the headline is printed");
        await page.emulateMedia({ media: "screen" });
      });
      await step("sees the dispute, and has no button to answer it", async () => {
        await reader.go(world.dispute);
        await reader.lacks('form[method="post"][action^="/claims/"]', "forms to answer");
      });
    },
  },
  {
    who: "administrator",
    shown: "Eve Adler",
    roles: () => ["administrator"],
    async walk(step, reader, { own }) {
      const { page } = reader;
      await step("opens First steps", async () => {
        await page.locator("header.top details.menu summary").click();
        await reader.follow(page.locator("header.top details.menu a", { hasText: "First steps" }));
        await reader.title("First steps");
        await reader.reads("leap ingest PATH");
      });
      await step("reads every tab of Data", async () => {
        await reader.follow(page.locator('nav.rail a[data-name="Data"]'));
        for (const name of ["Deliveries", "Quarantine", "Proofs", "Snapshots", "Sources"]) {
          await reader.follow(page.locator("nav.tabs a", { hasText: name }));
          same(await page.locator("nav.tabs a[aria-current]").innerText(), name, "the tab");
        }
        const { rows } = await reader.table("t-sources");
        holds(rows.length >= 3, "three clouds send bills");
      });
      await step("finds every proof of the newest snapshot holding", async () => {
        await reader.go("/data?tab=proofs");
        const { rows } = await reader.table("t-proofs");
        holds(rows.length > 0, "there are proofs");
        for (const row of rows)
          same(row.cells[7].value, "0", `the difference of ${row.cells[0].text}`);
      });
      await step("reads who disputed and who accepted in the audit trail", async () => {
        await reader.follow(page.locator("nav.tabs a", { hasText: "Audit trail" }));
        await reader.reads("The chain holds");
        const { rows } = await reader.table("t-audit");
        const by = (who, what) =>
          rows.some(({ cells }) => cells[2].text === who && what.test(cells[3].text));
        holds(by("engineer", /claim|dispute/), "the dispute stands in the engineer's name");
        holds(by("lead", /accept/), "the acceptance stands in the team lead's name");
        holds(by("finance", /logged in/), "logins stand there");
        holds(!(await page.content()).includes(PASSWORD), "no password stands there");
      });
      await step("asks the trail for one person", async () => {
        await reader.go("/data/audit?who=engineer");
        const { rows } = await reader.table("t-audit");
        holds(
          rows.length > 0 && rows.every(({ cells }) => cells[2].text === "engineer"),
          "only the engineer's",
        );
      });
      await step("finds that the team has what is left, to the last digit", async () => {
        await reader.go(`/team/${own.id}?pools=kept`);
        same(
          Decimal.of(await reader.headline()).plus(Decimal.of(world.moves)),
          world.kept,
          "left and given away",
        );
      });
    },
  },
];

/** What the efficiency team reads, also without JavaScript: the whole bill has owners. */
export async function readsTheWhole(step, reader) {
  const { page } = reader;
  await step("reads the Charter: teams add up to the bill", async () => {
    await reader.title("Charter");
    world.bill = await reader.headline();
    await reader.adds(world.bill, "t-pareto");
  });
  await step("opens Coverage: nothing is unexplained", async () => {
    await reader.follow(page.locator('nav.rail a[data-name="Coverage"]'));
    await reader.title("Coverage");
    await reader.reads("0.00 USD unexplained");
    await reader.reads("0 differ");
    const rows = await reader.adds(world.bill, "t-ledger");
    const residual = rows.slice(1).map((row) => Decimal.of(row.cells[1].value));
    world.residual = String(residual.reduce((a, b) => a.plus(b), Decimal.zero));
    const foot = await page
      .locator("#t-ledger tfoot tr", { hasText: "Difference" })
      .locator("td")
      .first()
      .getAttribute("data-v");
    same(foot, "0", "the difference of the ledger");
  });
}
