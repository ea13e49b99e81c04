// Asks every address with every method as everybody: roles on everything, on a unit and on what is above it, tokens,
// no login, wrong secrets, other sites. What must be answered stands in routes.mjs, as docs/guide/site.md, "Who
// may do what", promises it; what the server says of itself (`x-needs`) must say the same.
//
//   node roles.mjs LEAP HOME FOLDER
//
// LEAP is the program, HOME a home of the sample company to which people are added, FOLDER for the log. Beside the
// statuses: a foreign unit and one that never was read alike, and no name, id or exact amount of a foreign unit stands
// in any answer to who sees a part. At the end some right answers are bent, each in another way, and every one of them
// must be told. A new address is a fault until it stands in ROUTES of routes.mjs.
import { ask, folder, Leap, logIn, together } from "./common.mjs";
import { alike, claims, count, otherSites, sessions } from "./probes.mjs";
import { MAY, ROUTES, bentDocuments, differences, expectedOf } from "./routes.mjs";
import { bent, judge, secretsOf, worldOf } from "./secrets.mjs";

/** More questions of who sees a part: each is also asked as JSON and CSV, and nothing foreign may be in the answer. */
const QUESTIONS = (world) => [
  "/explore?by=team,month&period=2025&compare=year",
  "/explore?by=path,pool",
  "/explore?by=resource&top=100000",
  "/explore?by=account",
  "/explore?by=rule,pool",
  "/explore?by=team&pools=kept",
  "/explore?by=team&cost=list&basis=invoiced",
  "/explore?rows=charges",
  `/explore?rows=charges&team=${encodeURIComponent(world.foreign)}`,
  `/explore?by=service&where=${encodeURIComponent(`team = '${world.foreign}'`)}`,
  `/explore?by=team&where=${encodeURIComponent(`ResourceId = '${world.resources.foreign}'`)}`,
  "/team/UNIT?measure=bps",
  "/?measure=engineers",
  ...[
    "kind=unit",
    "kind=resource&q=a",
    "kind=rule",
    "kind=pool",
    `q=${encodeURIComponent(world.name.slice(0, 4))}`,
  ].map((query) => `/search?${query}`),
];

/** Somebody who asks. */
class Who {
  constructor(name, grants, headers, { isKnown = true, isToken = false } = {}) {
    Object.assign(this, { name, grants, headers, isKnown, isToken });
  }

  /** Whether a grant lets them do that for a unit (undefined: for the whole company). */
  can(what, unit, world) {
    return this.grants.some(
      (grant) =>
        MAY[what].includes(grant.role) &&
        (grant.unit === undefined ||
          (unit !== undefined && world.above(unit).includes(grant.unit))),
    );
  }

  canSomewhere(what) {
    return this.grants.some((grant) => MAY[what].includes(grant.role));
  }

  get isCut() {
    return this.isKnown && !this.can("read", undefined);
  }
}

const grant = (text) => {
  const [role, unit] = text.split("@");
  return { role, unit };
};

async function main(program, home, output) {
  const began = Date.now();
  const leap = new Leap(program, home);
  const faults = [];
  const roles = (world) => ({
    eve: ["administrator"],
    val: ["viewer"],
    vao: [`viewer@${world.own}`],
    vap: [`viewer@${world.parent}`],
    lea: [`team-lead@${world.own}`],
    leb: [`team-lead@${world.foreign}`],
    les: ["team-lead"],
    mix: [`viewer@${world.own}`, `team-lead@${world.beside}`],
    stu: ["steward"],
    sta: [`steward@${world.own}`],
    app: ["approver"],
    apa: [`approver@${world.own}`],
    both: [`approver@${world.own}`, "viewer"],
    nil: [],
    out: ["viewer"],
  });
  leap.addPerson("eve", ["administrator"]);
  const server = await leap.serve(`${folder(output)}/serve.log`);
  const { site } = server;
  const people = [];
  try {
    const eve = { cookie: `leap_session=${await logIn(site, "eve")}` };
    const read = (address) => ask(site, "GET", address, { headers: eve });
    const world = await worldOf(leap, read);
    for (const [name, grants] of Object.entries(roles(world))) {
      if (name !== "eve") leap.addPerson(name, grants.length ? grants : ["viewer"]);
      if (!grants.length) leap.run(["user", "revoke", name, "viewer"]);
    }
    for (const [name, grants] of Object.entries(roles(world)))
      people.push(
        new Who(name, grants.map(grant), { cookie: `leap_session=${await logIn(site, name)}` }),
      );
    const bearer = (secret) => ({ authorization: `Bearer ${secret}` });
    const asToken = { isToken: true };
    for (const [name, user, unit] of [
      ["a token", "val"],
      ["a token of a unit", "val", world.own],
      ["a token of a team lead", "lea"],
      ["a token of a steward", "stu"],
    ]) {
      const grants = unit ? [`viewer@${unit}`] : roles(world)[user];
      people.push(new Who(name, grants.map(grant), bearer(leap.addToken(user, unit)), asToken));
    }
    const gone = bearer(leap.addToken("out"));
    leap.run(["user", "disable", "out"]);
    const outside = people.splice(
      people.findIndex((who) => who.name === "out"),
      1,
    )[0];
    const stranger = (name, headers) => people.push(new Who(name, [], headers, { isKnown: false }));
    stranger("nobody", {});
    stranger("a wrong session", { cookie: `leap_session=${"0".repeat(64)}` });
    stranger("a wrong token", bearer("leap_pat_0"));
    stranger("a wrong token and a right session", { ...eve, ...bearer("leap_pat_0") });
    stranger("another scheme", {
      authorization: `Basic ${Buffer.from("eve:x").toString("base64")}`,
    });
    stranger("the session of who was shut out", outside.headers);
    stranger("the token of who was shut out", gone);

    const document = JSON.parse((await read("/api/v1/openapi.json")).text);
    faults.push(...differences(document));
    const pages = new Set(Object.keys(document.paths));

    // What each must not read.
    const hidden = await secretsOf(world, read);
    const kept = new Map();
    for (const who of people) {
      if (who.isKnown && !who.isCut) continue;
      const units = [...new Set(who.grants.map((grant) => grant.unit))].sort();
      const key = units.join(" ");
      if (!kept.has(key))
        kept.set(key, await hidden(units, ["/explore?by=service,day", ...QUESTIONS(world)]));
      who.secrets = kept.get(key);
      if (who.secrets.names.length < 20 || who.secrets.amounts.size < 100)
        faults.push(
          `${who.name}: only ${who.secrets.names.length} names and ${who.secrets.amounts.size} amounts are foreign`,
        );
    }

    const questions = [];
    const put = (who, method, address, expected, more = {}) =>
      questions.push({ who, method, address, expected, ...more });
    const strangers = people.filter((who) => !who.isKnown);
    for (const who of people) {
      for (const [key, route] of Object.entries(ROUTES)) {
        const [method, path] = key.split(" ");
        if (route.once) continue;
        const at = "at" in route ? route.at : path;
        const addresses = at ? [[at]] : [];
        const never = route.never ?? [404];
        const unit = (id) => (who.can("read", id, world) ? [200] : never);
        const sees = { own: world.own, foreign: world.foreign };
        for (const id of route.units
          ? [world.own, world.beside, world.foreign, world.parent, world.root, "nowhere"]
          : [])
          addresses.push([route.units(id), id === "nowhere" ? never : unit(id), id]);
        for (const [whose, id] of Object.entries(route.resources ? world.resources : {})) {
          const expected =
            whose === "nobody" ? (who.can("read", undefined) ? [200] : [404]) : unit(sees[whose]);
          addresses.push([route.resources(id), expected, id]);
        }
        for (const [address, gives, asked] of addresses) {
          const forms = pages.has(path) ? [address, `/api/v1${address}`] : [address];
          if (method === "GET" && pages.has(path))
            forms.push(`${address}${address.includes("?") ? "&" : "?"}format=csv`);
          for (const one of forms)
            put(who, method, one, expectedOf(method, one, who, gives), {
              asked: asked ? [asked] : [],
            });
        }
        if (!at || method !== "GET") continue;
        // The methods that are not there, and HEAD; some of them as everybody, all of them as some.
        const others = ["eve", "lea", "nobody"].includes(who.name)
          ? ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
          : ["HEAD", "DELETE"];
        for (const other of others)
          if (!ROUTES[`${other} ${path}`]) put(who, other, at, expectedOf(other, at, who));
      }
      for (const address of [
        "/nowhere",
        "/api/v1/nowhere",
        "/api/v1/healthz",
        "/team",
        "/claims/1/nothing",
      ])
        put(who, "GET", address, expectedOf("GET", address, who));
      if (who.isCut)
        for (const question of QUESTIONS(world))
          for (const address of [
            question,
            `/api/v1${question}`,
            `${question}${question.includes("?") ? "&" : "?"}format=csv`,
          ]) {
            const unit = who.grants[0]?.unit ?? world.own;
            put(who, "GET", address.replace("UNIT", encodeURIComponent(unit)), [200, 404, 422], {
              asked: [unit, world.foreign, world.resources.foreign, world.name.slice(0, 4)],
            });
          }
    }
    const records = await together(questions, async ({ who, method, address, expected, asked }) => {
      const isForm = !["GET", "HEAD"].includes(method);
      const headers = { ...who.headers, ...(isForm ? { origin: site } : {}) };
      const answer = await ask(site, method, address, { headers });
      const record = {
        method,
        address,
        who: who.name,
        expected,
        answer,
        secrets: who.secrets,
        asked,
      };
      faults.push(...judge(record));
      return record;
    });

    faults.push(...(await otherSites(site, people)));
    faults.push(...(await alike(site, people, world)));
    faults.push(...(await claims(site, people, world)));
    faults.push(...(await sessions(site, strangers)));
    const untold = [...bent(records), ...bentDocuments(document)];
    faults.push(...untold.filter(Boolean).map((words) => `self-test: ${words}`));
    const names = [...kept.values()].reduce(
      (sum, one) => sum + one.names.length + one.amounts.size,
      0,
    );
    for (const words of faults.slice(0, 60)) console.error(words);
    if (faults.length > 60) console.error(`… and ${faults.length - 60} more`);
    console.error(`${records.length} answers in ${Math.round((Date.now() - began) / 1000)} s`);
    console.log(
      `routes × roles with unexpected answers ${faults.length}: ${Object.keys(ROUTES).length} routes, ${people.length} people ` +
        `and strangers, ${records.length + count.asked} answers; foreign names and amounts looked for ${names}; bent answers told ` +
        `${untold.filter((words) => !words).length} of ${untold.length}`,
    );
  } finally {
    await server.stop();
  }
  return faults.length ? 1 : 0;
}

const [program, home, output] = process.argv.slice(2);
if (!output) {
  console.error("usage: node roles.mjs LEAP HOME FOLDER");
  process.exit(2);
}
process.exit(await main(program, home, output));
