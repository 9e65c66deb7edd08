// Optimism's contracts of 2025 (op-contracts v4) as supersim brings them: the first blocks of its L1 and
// of its first L2, made alike to the other sets where that changes what an operation takes.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeFunctionData, keccak256, concat, parseAbi, toHex } from "viem";
import { Chain } from "./chain.mjs";
import { BOND, CHAIN_IDS, GAME_TYPE } from "./sets.mjs";

const L2_BRIDGE = "0x4200000000000000000000000000000000000010";
/** Storage slot of that bridge in which the one on L1 is. */
const OTHER_BRIDGE = toHex(4, { size: 32 });
const IMPLEMENTATION = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const SEQUENCER_VAULT = "0x4200000000000000000000000000000000000011";
const BASE_VAULT = "0x4200000000000000000000000000000000000019";

/** Reads a value of one word; an address if `isAddress`. */
async function word(chain, to, signature, args = []) {
  const data = encodeFunctionData({ abi: parseAbi([`function ${signature}`]), args });
  return BigInt(await chain.call(to, data));
}

const address = async (...what) => toHex(await word(...what), { size: 20 });

/** Today's contracts; `genesis` is the folder with 900.json and 901.json. */
export async function todays(folder, genesis) {
  const l1 = await Chain.start("today's L1", { genesis: join(genesis, "900.json"), chainId: CHAIN_IDS.l1 });
  const l2 = await Chain.start("today's L2", { genesis: vaultsAlike(folder, genesis), chainId: CHAIN_IDS.l2 });
  const at = await addresses(l1, l2);
  const admin = await address(l1, at.SystemConfig, "proxyAdminOwner()");
  const game = await address(l1, at.DisputeGameFactory, "gameImpls(uint32)", [GAME_TYPE]);
  const roles = {
    owner: await address(l1, at.SystemConfig, "owner()"),
    guardian: await address(l1, at.SystemConfig, "guardian()"),
    proposer: await address(l1, game, "proposer()"),
    challenger: await address(l1, game, "challenger()"),
  };
  const seconds = async (...what) => Number(await word(l1, ...what));
  const delays = {
    maturity: await seconds(at.OptimismPortal, "proofMaturityDelaySeconds()"),
    finality: await seconds(at.OptimismPortal, "disputeGameFinalityDelaySeconds()"),
    clock: await seconds(game, "maxClockDuration()"),
    bond: await seconds(await address(l1, game, "weth()"), "delay()"),
  };
  await plainProxies(l1, at);
  await l1.fund(admin);
  const bond = encodeFunctionData({ abi: parseAbi(["function setInitBond(uint32, uint256)"]), args: [GAME_TYPE, BOND] });
  await l1.send("setInitBond", { from: admin, to: at.DisputeGameFactory, data: bond });
  return {
    l1, l2, at: (name) => at[name], roles, delays,
    hasRegistry: true, resolvesClaims: true, paysBondTwice: true,
  };
}

/** All addresses, by the one that is in L2's genesis. */
async function addresses(l1, l2) {
  const slot = await l2.rpc("eth_getStorageAt", L2_BRIDGE, OTHER_BRIDGE, "latest");
  const L1StandardBridge = `0x${slot.slice(-40)}`;
  const SystemConfig = await address(l1, L1StandardBridge, "systemConfig()");
  const of = (name) => address(l1, SystemConfig, `${name}()`);
  const OptimismPortal = await of("optimismPortal");
  return {
    L1StandardBridge, SystemConfig, OptimismPortal,
    L1CrossDomainMessenger: await of("l1CrossDomainMessenger"),
    L1ERC721Bridge: await of("l1ERC721Bridge"),
    OptimismMintableERC20Factory: await of("optimismMintableERC20Factory"),
    DisputeGameFactory: await of("disputeGameFactory"),
    SuperchainConfig: await of("superchainConfig"),
    AnchorStateRegistry: await address(l1, OptimismPortal, "anchorStateRegistry()"),
    Multicall3: "0xcA11bde05977b3631167028862bE2a173976CA11",
  };
}

/** Messenger and bridge stand behind older, dearer kinds of proxies: they get the kind of the others. */
async function plainProxies(l1, at) {
  const code = await l1.rpc("eth_getCode", at.OptimismPortal, "latest");
  const manager = await l1.rpc("eth_getStorageAt", at.L1CrossDomainMessenger,
    keccak256(concat([toHex(BigInt(at.L1CrossDomainMessenger), { size: 32 }), toHex(1, { size: 32 })])), "latest");
  const implementation = await word(l1, `0x${manager.slice(-40)}`, "getAddress(string)", ["OVM_L1CrossDomainMessenger"]);
  await l1.rpc("anvil_setStorageAt", at.L1CrossDomainMessenger, IMPLEMENTATION, toHex(implementation, { size: 32 }));
  for (const name of ["L1CrossDomainMessenger", "L1StandardBridge"]) await l1.rpc("anvil_setCode", at[name], code);
}

/** The fee vaults have their settings in the code. As in the other sets, nothing is too little to be paid
    out, and the sequencer's goes to L2. A new L2 genesis; its path. */
function vaultsAlike(folder, genesis) {
  const file = JSON.parse(readFileSync(join(genesis, "901.json"), "utf8"));
  const push = (value) => `7f${toHex(value, { size: 32 }).slice(2)}`;
  const of = (proxy) => Object.keys(file.alloc).find((key) => key.toLowerCase().endsWith(`c0d3c0d3c0d3${proxy.slice(-4)}`));
  const set = (proxy, from, to) => {
    const account = file.alloc[of(proxy)];
    const code = account.code.replaceAll(push(from), push(to));
    if (code === account.code) throw new Error(`the code of ${proxy} does not hold ${from}`);
    account.code = code;
  };
  set(SEQUENCER_VAULT, 0n, 1n);
  for (const vault of [SEQUENCER_VAULT, BASE_VAULT]) set(vault, 10n ** 19n, 0n);
  const path = join(folder, "todays-genesis.json");
  writeFileSync(path, JSON.stringify(file));
  return path;
}
