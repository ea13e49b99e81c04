// What a person reads of a page of the real site, and does on it: for journeys.mjs. Everything asserts.
import { Decimal, pageOf } from "./html.mjs";

/** How long a page may take before a step has failed. */
export const WAIT_MS = 20_000;
const MINUS = "\u2212";

export class Wrong extends Error {}
const wrong = (words) => {
  throw new Wrong(words);
};
export const holds = (is, words) => is || wrong(words);
export function same(found, wanted, words) {
  const [a, b] = [String(found), String(wanted)];
  const equal = Decimal.of(a) && Decimal.of(b) ? Decimal.of(a).is(Decimal.of(b)) : a === b;
  if (!equal) wrong(`${words}: ${a}, not ${b}`);
}

/** What a person reads of a page, and does on it. */
export class Reader {
  constructor(page, site) {
    this.page = page;
    this.site = site;
  }

  async go(address) {
    const answer = await this.page.goto(this.site + address, { waitUntil: "load" });
    same(answer.status(), 200, `${address} answers`);
  }

  /** Does what leads to another page, and waits for it. */
  async leads(act) {
    const [answer] = await Promise.all([
      this.page.waitForNavigation({ waitUntil: "load", timeout: WAIT_MS }),
      act(),
    ]);
    same(answer?.status() ?? 200, 200, `${this.address()} answers`);
  }

  follow(locator) {
    return this.leads(() => locator.first().click({ timeout: WAIT_MS }));
  }

  address() {
    const url = new URL(this.page.url());
    return url.pathname + url.search;
  }

  async title(wanted) {
    same((await this.page.locator("h1").textContent()).trim(), wanted, "the heading");
  }

  async reads(words, where = "main") {
    const text = (await this.page.locator(where).first().innerText()).replace(/\s+/g, " ");
    if (!text.includes(words)) wrong(`${this.address()} does not say '${words}'`);
  }

  async lacks(locator, words) {
    same(await this.page.locator(locator).count(), 0, words);
  }

  /** The exact headline. */
  async headline() {
    const figure = this.page.locator(".headline .big");
    const exact = await figure
      .locator("a.fig")
      .first()
      .getAttribute("data-v", { timeout: WAIT_MS });
    if (!Decimal.of(exact)) wrong(`${this.address()} has the headline '${exact}'`);
    await this.shown(exact, await figure.locator("a.fig").first().innerText());
    return exact;
  }

  /** What stands on the screen is the exact figure to two digits, where it shows two. */
  async shown(exact, text) {
    const plain = text.trim().replaceAll(",", "").replace(MINUS, "-");
    if (!/^-?\d+\.\d\d$/.test(plain)) return;
    const [a, b] = [Decimal.of(exact), Decimal.of(plain)];
    const far = a.minus(b);
    const size = far.units < 0n ? -far.units : far.units;
    if (size * 200n > 10n ** BigInt(far.scale))
      wrong(`${text} is shown, and the exact figure is ${exact}`);
  }

  /** A table of the page, as it was sent. */
  async table(id) {
    const page = pageOf(await this.page.content());
    const table = page.tables.find((table) => (id ? table.id === id : table.sum !== undefined));
    return table ?? wrong(`${this.address()} has no table ${id ?? "that adds up"}`);
  }

  /** The rows of the table that adds up are its sum, and the sum is this figure. */
  async adds(wanted, id) {
    const table = await this.table(id);
    same(table.sum, wanted, `${this.address()}: the sum of the table`);
    let rows = table.rows;
    for (let next = table.next, pages = 1; next; pages++) {
      holds(pages < 50, "a table has more than 50 pages");
      const answer = await this.page.request.get(new URL(next, this.page.url()).href);
      const more = pageOf(await answer.text()).tables.find((one) => one.id === table.id);
      rows = rows.concat(more.rows);
      next = more.next;
    }
    const sum = rows
      .map(
        (row) =>
          Decimal.of(row.cells[table.adds].value) ??
          wrong(`a row of ${this.address()} has no decimal`),
      )
      .reduce((sum, one) => sum.plus(one), Decimal.zero);
    same(sum, wanted, `${this.address()}: its rows add up`);
    return rows;
  }

  /** A cell's exact figure. */
  async cell(id, row, column) {
    const table = await this.table(id);
    const found = table.rows.find((one) => one.cells[0].text === row);
    return (found ?? wrong(`${this.address()}: ${id} has no row ${row}`)).cells[column].value;
  }

  /** Tab, until what has the focus is of this kind and says this. */
  async tabTo(selector, words = "") {
    for (let at = 0; at < 250; at++) {
      await this.page.keyboard.press("Tab");
      const here = await this.page.evaluate(
        ([selector, words]) => {
          const at = document.activeElement;
          return Boolean(
            at?.matches(selector) && (at.textContent + (at.value ?? "")).includes(words),
          );
        },
        [selector, words],
      );
      if (here) return;
    }
    wrong(`${this.address()}: no Tab reaches ${selector} '${words}'`);
  }

  /** Names of the rail. */
  async rail() {
    return (
      await this.page.locator("nav.rail a").evaluateAll((all) => all.map((a) => a.dataset.name))
    ).join(" ");
  }
}
