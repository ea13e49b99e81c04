// Names that are markup, scripts, formulas, queries and worse, and a company that is made of them: for hostile.mjs.
import { writeFileSync } from "node:fs";

export const CORPUS = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "'><svg onload=alert(1)>",
  "</title></textarea></select><script src=//evil.example/x.js></script>",
  '" onmouseover="alert(1)" x="',
  "' autofocus onfocus='alert(1)",
  "`${alert(1)}`",
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "//evil.example/x",
  "https://evil.example/?a=1&b=2#c",
  "&lt;b&gt; &amp; &#x27; &nbsp;",
  "<!-- a comment",
  "]]><![CDATA[",
  "=1+1",
  "=cmd|' /C calc'!A0",
  "+1+1",
  "-2+3",
  "@SUM(1+1)",
  "\t=1+1",
  "'; DROP TABLE claims; --",
  "' OR '1'='1",
  "%' ESCAPE '\\",
  "{{7*7}}",
  "${7*7} #{7*7} <%= 7*7 %>",
  "a\u202egnp.exe\u202c",
  "pay\u200bme\ufeffnts",
  "e\u0301\u0323\u0489",
  "\u{1f469}\u200d\u{1f469}\u200d\u{1f467} \u{1f3f3}\ufe0f\u200d\u{1f308}",
  "%00 \\0 \\u0000 \\x00",
  "%0d%0ax-injected: 1",
  "../../etc/passwd",
  "a/b?c=d#e",
  "a&b=c;d+e%20f%2F",
  "100 %",
  'a,"b""c",d',
  "__proto__",
  "constructor",
  "undefined",
  "NaN",
  "x".repeat(128),
];
/** Too long or not allowed for an id; resources and tags may be called so. */
const LOOSE = [
  "y".repeat(4000),
  "\r=1+1",
  "line\nbreak",
  "residual:no-rule",
  "residual:pool:<b>",
  "\u0001\u007f\u0085",
];
export const ALL = [...CORPUS, ...LOOSE];

const isId = (text) =>
  Buffer.byteLength(text) <= 128 &&
  text.trim() === text &&
  !/[\u0000-\u001f\u007f-\u009f]/.test(text) &&
  !text.startsWith("residual:");
export const TEAMS = CORPUS.filter(isId);

/** A text in double quotes as YAML reads it. */
const yaml = (text) =>
  `"${[...text]
    .map((letter) => {
      const code = letter.codePointAt(0);
      if (letter === '"' || letter === "\\") return "\\" + letter;
      if (code >= 0x20 && code < 0x7f) return letter;
      return code > 0xffff
        ? `\\U${code.toString(16).padStart(8, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    })
    .join("")}"`;
const sql = (text) => `'${text.replaceAll("'", "''")}'`;
const field = (text) => `"${text.replaceAll('"', '""')}"`;

/** The org, the rules and the bill of the corpus. */
export function company(output) {
  const units = TEAMS.map(
    (text) =>
      `  - {id: ${yaml(text)}, name: ${yaml(text)}, kind: team, parent: acme, lead: ${yaml(text)}}`,
  );
  writeFileSync(
    `${output}/org.yaml`,
    `units:\n  - {id: acme, name: "Acme <b>", kind: company}\n  - {id: plain, name: Plain, kind: team, parent: acme}\n${units.join("\n")}\n`,
  );
  // Some teams by a rule of their own, which is called like them.
  const rules = TEAMS.slice(0, 12).map(
    (text) =>
      `  - id: ${yaml(text)}\n    when: ${yaml(`Tags['note'] = ${sql(text)}`)}\n    owner: ${yaml(text)}`,
  );
  writeFileSync(
    `${output}/rules.yaml`,
    `rules:\n${rules.join("\n")}\n  - id: team-tag\n    when: "Tags['team'] IS NOT NULL"\n    owner: {from: "Tags['team']"}\nresidual: {steward: ${yaml(CORPUS[0])}}\n`,
  );
  const names =
    "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass," +
    "ChargeDescription,ChargePeriodEnd,ChargePeriodStart,ContractedCost,EffectiveCost,InvoiceIssuerName,ListCost,PricingQuantity," +
    "PricingUnit,ProviderName,PublisherName,ResourceId,ResourceName,ServiceCategory,ServiceName,SubAccountId,SubAccountName,RegionId,Tags";
  const bill = (month, next) => {
    const rows = ALL.map((text, at) => {
      const cost = `${at + 1}.${String(at + 11)}`;
      const day = `${month}-${String((at % 28) + 1).padStart(2, "0")}`;
      // The last ones have no team at all.
      const tags = at >= ALL.length - 3 ? { note: text } : { team: text, note: text };
      const cells = [
        cost,
        "acc",
        "Acme",
        "USD",
        `${next}-01T00:00:00Z`,
        `${month}-01T00:00:00Z`,
        "Usage",
        "",
        text,
        `${day}T01:00:00Z`,
        `${day}T00:00:00Z`,
        cost,
        cost,
        "AWS",
        cost,
        "1",
        "Hours",
        "AWS",
        "AWS",
        text,
        text,
        "Compute",
        text,
        text,
        text,
        text,
        JSON.stringify(tags),
      ];
      return cells.map(field).join(",");
    });
    writeFileSync(`${output}/bill-${month}.csv`, `${names}\n${rows.join("\n")}\n`);
  };
  bill("2026-07", "2026-08");
  bill("2026-08", "2026-09");
}
