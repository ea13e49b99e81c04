// What somebody who sees a part of the company must never read, and what is wrong with an answer: for roles.mjs.
import { together } from "./common.mjs";
import { under } from "./routes.mjs";

/** The org; a team, one beside it, one of another division; a resource of each. `read` asks as the administrator. */
export async function worldOf(leap, read) {
  // Teams that a reorg moved would be seen by days.
  const orgs = ["2025-04-01", "2025-04-30", "2025-05-31", undefined].map((day) => {
    const words = day ? ["--as-of", day] : [];
    const { rows } = JSON.parse(leap.run(["org", "show", ...words, "--format", "json"]));
    return new Map(rows.map((unit) => [unit.id, unit]));
  });
  const now = orgs.at(-1);
  const above = (unit) => {
    const path = [];
    for (let at = now.get(unit); at; at = now.get(at.parent)) path.push(at.id);
    return path;
  };
  const stays = (unit) =>
    above(unit).every((id) =>
      orgs.every((org) => (org.get(id) ?? {}).parent === now.get(id).parent),
    );
  const leaves = [...now.keys()].filter(
    (id) => ![...now.values()].some((unit) => unit.parent === id),
  );
  const teams = leaves.filter(stays);
  const resources = async (query) => {
    const address = `/api/v1/explore?by=resource&top=100000&pools=kept&${query}`;
    const rows = JSON.parse((await read(address)).text).tables.find(({ id }) => id === "by")?.rows;
    return (rows ?? []).map((row) => row.Resource).filter((id) => !/^\(none\)$/.test(id));
  };
  const owned = new Map();
  for (const team of teams) owned.set(team, await resources(`team=${encodeURIComponent(team)}`));
  // What somebody may give away has no other owner.
  const alone = new Map();
  for (const team of teams)
    for (const id of owned.get(team).slice(0, 20)) {
      const address = `/api/v1/explore?by=team&pools=kept&period=2025&resource=${encodeURIComponent(id)}`;
      const { tables } = JSON.parse((await read(address)).text);
      if (tables.find((table) => table.id === "by")?.rows.length !== 1) continue;
      alone.set(team, id);
      break;
    }
  const rich = teams.filter((team) => alone.has(team));
  const isBeside = (a, b) => a !== b && now.get(a).parent === now.get(b).parent;
  const own = rich.find((team) => rich.some((other) => isBeside(team, other)));
  const beside = rich.find((team) => isBeside(team, own));
  const division = (team) => above(team).slice(1, -1);
  const foreign = rich.find((team) => !division(team).some((unit) => above(own).includes(unit)));
  if (!own || !foreign)
    throw new Error("the sample company has no two teams that share no division");
  const nobody = await resources(`where=${encodeURIComponent("team LIKE 'residual:%'")}`);
  return {
    own,
    beside,
    foreign,
    parent: now.get(own).parent,
    root: above(own).at(-1),
    name: now.get(foreign).name,
    units: [...now.values()],
    above,
    resources: { own: alone.get(own), foreign: alone.get(foreign), nobody: nobody[0] },
    owned,
  };
}

/** Exact amounts of six digits or more in a text. */
function* amountsIn(text) {
  for (const [amount] of text.matchAll(/\d[\d,]*\.\d{2,}/g)) {
    const plain = amount.replaceAll(",", "").replace(/0+$/, "");
    if (plain.length > 6) yield plain;
  }
}

/** What the administrator reads of the whole company and of units: what of it somebody who sees a part must never read. */
export async function secretsOf(world, read) {
  const csv = (address) => `${address}${address.includes("?") ? "&" : "?"}format=csv`;
  const pages = (unit) => [
    `/team/${encodeURIComponent(unit)}`,
    under("/")(unit),
    under("/volume")(unit),
    under("/engineers")(unit),
    ...[
      "by=team,month&period=2025&compare=year",
      "by=resource,day&top=100000",
      "by=service,month&pools=kept",
      "rows=charges",
    ].map((query) => under(`/explore?${query}`)(unit)),
  ];
  const texts = async (addresses) =>
    (
      await together(addresses, async (address) => [
        await read(address),
        await read(`/api/v1${address}`),
        await read(csv(address)),
      ])
    )
      .flat()
      .map((answer) => answer.text);
  const company = [
    "/explore?by=team,month&period=2025&compare=year",
    "/explore?by=resource,day&top=100000",
    "/explore?rows=charges",
    "/org",
    "/coverage",
    "/coverage/residual",
    "/pools",
    "/",
  ];
  const everything = await texts([
    ...company,
    ...world.units.flatMap((unit) => pages(unit.id).slice(0, 1)),
  ]);
  const amounts = new Set(everything.flatMap((text) => [...amountsIn(text)]));
  const ofUnits = async (units, questions) => {
    const sees = (unit) => world.above(unit).some((id) => units.includes(id));
    const seen = world.units.filter((unit) => sees(unit.id)).map((unit) => unit.id);
    const anyOf = encodeURIComponent(`team IN (${seen.map((id) => `'${id}'`).join(", ")})`);
    const own = units.length ? await texts(seen.flatMap(pages)) : [];
    const sums = questions
      .filter((question) => question.startsWith("/explore?") && !/where=|team=/.test(question))
      .flatMap((question) => [`${question}&where=${anyOf}`, ...units.map(under(question))]);
    const asked = units.length ? await texts(sums) : [];
    const legal = new Set([...own, ...asked].flatMap((text) => [...amountsIn(text)]));
    // The way down to one's own unit is said.
    const known = new Set(units.flatMap(world.above));
    const names = world.units
      .filter((unit) => !sees(unit.id) && !known.has(unit.id))
      .flatMap((unit) => [unit.id, unit.name]);
    const ids = [...world.owned]
      .filter(([team]) => !sees(team))
      .flatMap(([, resources]) => resources.slice(0, 3));
    const control = own.join("\n");
    return {
      amounts: new Set([...amounts].filter((amount) => !legal.has(amount))),
      names: [...names, ...ids, world.resources.nobody].filter(
        (name) => name && !control.includes(name),
      ),
    };
  };
  return ofUnits;
}

/** What is wrong with an answer. */
export function judge({ method, address, who, expected, answer, secrets, asked = [] }) {
  const wrong = [];
  const note = (words) => wrong.push(`${method} ${address} as ${who}: ${words}`);
  const { status, headers, text } = answer;
  if (!expected.includes(status)) note(`answers ${status}, not ${expected.join(" or ")}`);
  if (status === 401 && !headers["www-authenticate"]) note("401 without WWW-Authenticate");
  if (status === 405 && !headers.allow) note("405 without Allow");
  if (status === 303 && method !== "POST" && !headers.location?.startsWith("/login?to="))
    note(`leads to ${headers.location}, not to the login`);
  if (method === "HEAD" && text) note("HEAD has a body");
  if (!headers["content-security-policy"]?.includes("default-src 'none'"))
    note("has no Content-Security-Policy");
  wrong.push(
    ...told(text, secrets, asked).map((what) => `${method} ${address} as ${who}: ${what}`),
  );
  return wrong;
}

/** What a text tells that is foreign; what was asked for by its name may be repeated. */
export function told(text, secrets, asked) {
  if (!secrets) return [];
  const rest = asked
    .flatMap((one) => [one, encodeURIComponent(one)])
    .reduce((rest, one) => rest.replaceAll(one, ""), text);
  const names = secrets.names.filter((name) => rest.includes(name));
  const amount = [...amountsIn(text)].find((amount) => secrets.amounts.has(amount));
  return [
    ...names.map((name) => `tells the foreign name ${name}`),
    ...(amount ? [`tells the foreign amount ${amount}`] : []),
  ];
}

/** Right answers, each bent in one way: what judge() must tell. */
export function bent(records) {
  const find = (holds) => records.find(holds);
  const of = (record, answer) => record && { ...record, answer: { ...record.answer, ...answer } };
  const withHeaders = (record, headers) =>
    record && of(record, { headers: { ...record.answer.headers, ...headers } });
  const shut = find(({ answer }) => answer.status === 403);
  const read = find(
    ({ answer, secrets }) =>
      answer.status === 200 && secrets?.names.length && answer.text.length > 1000,
  );
  const secret = read && [...read.secrets.amounts].at(-1);
  const cases = [
    ["a shut page that is answered", of(shut, { status: 200 })],
    ["a page that is shut to who may read it", of(read, { status: 403 })],
    [
      "a foreign unit that is answered 403",
      of(
        find(({ address, answer }) => address.startsWith("/team/") && answer.status === 404),
        { status: 403 },
      ),
    ],
    [
      "a form that a token may send",
      of(
        find(
          ({ method, who, answer }) =>
            method === "POST" && who.includes("token") && answer.status === 403,
        ),
        { status: 422 },
      ),
    ],
    [
      "nobody reads a page",
      of(
        find(({ who, answer }) => who === "nobody" && answer.status === 303),
        { status: 200 },
      ),
    ],
    [
      "a method that is taken",
      of(
        find(({ method, answer }) => method === "DELETE" && answer.status === 405),
        { status: 200 },
      ),
    ],
    ["a foreign name", read && of(read, { text: `${read.answer.text}${read.secrets.names[0]}` })],
    [
      "a foreign id",
      read && of(read, { text: `${read.answer.text}"${read.secrets.names.at(-1)}"` }),
    ],
    ["a foreign amount", read && of(read, { text: `${read.answer.text}<td data-v="${secret}">` })],
    ["no policy", withHeaders(read, { "content-security-policy": undefined })],
    [
      "a login elsewhere",
      withHeaders(
        find(({ method, answer }) => method === "GET" && answer.status === 303),
        { location: "https://evil.example/" },
      ),
    ],
    [
      "401 without its header",
      withHeaders(
        find(({ answer }) => answer.status === 401),
        { "www-authenticate": undefined },
      ),
    ],
    [
      "405 without its header",
      withHeaders(
        find(({ answer }) => answer.status === 405),
        { allow: undefined },
      ),
    ],
    [
      "HEAD with a body",
      of(
        find(({ method }) => method === "HEAD"),
        { text: "x" },
      ),
    ],
  ];
  return cases.map(([name, record]) => {
    if (!record) return `${name}: no answer of that kind was there to be bent`;
    return judge(record).length ? undefined : `${name} is not told`;
  });
}
