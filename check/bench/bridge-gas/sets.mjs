// The sets of contracts, configured alike: proxies of the same kind, the same bonds. Ours come from
// `opal genesis`. Of Optimism's of 2024, `opal genesis` makes the L2, and the L1 is deployed here: their
// package has no program for that. Today's are in todays.mjs.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeDeployData, encodeFunctionData, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { Chain } from "./chain.mjs";

const THEIRS = "contracts/node_modules/@eth-optimism/contracts-bedrock/forge-artifacts";
const MNEMONIC = "test test test test test test test test test test test junk";
const account = (index) => mnemonicToAccount(MNEMONIC, { addressIndex: index }).address;

export const WHO = {
  alice: account(0), owner: account(9), batcher: account(10), proposer: account(11), signer: account(12),
  challenger: account(13),
};
/** Who acts for the sets that are configured here. */
const ROLES = { owner: WHO.owner, guardian: WHO.owner, proposer: WHO.proposer, challenger: WHO.challenger };
export const CHAIN_IDS = { l1: 900, l2: 901 };
/** Seconds. The shortest clock that their game takes beside its oracle's period. */
export const DELAYS = { maturity: 12, finality: 6, clock: 60, bond: 5 };
export const BOND = 80_000_000_000_000_000n;
export const GAME_TYPE = 1;
const GENESIS_TIME = Math.floor(Date.now() / 1000) - 3600;
const ZERO_HASH = toHex(0, { size: 32 });
const ANCHOR = toHex(0xa0c402, { size: 32 });
const RESOURCES = {
  maxResourceLimit: 20_000_000, elasticityMultiplier: 10, baseFeeMaxChangeDenominator: 8,
  minimumBaseFee: 1_000_000_000, systemTxMaxGas: 1_000_000, maximumBaseFee: 2n ** 128n - 1n,
};

/** One of our artifacts. */
export const our = (name) => JSON.parse(readFileSync(`contracts/artifacts/${name}.json`, "utf8"));

/** One of theirs: `NAME.json`, or the first of several that different compilers made. */
function theirFile(name) {
  const folder = join(THEIRS, `${name}.sol`);
  const found = readdirSync(folder).filter((entry) => entry.startsWith(`${name}.`)).sort();
  return JSON.parse(readFileSync(join(folder, found[0]), "utf8"));
}

export function their(name) {
  const { abi, bytecode } = theirFile(name);
  return { abi, bytecode: bytecode.object };
}

/** The deploy configuration of `opal genesis`, the same for both. */
const configuration = (l1Contracts) => `
l1 = { chain_id = ${CHAIN_IDS.l1}, genesis_time = ${GENESIS_TIME}, deploy_multicall3 = true }
l2 = { chain_id = ${CHAIN_IDS.l2} }
forks = { genesis = "fjord" }
vaults.sequencer = { network = "l2" }
vaults.base = { network = "l1" }
[withdrawals]
proof_maturity_seconds = ${DELAYS.maturity}
finality_delay_seconds = ${DELAYS.finality}
game_clock_seconds = ${DELAYS.clock}
bond_delay_seconds = ${DELAYS.bond}
bond = "${BOND} wei"
${l1Contracts}`;

/** Runs `opal genesis`; the folder with what it wrote. */
function generate(folder, name, l1Contracts, ...flags) {
  const out = join(folder, name);
  const config = join(folder, `${name}.toml`);
  writeFileSync(config, configuration(l1Contracts));
  execFileSync(process.env.OPAL, ["genesis", "--config", config, "--out", out, ...flags], { stdio: "pipe" });
  return out;
}

/** Our contracts. */
export async function ours(folder) {
  const out = generate(folder, "ours", "");
  const addresses = JSON.parse(readFileSync(join(out, "addresses.json"), "utf8"));
  const at = (name) => addresses[`${name}Proxy`] ?? addresses[name];
  const l1 = await Chain.start("our L1", { genesis: join(out, "l1-genesis.json"), chainId: CHAIN_IDS.l1 });
  const l2 = await Chain.start("our L2", { genesis: join(out, "genesis.json"), chainId: CHAIN_IDS.l2 });
  return {
    l1, l2, at, roles: ROLES, delays: DELAYS,
    hasRegistry: true, resolvesClaims: false, paysBondTwice: true,
  };
}

/** Optimism's of 2024. */
export async function theirs(folder) {
  const l1 = await Chain.start("their L1", { chainId: CHAIN_IDS.l1 });
  const deployed = await deployTheirs(l1);
  const at = (name) => deployed[name];
  const origin = await l1.rpc("eth_getBlockByNumber", "latest", false);
  const existing = `
[l1_origin]
hash = "${origin.hash}"
number = ${Number(origin.number)}
time = ${GENESIS_TIME}
[l1_contracts]
optimism_portal = "${at("OptimismPortal")}"
system_config = "${at("SystemConfig")}"
l1_cross_domain_messenger = "${at("L1CrossDomainMessenger")}"
l1_standard_bridge = "${at("L1StandardBridge")}"
l1_erc721_bridge = "${at("L1ERC721Bridge")}"`;
  const out = generate(folder, "theirs", existing, "--artifacts", THEIRS);
  const l2 = await Chain.start("their L2", { genesis: join(out, "genesis.json"), chainId: CHAIN_IDS.l2 });
  return {
    l1, l2, at, roles: ROLES, delays: DELAYS,
    hasRegistry: false, resolvesClaims: true, paysBondTwice: false,
  };
}

async function deployTheirs(l1) {
  const from = WHO.owner;
  const create = async (name, args = [], artifact = their(name)) => {
    const data = encodeDeployData({ ...artifact, args });
    return (await l1.send(`deploy ${name}`, { from, data })).contractAddress;
  };
  const admin = await create("ProxyAdmin", [WHO.owner]);
  const call = (name, to, functionName, args) =>
    l1.send(functionName, { from, to, data: encodeFunctionData({ abi: their(name).abi, functionName, args }) });

  const names = ["SuperchainConfig", "SystemConfig", "OptimismPortal", "DisputeGameFactory", "AnchorStateRegistry",
    "DelayedWETH", "L1CrossDomainMessenger", "L1StandardBridge", "L1ERC721Bridge", "OptimismMintableERC20Factory",
    "ProtocolVersions", "L2OutputOracle"];
  const at = { ProxyAdmin: admin };
  for (const name of names) at[name] = await create("Proxy", [admin]);
  const init = async (name, contract, constructorArgs, args) => {
    const implementation = await create(contract, constructorArgs);
    const data = encodeFunctionData({ abi: their(contract).abi, functionName: "initialize", args });
    await call("ProxyAdmin", admin, "upgradeAndCall", [at[name], implementation, data]);
  };
  const { SuperchainConfig: superchain, SystemConfig: system } = at;
  await init("SuperchainConfig", "SuperchainConfig", [], [WHO.owner, false]);
  await init("ProtocolVersions", "ProtocolVersions", [], [WHO.owner, 0n, 0n]);
  await init("SystemConfig", "SystemConfig", [], [
    WHO.owner, 1368, 810_949, toHex(BigInt(WHO.batcher), { size: 32 }), 60_000_000n, WHO.signer, RESOURCES,
    `0x00${"ff".repeat(19)}`,
    {
      l1CrossDomainMessenger: at.L1CrossDomainMessenger,
      l1ERC721Bridge: at.L1ERC721Bridge,
      l1StandardBridge: at.L1StandardBridge,
      disputeGameFactory: at.DisputeGameFactory,
      optimismPortal: at.OptimismPortal,
      optimismMintableERC20Factory: at.OptimismMintableERC20Factory,
      gasPayingToken: `0x${"ee".repeat(20)}`,
    },
  ]);
  await init("DisputeGameFactory", "DisputeGameFactory", [], [WHO.owner]);
  await init("AnchorStateRegistry", "AnchorStateRegistry", [at.DisputeGameFactory],
    [[{ gameType: GAME_TYPE, outputRoot: { root: ANCHOR, l2BlockNumber: 0n } }]]);
  await init("OptimismPortal", "OptimismPortal2", [BigInt(DELAYS.maturity), BigInt(DELAYS.finality)],
    [at.DisputeGameFactory, system, superchain, GAME_TYPE]);
  await init("DelayedWETH", "DelayedWETH", [BigInt(DELAYS.bond)], [WHO.owner, superchain]);
  await init("L1CrossDomainMessenger", "L1CrossDomainMessenger", [], [superchain, at.OptimismPortal, system]);
  await init("L1StandardBridge", "L1StandardBridge", [], [at.L1CrossDomainMessenger, superchain, system]);
  await init("L1ERC721Bridge", "L1ERC721Bridge", [], [at.L1CrossDomainMessenger, superchain]);
  await init("OptimismMintableERC20Factory", "OptimismMintableERC20Factory", [], [at.L1StandardBridge]);
  await init("L2OutputOracle", "L2OutputOracle", [],
    [1800n, 2n, 0n, BigInt(GENESIS_TIME), WHO.proposer, WHO.challenger, 604_800n]);

  // The oracle's period must end before the game's clock does.
  const oracle = await create("PreimageOracle", [0n, BigInt(DELAYS.clock / 2)]);
  const vm = await create("AlphabetVM", [ZERO_HASH, oracle]);
  const game = await create("PermissionedDisputeGame", [GAME_TYPE, ZERO_HASH, 73n, 30n, 1n, BigInt(DELAYS.clock), vm,
    at.DelayedWETH, at.AnchorStateRegistry, BigInt(CHAIN_IDS.l2), WHO.proposer, WHO.challenger]);
  await call("DisputeGameFactory", at.DisputeGameFactory, "setImplementation", [GAME_TYPE, game]);
  await call("DisputeGameFactory", at.DisputeGameFactory, "setInitBond", [GAME_TYPE, BOND]);

  // The Multicall3 of their preinstalls, which chains have.
  const nodes = theirFile("Preinstalls").ast.nodes.flatMap((node) => node.nodes ?? []);
  const code = nodes.find((node) => node.name === "MultiCall3Code").value.hexValue;
  at.Multicall3 = "0xcA11bde05977b3631167028862bE2a173976CA11";
  await l1.rpc("anvil_setCode", at.Multicall3, `0x${code}`);
  return at;
}
