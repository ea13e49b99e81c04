// Every address of the site and who may ask it, as docs/guide/site.md, "Who may do what", promises it: for roles.mjs.
// A new address is a fault until it stands in ROUTES.

/** "Who may do what": the roles that may do a deed for their units. */
export const MAY = {
  read: ["viewer", "team-lead", "steward", "approver", "administrator"],
  answer: ["team-lead", "steward"],
  change: ["steward"],
  approve: ["approver"],
  administer: ["administrator"],
};
/** The word of a deed in the description of the addresses. */
const WORD = {
  answer: "team-lead",
  change: "steward",
  approve: "approver",
  administer: "administrator",
};

/** Everybody may, also without a login. */
const open = (more = {}) => ({ needs: "nothing", is: () => true, own: true, ...more });
/** Who is logged in; the answer holds what they see. */
const part = (more = {}) => ({ needs: "person", is: (who) => who.isKnown, ...more });
/** Who logged in; a token does not do. */
const loggedIn = (more = {}) => ({
  needs: "login",
  is: (who) => who.isKnown && !who.isToken,
  ...more,
});
/** Who reads the whole company. */
const whole = (more = {}) => ({
  needs: "everything",
  is: (who) => who.can("read", undefined),
  ...more,
});
/** Who may do that for some unit; a token does nothing. */
const deed = (what, more = {}) => ({
  needs: WORD[what],
  is: (who) => !who.isToken && who.canSomewhere(what),
  ...more,
});
/** Who may do that for the whole company. */
export const everywhere = (what, more = {}) => ({
  needs: `${WORD[what]} everywhere`,
  is: (who) => !who.isToken && who.can(what, undefined),
  ...more,
});

export const under = (path) => (unit) =>
  `${path}${path.includes("?") ? "&" : "?"}under=${encodeURIComponent(unit)}`;
/** A number that no record has. */
const NONE = "999999";

/**
 * All addresses. `at` is an address to ask for (default: the path), `gives` what it answers to who may (default: 200,
 * and 404 or 422 to a form without fields); `units` makes addresses of a unit (`never`: what is answered where the person sees none of that name, 404 unless it is a
 * parameter), `resources` of a resource. `own` is what the server answers by itself, `once` what other questions ask.
 */
export const ROUTES = {
  "GET /": part({ units: under("/"), never: [422] }),
  "GET /team/{unit}": part({ at: undefined, units: (unit) => `/team/${encodeURIComponent(unit)}` }),
  "GET /explore": part({ units: under("/explore?by=team,service"), never: [422] }),
  "GET /resource": part({
    gives: [422],
    resources: (id) => `/resource?id=${encodeURIComponent(id)}`,
  }),
  "GET /coverage": whole(),
  "GET /coverage/residual": whole(),
  "GET /claims": part(),
  "GET /claims/{number}": part({ at: `/claims/${NONE}`, gives: [404] }),
  "POST /claims/new": deed("answer"),
  "POST /claims/{number}/accept": deed("answer", { at: `/claims/${NONE}/accept`, gives: [404] }),
  "POST /claims/{number}/decline": deed("answer", { at: `/claims/${NONE}/decline`, gives: [404] }),
  "POST /claims/{number}/withdraw": deed("answer", {
    at: `/claims/${NONE}/withdraw`,
    gives: [404],
  }),
  "GET /latency": whole(),
  "GET /latency/requests": whole(),
  "GET /latency/explain": whole(),
  "GET /latency/diff": whole(),
  "GET /pools": whole(),
  "GET /pools/{pool}": whole({ at: "/pools/none", gives: [404] }),
  "GET /pools/{pool}/{day}": whole({ at: "/pools/none/2026-05-01", gives: [404] }),
  "GET /waivers": part(),
  "GET /waivers/{number}": part({ at: `/waivers/${NONE}`, gives: [404] }),
  "POST /waivers/new": deed("answer", { gives: [422] }),
  "POST /waivers/{number}/grant": loggedIn({ at: `/waivers/${NONE}/grant`, gives: [404] }),
  "POST /waivers/{number}/refuse": loggedIn({ at: `/waivers/${NONE}/refuse`, gives: [404] }),
  "POST /waivers/{number}/withdraw": loggedIn({ at: `/waivers/${NONE}/withdraw`, gives: [404] }),
  "GET /alerts": part({ units: under("/alerts"), never: [422] }),
  "GET /forecast": part({ units: under("/forecast"), never: [422] }),
  "GET /budgets": part({ units: under("/budgets"), never: [422] }),
  "GET /incidents": part(),
  "GET /incidents/{number}": part({ at: `/incidents/${NONE}`, gives: [404] }),
  "POST /incidents/{number}/acknowledge": deed("answer", {
    at: `/incidents/${NONE}/acknowledge`,
    gives: [404],
  }),
  "POST /incidents/{number}/annotate": deed("answer", {
    at: `/incidents/${NONE}/annotate`,
    gives: [404],
  }),
  "GET /plans": whole(),
  "GET /plans/{number}": whole({ at: `/plans/${NONE}`, gives: [404] }),
  "GET /plans/approvals/{number}": whole({ at: `/plans/approvals/${NONE}`, gives: [404] }),
  "POST /plans/approvals/{number}/approve": everywhere("approve", {
    at: `/plans/approvals/${NONE}/approve`,
    gives: [404],
  }),
  "POST /plans/approvals/{number}/decline": everywhere("approve", {
    at: `/plans/approvals/${NONE}/decline`,
    gives: [404],
  }),
  "POST /plans/approvals/{number}/withdraw": everywhere("change", {
    at: `/plans/approvals/${NONE}/withdraw`,
    gives: [404],
  }),
  "GET /messages": part(),
  "GET /messages/{number}": part({ at: `/messages/${NONE}`, gives: [404] }),
  "POST /messages/{number}/retry": loggedIn({ at: `/messages/${NONE}/retry`, gives: [404] }),
  "POST /messages/{number}/cancel": loggedIn({ at: `/messages/${NONE}/cancel`, gives: [404] }),
  "GET /contracts": part(),
  "GET /contracts/{contract}/{clause}": part({ at: "/contracts/none/none", gives: [404] }),
  "GET /org": part(),
  "GET /periods": whole(),
  "GET /coverage/rules": whole(),
  "POST /coverage/rules": everywhere("change"),
  "POST /pools": everywhere("change"),
  "GET /org/plan": everywhere("change"),
  "POST /org/plan": everywhere("change"),
  "GET /org/plans": whole(),
  "GET /org/plans/{number}": whole({ at: `/org/plans/${NONE}`, gives: [404] }),
  "POST /org/plans/{number}/approve": everywhere("approve", {
    at: `/org/plans/${NONE}/approve`,
    gives: [404],
  }),
  "POST /org/plans/{number}/decline": everywhere("approve", {
    at: `/org/plans/${NONE}/decline`,
    gives: [404],
  }),
  "POST /org/plans/{number}/withdraw": everywhere("change", {
    at: `/org/plans/${NONE}/withdraw`,
    gives: [404],
  }),
  "GET /org/log": whole(),
  "POST /org/log/{number}/revert": everywhere("change", {
    at: `/org/log/${NONE}/revert`,
    gives: [404],
  }),
  "GET /periods/{period}": whole({ at: "/periods/1999-01", gives: [404] }),
  "POST /periods/{period}/close": everywhere("change", { at: "/periods/1999-01/close" }),
  "POST /periods/{period}/restate": everywhere("change", { at: "/periods/1999-01/restate" }),
  "POST /periods/{period}/reopen": everywhere("change", { at: "/periods/1999-01/reopen" }),
  "POST /periods/{period}/approvals/{number}/approve": everywhere("approve", {
    at: `/periods/1999-01/approvals/${NONE}/approve`,
    gives: [404],
  }),
  "POST /periods/{period}/approvals/{number}/decline": everywhere("approve", {
    at: `/periods/1999-01/approvals/${NONE}/decline`,
    gives: [404],
  }),
  "POST /periods/{period}/approvals/{number}/withdraw": everywhere("change", {
    at: `/periods/1999-01/approvals/${NONE}/withdraw`,
    gives: [404],
  }),
  "GET /volume": part({ units: under("/volume"), never: [422] }),
  "GET /engineers": part({ units: under("/engineers"), never: [422] }),
  "GET /data": whole(),
  "GET /data/audit": whole(),
  "GET /search": part(),
  "GET /start": part(),
  "GET /account": loggedIn(),
  "POST /account/sessions": loggedIn(),
  // Whose login is older than five minutes proves it first.
  "POST /account/tokens": loggedIn({ gives: [303, 403, 422] }),
  "POST /account/tokens/revoke": loggedIn(),
  // what the server answers by itself
  "GET /healthz": open(),
  "GET /readyz": open(),
  "GET /assets/{digest}/{file}": open({ at: "/assets/0/none.css", gives: [404], bare: true }),
  "GET /licences": open(),
  "POST /preferences": open({ gives: [303] }),
  "GET /login": open(),
  "POST /login": open({ once: true }),
  // No provider is set, and the first person came long ago.
  "GET /login/oidc": open({ gives: [404] }),
  "GET /login/oidc/callback": open({ gives: [404] }),
  "GET /setup": open({ gives: [404] }),
  "POST /setup": open({ gives: [404] }),
  "GET /login/again": loggedIn({ own: true }),
  "POST /login/again": loggedIn({ own: true, once: true }),
  "POST /logout": open({ once: true }),
  "POST /slack/actions/{channel}": open({ at: "/slack/actions/none", gives: [403] }),
  "GET /metrics": whole({ own: true }),
  "GET /api/v1/openapi.json": part({ own: true }),
};

/** The routes of the table that a path is of. */
const routesAt = (path) =>
  Object.keys(ROUTES).filter((key) => {
    const own = key.split(" ")[1].split("/");
    const given = path.split("/");
    return (
      own.length === given.length &&
      own.every((part, at) => part === given[at] || part.startsWith("{"))
    );
  });

/** What must be answered to a method at an address. */
export function expectedOf(method, address, who, gives) {
  const isApi = address.startsWith("/api/v1/") && !address.startsWith("/api/v1/openapi.json");
  const isFile = isApi || /[?&]format=/.test(address) || address.startsWith("/api/");
  const path = (isApi ? address.slice("/api/v1".length) : address).split("?")[0];
  const here = routesAt(path).filter((key) => !isApi || !ROUTES[key].own);
  const key = here.find((key) => key.split(" ")[0] === (method === "HEAD" ? "GET" : method));
  if (here.some((one) => ROUTES[one].bare)) return [["GET", "HEAD"].includes(method) ? 404 : 405];
  const login = ["GET", "HEAD"].includes(method) && !isFile ? [303] : [401];
  if (!key) return who.isKnown ? [here.length ? 405 : 404] : login;
  const route = ROUTES[key];
  if (!route.is(who)) return who.isKnown ? [403] : login;
  return gives ?? route.gives ?? (method === "POST" ? [404, 422] : [200]);
}

/** What the description of the server and the table say differently. */
export function differences(document) {
  const said = new Map();
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods))
      said.set(`${method.toUpperCase()} ${path}`, operation["x-needs"]);
  for (const own of document["x-own-routes"]) said.set(`${own.method} ${own.path}`, own["x-needs"]);
  const wrong = [];
  for (const [key, needs] of said)
    if (!ROUTES[key])
      wrong.push(
        `${key} (${needs}) is an unknown address: add it to ROUTES in routes.mjs, with who may`,
      );
    else if (ROUTES[key].needs !== needs)
      wrong.push(
        `${key}: the server says that it needs '${needs}', docs/guide/site.md promises '${ROUTES[key].needs}'`,
      );
  for (const key of Object.keys(ROUTES))
    if (!said.has(key)) wrong.push(`${key} stands in ROUTES, and the server has none`);
  return wrong;
}

/** Descriptions that are bent: what differences() must tell. */
export function bentDocuments(document) {
  const withPath = (path, more) => ({ ...document, paths: { ...document.paths, [path]: more } });
  const { "/": _, ...rest } = document.paths;
  const cases = [
    ["an address that the table lacks", withPath("/new", { get: { "x-needs": "person" } })],
    [
      "a method that the table lacks",
      withPath("/", { ...document.paths["/"], post: { "x-needs": "person" } }),
    ],
    ["an address that needs less", withPath("/data/audit", { get: { "x-needs": "person" } })],
    ["a form that needs less", withPath("/claims/new", { post: { "x-needs": "person" } })],
    ["an address that is gone", { ...document, paths: rest }],
  ];
  return cases.map(([name, bent]) =>
    differences(bent).length ? undefined : `${name} is not told`,
  );
}
