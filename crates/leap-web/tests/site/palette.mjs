// Reads the tokens of leap.css and checks what the design promises of them: text and chart
// colours reach 4.5:1 on the surfaces they stand on, and the six chart hues stay apart for
// normal, protanope, deuteranope and tritanope eyes. No packages; run: node palette.mjs
import { readFileSync } from "node:fs";

const css = readFileSync(new URL("../../assets/leap.css", import.meta.url), "utf8");
const blockAfter = (start) => css.slice(start, css.indexOf("}", start));
const tokensOf = (block) =>
  Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1], m[2]]));
const light = tokensOf(blockAfter(css.indexOf(":root {")));
const darkBySystem = tokensOf(blockAfter(css.indexOf(':root:not([data-theme="light"]) {')));
const darkByChoice = tokensOf(blockAfter(css.indexOf(':root[data-theme="dark"] {')));

const linear = (hex) =>
  [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
function contrast(a, b) {
  const [x, y] = [luminance(linear(a)), luminance(linear(b))].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}
// Machado, Oliveira and Fernandes 2009, severity 1
const eyes = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanope: [
    0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998,
  ],
  deuteranope: [
    0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881,
  ],
  tritanope: [
    1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039,
  ],
};
const through = (colour, m) =>
  [0, 1, 2].map((i) =>
    Math.min(
      1,
      Math.max(0, m[3 * i] * colour[0] + m[3 * i + 1] * colour[1] + m[3 * i + 2] * colour[2]),
    ),
  );
function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

let failures = 0;
const expect = (holds, words) => {
  if (!holds) {
    failures += 1;
    console.error("FAIL " + words);
  }
};
expect(
  JSON.stringify(darkBySystem) === JSON.stringify(darkByChoice),
  "dark by the system and dark by choice have the same tokens",
);
for (const [theme, look] of [
  ["light", light],
  ["dark", { ...light, ...darkBySystem }],
]) {
  const onBoth = [
    "ink",
    "ink-2",
    "accent",
    "ok",
    "warn",
    "bad",
    "c1",
    "c2",
    "c3",
    "c4",
    "c5",
    "c6",
    "c-rest",
    "c-residual",
  ];
  for (const name of onBoth)
    for (const surface of ["bg", "bg-2"]) {
      const found = contrast(look[name], look[surface]);
      expect(found >= 4.5, `${theme}: --${name} on --${surface} is ${found.toFixed(2)}:1`);
    }
  for (const [text, surface] of [
    ["ok", "ok-bg"],
    ["warn", "warn-bg"],
    ["bad", "bad-bg"],
    ["accent", "accent-bg"],
    ["accent-ink", "accent"],
    ["ink", "mark"],
    ["ink", "bg-3"],
    ["ink-2", "bg-3"],
  ]) {
    const found = contrast(look[text], look[surface]);
    expect(found >= 4.5, `${theme}: --${text} on --${surface} is ${found.toFixed(2)}:1`);
  }
  for (const name of ["line-2", "c-before"])
    expect(
      contrast(look[name], look.bg) >= 3,
      `${theme}: --${name} is ${contrast(look[name], look.bg).toFixed(2)}:1, an edge needs 3:1`,
    );
  for (const [eye, matrix] of Object.entries(eyes)) {
    const seen = [1, 2, 3, 4, 5, 6].map((n) => oklab(through(linear(look["c" + n]), matrix)));
    let nearest = 9,
      who = "";
    for (let i = 0; i < 6; i++)
      for (let j = 0; j < i; j++) {
        const far = Math.hypot(...seen[i].map((part, k) => part - seen[j][k]));
        if (far < nearest) {
          nearest = far;
          who = `c${j + 1} and c${i + 1}`;
        }
      }
    console.log(`${theme} ${eye}: nearest ${who}, ${nearest.toFixed(3)} in OKLab`);
    expect(nearest >= 0.09, `${theme} ${eye}: ${who} are only ${nearest.toFixed(3)} apart`);
  }
}

// the file itself: nothing that a browser would skip in silence, and within its weight
const bare = css.replace(/\/\*[\s\S]*?\*\//g, "").replace(/"[^"]*"/g, "");
expect(!/\}\s*;/.test(bare), "leap.css has a ';' behind a '}': the next rule would be skipped");
const opened = bare.split("{").length;
expect(opened === bare.split("}").length, "leap.css opens as many blocks as it closes");
const sizeOf = (name) => readFileSync(new URL("../../assets/" + name, import.meta.url)).length;
for (const [name, most] of [
  ["leap.css", 30_000],
  ["leap.js", 25_000],
]) {
  expect(sizeOf(name) <= most, `${name} has ${sizeOf(name)} bytes, at most ${most}`);
}
console.log(failures ? `${failures} promises broken` : "palette: all promises hold");
process.exit(failures ? 1 : 0);
