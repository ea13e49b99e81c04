// What journeys.mjs, roles.mjs and hostile.mjs share: the program `leap`, its server, requests that no browser
// bends, logins, and Chromium (look.mjs and paint.mjs use it too).
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";

// Asked to end, it ends what it has started: that hangs on `exit`, which a signal alone does not bring about.
process.once("SIGTERM", () => process.exit(1));

/** How long the server may take to answer, and to stop. */
const PATIENCE_MS = 120_000;
const ANSWERS = /^leap site {2}(http:\/\/\S+?)\/?\s/m;
/** Long enough for `leap user add`. */
export const PASSWORD = "many blue ink pots 7301";

/** The program on one home. */
export class Leap {
  constructor(program, home) {
    this.program = program;
    this.home = home;
  }

  /** Runs a command; what it printed. Another exit code than 0 is an error with what it said. */
  run(words, input = "") {
    const ran = spawnSync(this.program, ["--home", this.home, ...words], {
      input,
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (ran.error) throw ran.error;
    if (ran.status !== 0)
      throw new Error(`leap ${words.join(" ")} ended with ${ran.status}: ${ran.stderr.trim()}`);
    return ran.stdout;
  }

  /** Gives somebody a login. */
  addPerson(name, roles, shown = name) {
    const words = roles.flatMap((role) => ["--role", role]);
    this.run(
      ["user", "add", name, "--shown", shown, ...words, "--password-stdin"],
      PASSWORD + "\n",
    );
  }

  /** Makes a token; its secret. */
  addToken(user, unit) {
    const part = unit === undefined ? [] : ["--unit", unit];
    return this.run(["token", "add", "--user", user, "--for", "a test", ...part]).trim();
  }

  /** `leap serve` with any free ports, when it answers. */
  async serve(log) {
    const free = ["--listen", "--otlp-http", "--otlp-grpc"].flatMap((port) => [
      port,
      "127.0.0.1:0",
    ]);
    const child = spawn(this.program, ["--home", this.home, "serve", ...free], {
      stdio: ["ignore", "ignore", openSync(log, "w")],
    });
    const kill = () => child.kill("SIGKILL");
    process.once("exit", kill);
    const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
    const server = {
      site: undefined,
      /** Stops it as a service manager would; it must end well. */
      async stop() {
        child.kill("SIGTERM");
        const late = new Promise((done) => setTimeout(done, PATIENCE_MS, "late").unref());
        const code = await Promise.race([ended, late]);
        process.removeListener("exit", kill);
        if (code === "late") kill();
        if (code !== 0)
          throw new Error(`leap serve ended with ${code}: ${readFileSync(log, "utf8")}`);
      },
    };
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until) {
      server.site = ANSWERS.exec(readFileSync(log, "utf8"))?.[1];
      if (server.site) return server;
      if (child.exitCode !== null) break;
      await new Promise((done) => setTimeout(done, 50));
    }
    kill();
    throw new Error(`leap serve does not answer: ${readFileSync(log, "utf8").trim()}`);
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

/** One request, with exactly these headers; `{status, headers, text}`. Waits where the site says so. */
export async function ask(site, method, address, { headers = {}, body, patient = true } = {}) {
  for (let again = 0; ; again++) {
    const answer = await once(site, method, address, headers, body);
    if (answer.status !== 503 || !patient || again === 5) return answer;
    await new Promise((done) => setTimeout(done, 1000));
  }
}

function once(site, method, address, headers, body) {
  const { hostname, port } = new URL(site);
  return new Promise((done, broken) => {
    const sent = request({ hostname, port, agent, method, path: address, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", broken);
      answer.on("end", () =>
        done({
          status: answer.statusCode,
          headers: answer.headers,
          text: Buffer.concat(parts).toString(),
        }),
      );
    });
    sent.setTimeout(60_000, () => sent.destroy(new Error(`${method} ${address}: no answer`)));
    sent.on("error", broken);
    sent.end(body);
  });
}

/** What a form of this site is sent with. */
export const form = (site, fields) => ({
  headers: { origin: site, "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
});

/** Logs in; the secret of the session. */
export async function logIn(site, name) {
  const answer = await ask(
    site,
    "POST",
    "/login",
    form(site, { name, password: PASSWORD, to: "/org" }),
  );
  const cookie = /leap_session=([^;]+)/.exec(String(answer.headers["set-cookie"] ?? ""))?.[1];
  if (answer.status !== 303 || !cookie) throw new Error(`${name} cannot log in: ${answer.status}`);
  return cookie;
}

/** Does `work` on each of `items`, four at once as the site makes its pages; the answers in their order. */
export async function together(items, work) {
  const answers = Array.from(items, () => undefined);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      answers[at] = await work(items[at]);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return answers;
}

/** Chromium, without anything that asks elsewhere by itself. */
export async function browser() {
  const { chromium } = await import("playwright-core");
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What Chromium itself has not done by then it never does. */
const CHROMIUM_MS = 60_000;

/** `promise`, or an error that says what was not done in time. */
function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, broken) => {
    timer = setTimeout(broken, milliseconds, new Error(`${what}: not done in ${milliseconds} ms`));
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A context in a browser of its own: `[context, end]`, where `end` closes both. A Chromium that does not
 * start (seen once, on a busy machine) is left, and another one started: a third is an error. */
export async function fresh(options) {
  for (let started = 1; ; started++) {
    const chromium = await within(CHROMIUM_MS, "Chromium starts", browser());
    const end = () => within(CHROMIUM_MS, "Chromium ends", chromium.close());
    try {
      const context = await within(
        CHROMIUM_MS,
        "Chromium opens a context",
        chromium.newContext(options),
      );
      return [context, end];
    } catch (error) {
      console.error(error.message);
      chromium.close().catch(() => {});
      if (started === 3) throw error;
    }
  }
}

/** Notes on a page what must never happen on it: a dialog, an error, a broken policy, a request elsewhere. */
export async function watch(page, site, note) {
  page.on("dialog", (dialog) => {
    note(`a dialog opened: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  page.on("console", (message) => {
    // Chromium tells the status of the page itself as an error
    const own = message
      .text()
      .startsWith("Failed to load resource: the server responded with a status");
    const isPage = message.location().url.split("#")[0] === page.url().split("#")[0];
    if (["error", "warning"].includes(message.type()) && !(own && isPage)) note(message.text());
  });
  page.on("pageerror", (error) => note(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(site + "/") && !url.startsWith("data:")) note(`asks ${url}`);
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy broken: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
}

/** A folder, made where it is not there. */
export function folder(path) {
  mkdirSync(path, { recursive: true });
  return path;
}
