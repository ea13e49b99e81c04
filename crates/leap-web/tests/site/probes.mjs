// Questions of roles.mjs beside the long list: from other sites, of what never was, of a real claim, of sessions.
import { ask, form, logIn } from "./common.mjs";
import { ROUTES } from "./routes.mjs";
import { told } from "./secrets.mjs";

/** Answers beside the long list. */
export const count = { asked: 0 };
async function expect(faults, site, method, address, expected, options, words) {
  const answer = await ask(site, method, address, options);
  count.asked += 1;
  if (!expected.includes(answer.status))
    faults.push(
      `${method} ${address} ${words}: answers ${answer.status}, not ${expected.join(" or ")}`,
    );
  return answer;
}

/** Another site sends nothing here, whoever is logged in; it may link here, and no more. */
export async function otherSites(site, people) {
  const faults = [];
  const evil = "https://evil.example";
  const who = people.filter(({ name }) =>
    ["eve", "les", "stu", "nobody", "a token"].includes(name),
  );
  for (const { name, headers } of who)
    for (const key of Object.keys(ROUTES).filter((key) => key.startsWith("POST "))) {
      const address = ROUTES[key].at ?? key.split(" ")[1];
      for (const [from, words] of [
        [{ origin: evil }, "from another site"],
        [{ origin: "null" }, "from no site"],
        [{ origin: site, "sec-fetch-site": "cross-site" }, "across sites"],
        [{ origin: site.replace(/:\d+$/, ":1") }, "from another port"],
        [{}, "without Origin"],
      ])
        await expect(
          faults,
          site,
          "POST",
          address,
          [403],
          { headers: { ...headers, ...from } },
          `as ${name} ${words}`,
        );
    }
  const { headers } = people.find(({ name }) => name === "eve");
  const picture = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "no-cors",
    "sec-fetch-dest": "image",
  };
  const followed = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
  };
  await expect(
    faults,
    site,
    "GET",
    "/org",
    [403],
    { headers: { ...headers, ...picture } },
    "as a picture of another site",
  );
  await expect(
    faults,
    site,
    "GET",
    "/org",
    [200],
    { headers: { ...headers, ...followed } },
    "by a link of another site",
  );
  await expect(
    faults,
    site,
    "GET",
    "/org",
    [421],
    { headers: { ...headers, host: "evil.example" } },
    "under another name",
  );
  return faults;
}

/** What is not theirs and what never was are told apart by nothing. */
export async function alike(site, people, world) {
  const faults = [];
  const plain = (answer, name) =>
    answer.text
      .replaceAll(name, "X")
      .replaceAll(encodeURIComponent(name), "X")
      .replace(/Request[^/]*|"instance":"[^"]*"/g, "");
  for (const { name, headers } of people.filter((who) => who.isCut))
    for (const make of [
      ...Object.values(ROUTES).flatMap((route) =>
        route.units ? [[route.units, world.foreign]] : [],
      ),
      ...Object.values(ROUTES).flatMap((route) =>
        route.resources
          ? [
              [route.resources, world.resources.foreign],
              [route.resources, world.resources.nobody],
            ]
          : [],
      ),
    ])
      for (const prefix of ["", "/api/v1"]) {
        const [address, thing] = make;
        const seen = people.find((who) => who.name === name).can("read", thing, world);
        if (seen || (name === "leb" && thing === world.resources.foreign)) continue;
        const there = await ask(site, "GET", prefix + address(thing), { headers });
        const nowhere = await ask(site, "GET", prefix + address("nowhere-1"), { headers });
        count.asked += 2;
        if (there.status !== nowhere.status || plain(there, thing) !== plain(nowhere, "nowhere-1"))
          faults.push(
            `GET ${prefix}${address(thing)} as ${name}: reads otherwise than what never was (${there.status}, ${nowhere.status})`,
          );
      }
  return faults;
}

/** A real claim: who sees it, who may answer it, and that nobody else does. */
export async function claims(site, people, world) {
  const faults = [];
  const by = (name) => people.find((who) => who.name === name);
  // Who is asked is said by its id; nothing else of it is.
  const named = [world.own, world.foreign, ...Object.values(world.resources)];
  const send = async (who, address, fields, expected, words = "") => {
    const { headers, body } = form(site, fields);
    const sent = { headers: { ...headers, ...who.headers }, body };
    const said = `as ${who.name} ${words}`;
    const answer = await expect(faults, site, "POST", address, expected, sent, said);
    for (const what of told(answer.text, who.secrets, named))
      faults.push(`POST ${address} ${said}: ${what}`);
    return answer;
  };
  const claim = (kind, resource, team) => ({
    kind,
    resource,
    team,
    reason: "a test",
    effective: "2025-05-01",
  });
  const speaks = (who, unit) => !who.isToken && who.can("answer", unit, world);
  // For whom may a claim be made, what may be given away, what may be assigned?
  for (const who of people) {
    const mine = claim("claim", world.resources.foreign, world.own);
    const theirs = claim("claim", world.resources.own, world.foreign);
    const away = claim("dispute", world.resources.own, world.foreign);
    const notMine = claim("dispute", world.resources.foreign, world.own);
    const assigned = claim("assign", world.resources.nobody, world.own);
    const shut = who.isKnown ? 403 : 401;
    const somewhere = !who.isToken && who.canSomewhere("answer");
    const all = who.isKnown && who.can("read", undefined);
    const refused = somewhere ? (all ? [403] : [403, 422]) : [shut];
    await send(
      who,
      "/claims/new",
      mine,
      speaks(who, world.own) ? [200] : refused,
      "for the own team",
    );
    await send(
      who,
      "/claims/new",
      theirs,
      speaks(who, world.foreign) ? [200] : refused,
      "for the foreign team",
    );
    await send(
      who,
      "/claims/new",
      away,
      speaks(who, world.own) ? [200] : refused,
      "gives away of the own team",
    );
    await send(
      who,
      "/claims/new",
      notMine,
      speaks(who, world.foreign) ? [200] : refused,
      "gives away of the foreign team",
    );
    await send(
      who,
      "/claims/new",
      assigned,
      !who.isToken && who.can("change", undefined) ? [200] : [shut],
      "assigns",
    );
  }
  // lea claims what leb has.
  const lea = by("lea");
  const fields = claim("claim", world.resources.foreign, world.own);
  const expectOf = (answer) => /name="expect" value="([^"]+)"/.exec(answer.text)?.[1] ?? "";
  const make = async () => {
    const preview = await send(lea, "/claims/new", fields, [200]);
    const made = await send(lea, "/claims/new", { ...fields, expect: expectOf(preview) }, [303]);
    return made.headers.location ?? "/claims/1";
  };
  const at = await make();
  const sees = (who) => who.can("read", world.own, world) || who.can("read", world.foreign, world);
  for (const who of people) {
    const login = who.isKnown ? undefined : [303];
    await expect(
      faults,
      site,
      "GET",
      at,
      login ?? (sees(who) ? [200] : [404]),
      { headers: who.headers },
      `as ${who.name}`,
    );
    const list = await expect(
      faults,
      site,
      "GET",
      "/claims",
      login ?? [200],
      { headers: who.headers },
      `as ${who.name}`,
    );
    if (who.isKnown && list.text.includes(`href="${at}"`) !== sees(who))
      faults.push(`GET /claims as ${who.name}: the claim ${sees(who) ? "lacks" : "is told"}`);
    const may = !who.isToken && who.canSomewhere("answer");
    const refused = who.isKnown ? [may && !sees(who) ? 404 : 403] : [401];
    const asked = speaks(who, world.foreign) && who.name !== "lea";
    await send(who, `${at}/accept`, {}, asked ? [200] : refused);
    if (!asked) await send(who, `${at}/decline`, { note: "no" }, refused);
    if (!speaks(who, world.own)) await send(who, `${at}/withdraw`, {}, refused);
  }
  await send(by("leb"), `${at}/decline`, { note: "no" }, [303]);
  const second = await make();
  await send(by("sta"), `${second}/withdraw`, {}, [303], "takes back what its team asked for");
  const third = await make();
  await send(by("stu"), `${third}/withdraw`, {}, [303]);
  return faults;
}

/** Logging out ends the session on the server; who is nobody can log out of nothing, and in with nothing. */
export async function sessions(site, strangers) {
  const faults = [];
  const headers = { cookie: `leap_session=${await logIn(site, "val")}` };
  await expect(faults, site, "GET", "/org", [200], { headers }, "before logging out");
  await expect(
    faults,
    site,
    "POST",
    "/logout",
    [303],
    { headers: { ...headers, origin: site } },
    "as val",
  );
  await expect(faults, site, "GET", "/org", [303], { headers }, "after logging out");
  for (const who of strangers)
    await expect(
      faults,
      site,
      "POST",
      "/logout",
      [303],
      { headers: { ...who.headers, origin: site } },
      `as ${who.name}`,
    );
  const { headers: typed, body } = form(site, { name: "eve", password: "wrong" });
  await expect(
    faults,
    site,
    "POST",
    "/login",
    [401],
    { headers: typed, body },
    "with a wrong password",
  );
  return faults;
}
