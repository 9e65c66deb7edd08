// Gas of each operation of the bridge, ours beside Optimism's of 2024 and of today.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judge } from "./allowed.mjs";
import { stopAll } from "./chain.mjs";
import { run } from "./operations.mjs";
import { ours, theirs } from "./sets.mjs";
import { Session } from "./session.mjs";
import { todays } from "./todays.mjs";

const METHOD = "gasUsed of the mined transaction on anvil; peer: @eth-optimism/contracts-bedrock 0.17.3, "
  + "today: op-contracts v4 of supersim 0.1.0-alpha.58";

async function measure(make, ...given) {
  const session = new Session(await make(...given));
  await run(session);
  return session.gas;
}

function row(name, gas, peer, today) {
  if (peer === undefined) throw new Error(`${name} was measured once only`);
  return { name, gas, peer, today, ...judge(name, gas, peer, today) };
}

const ratio = (gas, other) => (other ? (gas / other).toFixed(3) : "");

function table(rows, notes) {
  const wide = Math.max(...rows.map(({ name }) => name.length));
  console.log(`${"operation".padEnd(wide)}     ours     2024  ratio    today  ratio`);
  for (const { name, gas, peer, today, note, isWorse } of rows) {
    const mark = isWorse ? "  MORE" : note ? `  [${notes.indexOf(note) + 1}]` : "";
    const numbers = [[gas, 9], [peer, 9], [ratio(gas, peer), 7], [today ?? "", 9], [ratio(gas, today), 7]];
    console.log(`${name.padEnd(wide)}${numbers.map(([what, width]) => String(what).padStart(width)).join("")}${mark}`);
  }
  notes.forEach((note, index) => console.log(`[${index + 1}] ${note}`));
}

const folder = mkdtempSync(join(tmpdir(), "opal-gas-"));
try {
  const [us, them, now] = await Promise.all([
    measure(ours, folder), measure(theirs, folder), measure(todays, folder, process.env.SUPERSIM),
  ]);
  const rows = [...us].map(([name, gas]) => row(name, gas, them.get(name), now.get(name)));
  const notes = [...new Set(rows.map(({ note }) => note).filter(Boolean))];
  table(rows, notes);
  if (process.argv[2]) {
    const json = rows.map(({ name, gas, peer, today, note }) => ({
      name, unit: "gas", ours: gas, peer, ratio: gas / peer, ...(today && { today, today_ratio: gas / today }),
      method: METHOD, ...(note && { note }),
    }));
    writeFileSync(process.argv[2], `${JSON.stringify(json, null, 1)}\n`);
  }
  const worse = rows.filter(({ isWorse }) => isWorse);
  if (worse.length > 0) {
    console.error(`${worse.length} of ${rows.length} operations take more gas than Optimism's`);
    process.exitCode = 1;
  } else {
    console.log(`ok: ${rows.length} operations, none takes more gas than it may`);
  }
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
