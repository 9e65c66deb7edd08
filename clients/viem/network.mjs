// Clients of a network that `devnet.json` describes.

import { readFileSync } from "node:fs";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import {
  chainConfig,
  publicActionsL1,
  publicActionsL2,
  walletActionsL1,
  walletActionsL2,
} from "viem/op-stack";

export function connect(path, index) {
  const about = JSON.parse(readFileSync(path, "utf8"));
  const { contracts } = about;
  const ether = { name: "Ether", symbol: "ETH", decimals: 18 };
  const rpcL1 = about.l1.rpc;
  const rpcL2 = about.l2.sequencer.rpc;
  const l1 = defineChain({
    id: about.l1.chainId,
    name: "L1",
    nativeCurrency: ether,
    rpcUrls: { default: { http: [rpcL1] } },
    contracts: { multicall3: { address: contracts.Multicall3 } },
  });
  const at = (name) => ({ [l1.id]: { address: contracts[name] ?? contracts[`${name}Proxy`] } });
  const l2 = defineChain({
    ...chainConfig,
    id: about.l2.chainId,
    sourceId: l1.id,
    name: "L2",
    nativeCurrency: ether,
    rpcUrls: { default: { http: [rpcL2] } },
    contracts: {
      ...chainConfig.contracts,
      portal: at("OptimismPortal"),
      disputeGameFactory: at("DisputeGameFactory"),
      l1StandardBridge: at("L1StandardBridge"),
    },
  });
  const account = privateKeyToAccount(about.accounts[index].privateKey);
  const wallet = (chain, rpc, by = account) =>
    createWalletClient({ account: by, chain, transport: http(rpc), pollingInterval: 250 });
  const node = (chain, rpc) =>
    createPublicClient({ chain, transport: http(rpc), pollingInterval: 250, cacheTime: 0 });
  const ownerKey = process.env.OPAL_OWNER_PRIVATE_KEY ?? about.roles?.owner?.privateKey;
  const owner = ownerKey && privateKeyToAccount(ownerKey);
  return {
    about,
    account,
    chains: { l1, l2 },
    l1: node(l1, rpcL1).extend(publicActionsL1()),
    l2: node(l2, rpcL2).extend(publicActionsL2()),
    walletL1: wallet(l1, rpcL1).extend(walletActionsL1()),
    walletL2: wallet(l2, rpcL2).extend(walletActionsL2()),
    ownerL1: owner && wallet(l1, rpcL1, owner),
    address: (name) => contracts[name] ?? contracts[`${name}Proxy`],
  };
}

export const PATIENCE_MS = 180_000;

/** Asks until there is an answer that is not undefined. */
export async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const started = Date.now();

export function say(words) {
  console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${words}`);
}

export function equal(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: found ${found}, expected ${expected}`);
}

export function succeeded(what, receipt) {
  equal(`${what} (${receipt.transactionHash})`, receipt.status, "success");
  return receipt;
}
