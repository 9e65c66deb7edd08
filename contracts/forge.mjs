// Runs the forge of node_modules in this folder: `node forge.mjs test -vv`. It is an optional dependency,
// since there is one package per platform, and the artifacts are built without it.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const platform = `${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
let forge;
try {
  forge = createRequire(import.meta.url).resolve(`@foundry-rs/forge-${platform}/bin/forge`);
} catch {
  console.error(`no forge for ${platform}; run npm ci here, or use a forge 1.7.1 of your own`);
  process.exit(1);
}
const cwd = dirname(fileURLToPath(import.meta.url));
const { status } = spawnSync(forge, process.argv.slice(2), { cwd, stdio: "inherit" });
process.exit(status ?? 1);
