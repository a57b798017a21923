// node parse.cjs FOLDER: reads Mermaid texts, a JSON list, from stdin and prints what is wrong with each, or null.
// FOLDER is where the packages are installed.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const { pathToFileURL } = require("node:url");

const folder = resolve(process.argv[2]);
const { JSDOM } = createRequire(join(folder, "package.json"))("jsdom");
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });

(async () => {
  const package_ = join(folder, "node_modules", "mermaid", "dist", "mermaid.core.mjs");
  const { default: mermaid } = await import(pathToFileURL(package_));
  const faults = [];
  for (const text of JSON.parse(readFileSync(0, "utf8"))) {
    faults.push(await mermaid.parse(text).then(() => null, (error) => error.message));
  }
  console.log(JSON.stringify(faults));
})();
