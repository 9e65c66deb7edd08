// A rollup on the contracts that supersim brings: what `opal devnet` must know to run it.
//
//   node supersim.mjs genesis L1_RPC L2_GENESIS DIR     genesis.json, to start when L1 does
//   node supersim.mjs rollup  L1_RPC L2_HASH DIR        rollup.json, and the keys in keys.env
//
// Supersim runs no rollup node, so it has no rollup.json: everything in it is read from L1. The one
// address that is needed to find the others is in the bridge of the L2 genesis.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPublicClient, getAddress, http, numberToHex, parseAbi, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { equal } from "./network.mjs";

const L2_BRIDGE = "4200000000000000000000000000000000000010";
/** Storage slot of the bridge in which the one on L1 is. */
const OTHER_BRIDGE = toHex(4, { size: 32 });
const MNEMONIC = "test test test test test test test test test test test junk";
const FORKS = ["regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus"];
const PERMISSIONED_CANNON = 1;
const abi = parseAbi([
  "function systemConfig() view returns (address)",
  "function l2ChainId() view returns (uint256)",
  "function optimismPortal() view returns (address)",
  "function disputeGameFactory() view returns (address)",
  "function batchInbox() view returns (address)",
  "function batcherHash() view returns (bytes32)",
  "function scalar() view returns (uint256)",
  "function gasLimit() view returns (uint64)",
  "function eip1559Denominator() view returns (uint32)",
  "function eip1559Elasticity() view returns (uint32)",
  "function owner() view returns (address)",
  "function gameImpls(uint32) view returns (address)",
  "function proposer() view returns (address)",
]);

const [step, rpc, given, folder] = process.argv.slice(2);
const l1 = createPublicClient({ transport: http(rpc) });
const read = (address, functionName, args) =>
  l1.readContract({ address, abi, functionName, args });
const write = (name, content) =>
  writeFileSync(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);

/** The first block of L2, at the time of L1's: the published one is of the day it was made. */
async function genesis() {
  const file = JSON.parse(readFileSync(given, "utf8"));
  file.timestamp = numberToHex((await l1.getBlock({ blockNumber: 0n })).timestamp);
  // Interop is a fork to come, whose blocks supersim's own L2 does not make either.
  delete file.config.interopTime;
  write("genesis.json", file);
}

/** The account with this role in supersim, which must be the one that the contracts name. */
function role(name, chain, index, expected) {
  const account = mnemonicToAccount(MNEMONIC, { path: `m/44'/60'/2'/${chain}/${index}` });
  equal(`${name}'s account`, account.address, getAddress(expected));
  return toHex(account.getHdKey().privateKey);
}

async function rollup() {
  const l2 = JSON.parse(readFileSync(join(folder, "genesis.json"), "utf8"));
  const bridge = l2.alloc[L2_BRIDGE].storage[OTHER_BRIDGE];
  const config = await read(`0x${bridge.slice(-40)}`, "systemConfig");
  const l2ChainId = l2.config.chainId;
  equal("L2's chain id in the SystemConfig", await read(config, "l2ChainId"), BigInt(l2ChainId));
  const batcher = `0x${(await read(config, "batcherHash")).slice(-40)}`;
  const [denominator, elasticity] = [
    await read(config, "eip1559Denominator"),
    await read(config, "eip1559Elasticity"),
  ];
  const first = await l1.getBlock({ blockNumber: 0n });
  const { eip1559Elasticity, eip1559Denominator, eip1559DenominatorCanyon } = l2.config.optimism;
  write("rollup.json", {
    genesis: {
      l1: { hash: first.hash, number: 0 },
      l2: { hash: given, number: 0 },
      l2_time: Number(l2.timestamp),
      system_config: {
        batcherAddr: batcher,
        overhead: toHex(0, { size: 32 }),
        scalar: toHex(await read(config, "scalar"), { size: 32 }),
        gasLimit: Number(await read(config, "gasLimit")),
        eip1559Params: toHex((BigInt(denominator) << 32n) | BigInt(elasticity), { size: 8 }),
      },
    },
    block_time: 1,
    max_sequencer_drift: 600,
    seq_window_size: 3600,
    channel_timeout: 300,
    l1_chain_id: await l1.getChainId(),
    l2_chain_id: l2ChainId,
    ...Object.fromEntries(FORKS.map((fork) => [`${fork}_time`, 0])),
    batch_inbox_address: await read(config, "batchInbox"),
    deposit_contract_address: await read(config, "optimismPortal"),
    l1_system_config_address: config,
    chain_op_config: { eip1559Elasticity, eip1559Denominator, eip1559DenominatorCanyon },
  });
  const factory = await read(config, "disputeGameFactory");
  const game = await read(factory, "gameImpls", [PERMISSIONED_CANNON]);
  const keys = {
    OPAL_PROPOSER_PRIVATE_KEY: role("proposer", l2ChainId, 1, await read(game, "proposer")),
    OPAL_BATCHER_PRIVATE_KEY: role("batcher", l2ChainId, 2, batcher),
    OPAL_OWNER_PRIVATE_KEY: role("owner", l2ChainId, 10, await read(config, "owner")),
  };
  const lines = Object.entries(keys).map(([name, key]) => `export ${name}=${key}\n`);
  writeFileSync(join(folder, "keys.env"), lines.join(""));
}

await { genesis, rollup }[step]();
