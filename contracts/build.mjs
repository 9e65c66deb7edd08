// Compiles src/ with the pinned solc and writes one JSON per contract into artifacts/ (or into the
// folder given as the only argument). Deterministic: same sources and solc, same bytes.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const root = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(root, "artifacts");

const solidityFiles = (folder) =>
  readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return solidityFiles(path);
      return entry.name.endsWith(".sol") ? [path] : [];
    });

const sources = Object.fromEntries(
  solidityFiles(join(root, "src")).map((path) => [
    relative(root, path).split("\\").join("/"),
    { content: readFileSync(path, "utf8").replaceAll("\r\n", "\n") },
  ]),
);

// What upgrade transactions deploy is compiled for size, since the specification limits their gas. Who
// makes a token pays for its code, but everybody who moves it pays for its use: something between.
// Everything else is compiled for use. Nothing comes near the size limit.
const RUNS = [
  [/\/(L1Block|OperatorFeeVault)\.sol$/, 200],
  [/\/(GasPriceOracle|OptimismMintableERC20(Factory)?)\.sol$/, 1_000],
  [/./, 999_999],
];
const runsOf = (path) => RUNS.find(([which]) => which.test(path))[1];

const settings = (runs, paths) => ({
  viaIR: false,
  optimizer: { enabled: true, runs },
  // No opcode newer than Bedrock's, since the predeploys must run in every fork.
  evmVersion: "london",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: {
    "*": { "": ["ast"] },
    ...Object.fromEntries(paths.map((path) => [path, {
      "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object",
            "evm.deployedBytecode.immutableReferences", "storageLayout"],
      "": ["ast"],
    }])),
  },
});

// Libraries of others come from node_modules, at the versions that package-lock.json names.
const findImport = (path) => {
  const file = join(root, "node_modules", path);
  return existsSync(file) ? { contents: readFileSync(file, "utf8") } : { error: `${path} is not installed` };
};

function compile(runs, paths) {
  const input = { language: "Solidity", sources, settings: settings(runs, paths) };
  const result = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
  // 5159: selfdestruct is deprecated, yet it is what burning ETH takes.
  const problems = (result.errors ?? []).filter((e) => e.errorCode !== "5159");
  for (const problem of problems) console.error(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return result;
}

// Names of the immutables by the id of their declaration.
function immutablesOf(sources) {
  const names = {};
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    if (node.nodeType === "VariableDeclaration" && node.mutability === "immutable") names[node.id] = node.name;
    Object.values(node).forEach(visit);
  };
  Object.values(sources).forEach((source) => visit(source.ast));
  return names;
}

// Type names carry ids of the syntax tree, which say nothing to a reader and shift with every edit.
const plain = (type) => type.replace(/\)\d+/g, ")");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const paths = Object.keys(sources);
for (const [, runs] of RUNS) {
  const result = compile(runs, paths.filter((path) => runsOf(path) === runs));
  const immutables = immutablesOf(result.sources);
  for (const [path, contracts] of Object.entries(result.contracts)) {
    for (const [name, contract] of Object.entries(contracts)) write(path, name, contract, immutables);
  }
}

function write(path, name, contract, immutables) {
  const code = contract.evm.deployedBytecode;
  if (code.object === "" || path.startsWith("src/libraries/") || path.startsWith("src/interfaces/")) return;
  if (path !== `src/${path.split("/")[1]}/${name}.sol`) return;
  const references = Object.fromEntries(
    Object.entries(code.immutableReferences ?? {}).map(([id, places]) => [immutables[id], places]),
  );
  const storage = contract.storageLayout.storage.map(({ label, slot, offset, type }) => ({
    label, slot: Number(slot), offset, type: plain(type),
  }));
  const artifact = {
    contract: `${path}:${name}`,
    solc: solc.version(),
    abi: contract.abi,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${code.object}`,
    immutableReferences: references,
    storageLayout: storage,
  };
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(artifact, null, 1)}\n`);
}
