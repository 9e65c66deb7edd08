// Gas of each operation of the bridge, ours beside Optimism's.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reason } from "./allowed.mjs";
import { stopAll } from "./chain.mjs";
import { run } from "./operations.mjs";
import { ours, theirs } from "./sets.mjs";
import { Session } from "./session.mjs";

const METHOD = "gasUsed of the mined transaction on anvil; @eth-optimism/contracts-bedrock 0.17.3";

async function measure(make, folder) {
  const session = new Session(await make(folder));
  await run(session);
  return session.gas;
}

function row(name, gas, peer) {
  if (peer === undefined) throw new Error(`${name} was measured once only`);
  const note = gas > peer ? reason(name, gas, peer) : undefined;
  return { name, unit: "gas", ours: gas, peer, ratio: gas / peer, method: METHOD, note, isWorse: gas > peer && !note };
}

const folder = mkdtempSync(join(tmpdir(), "opal-gas-"));
try {
  const [us, them] = await Promise.all([measure(ours, folder), measure(theirs, folder)]);
  const rows = [...us].map(([name, gas]) => row(name, gas, them.get(name)));
  const wide = Math.max(...rows.map(({ name }) => name.length));
  const notes = [...new Set(rows.map(({ note }) => note).filter((note) => note && note !== "noise"))];
  console.log(`${"operation".padEnd(wide)} ${"ours".padStart(9)} ${"theirs".padStart(9)}  ratio`);
  for (const { name, ours: gas, peer, ratio, note, isWorse } of rows) {
    const mark = isWorse ? "  MORE" : notes.includes(note) ? `  [${notes.indexOf(note) + 1}]` : "";
    console.log(`${name.padEnd(wide)} ${String(gas).padStart(9)} ${String(peer).padStart(9)}  ${ratio.toFixed(3)}${mark}`);
  }
  notes.forEach((note, index) => console.log(`[${index + 1}] ${note}`));
  if (process.argv[2]) {
    const json = rows.map(({ isWorse, note, ...rest }) => ({ ...rest, ...(note && { note }) }));
    writeFileSync(process.argv[2], `${JSON.stringify(json, null, 1)}\n`);
  }
  const worse = rows.filter(({ isWorse }) => isWorse);
  if (worse.length > 0) {
    console.error(`${worse.length} of ${rows.length} operations take more gas than Optimism's, without a reason`);
    process.exitCode = 1;
  } else {
    console.log(`ok: ${rows.length} operations, none takes more gas than it may`);
  }
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
