// Money goes in and comes out: everything that a wallet does with an OP chain, with viem's op-stack
// actions, and every balance checked to the wei on both sides.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import {
  encodeFunctionData,
  erc20Abi,
  getAddress,
  keccak256,
  parseAbi,
  parseEther,
  parseEventLogs,
  toHex,
  zeroAddress,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { getL2TransactionHashes, getWithdrawals } from "viem/op-stack";
import { connect, equal, say, succeeded, until } from "./network.mjs";

const L2_BRIDGE = "0x4200000000000000000000000000000000000010";
const L2_MESSENGER = "0x4200000000000000000000000000000000000007";
const GAS_PRICE_ORACLE = "0x420000000000000000000000000000000000000F";
const TOKEN_FACTORY = "0x4200000000000000000000000000000000000012";
const L1_BLOCK = "0x4200000000000000000000000000000000000015";
const bridgeAbi = parseAbi([
  "function depositERC20To(address l1, address l2, address to, uint256 amount, uint32 gas, bytes data)",
  "function depositETHTo(address to, uint32 gas, bytes data) payable",
  "function withdrawTo(address l2, address to, uint256 amount, uint32 gas, bytes data) payable",
  "function deposits(address l1, address l2) view returns (uint256)",
]);
const messengerAbi = parseAbi([
  "function sendMessage(address target, bytes message, uint32 gas) payable",
  "function relayMessage(uint256 nonce, address sender, address target, uint256 value, uint256 gas, bytes message) payable",
  "function messageNonce() view returns (uint256)",
  "function failedMessages(bytes32) view returns (bool)",
  "function successfulMessages(bytes32) view returns (bool)",
]);
const feesAbi = parseAbi([
  "function getOperatorFee(uint256 gas) view returns (uint256)",
  "function operatorFeeConstant() view returns (uint64)",
  "function setOperatorFeeScalars(uint32 scalar, uint64 flat)",
]);
const portalAbi = parseAbi(["function ethLockbox() view returns (address)"]);
const factoryAbi = parseAbi([
  "function createOptimismMintableERC20(address remote, string name, string symbol) returns (address)",
  "event OptimismMintableERC20Created(address indexed local, address indexed remote, address deployer)",
]);
const gameAbi = parseAbi([
  "function resolve() returns (uint8)",
  "function resolveClaim(uint256 index, uint256 count)",
  "function claimDataLen() view returns (uint256)",
  "function status() view returns (uint8)",
  "function createdAt() view returns (uint64)",
  "function maxClockDuration() view returns (uint64)",
]);
// Takes calls once a word was stored in it; refuses them before. A call with one word stores it.
const SWITCH = "0x6017600a5f3960175ff3366020146011575f54600f575f5ffd5b005b5f355f5500";
// Stores the word it is called with and gives it back.
const STORE = "0x600c600a5f39600c5ff35f355f555f545f5260205ff3";

const { values: flags, positionals } = parseArgs({
  options: { warp: { type: "boolean", default: false }, token: { type: "string" } },
  allowPositionals: true,
});
const network = connect(positionals[0], Number(positionals[1] ?? 0));
const { account, l1, l2, walletL1, walletL2, chains, address } = network;
const portal = address("OptimismPortal");
const l1Bridge = address("L1StandardBridge");
const me = account.address;

const newcomer = () => privateKeyToAccount(generatePrivateKey()).address;
const balance = (client, who) => client.getBalance({ address: who });
const tokens = (client, token, who) =>
  client.readContract({ address: token, abi: erc20Abi, functionName: "balanceOf", args: [who] });

/** What the sender of a mined transaction on L1 paid for it, without its value. */
const feeL1 = (receipt) => receipt.gasUsed * receipt.effectiveGasPrice;

/** The same on L2: gas, L1 data, operator. */
async function feeL2(receipt) {
  const operator = await l2.readContract({
    address: GAS_PRICE_ORACLE,
    abi: feesAbi,
    functionName: "getOperatorFee",
    args: [receipt.gasUsed],
    blockNumber: receipt.blockNumber,
  });
  return { total: receipt.gasUsed * receipt.effectiveGasPrice + receipt.l1Fee + operator, operator };
}

const minedL1 = async (what, hash) =>
  succeeded(what, await l1.waitForTransactionReceipt({ hash, timeout: 60_000 }));
const minedL2 = async (what, hash) =>
  succeeded(what, await l2.waitForTransactionReceipt({ hash, timeout: 60_000 }));

/**
 * More than an estimate. What a deposit burns depends on the L1 block and on deposits before it, so
 * that it may take more gas in the next block than in the one it was estimated on.
 */
const ample = (estimate) => (estimate * 6n) / 5n;

/** A call of the L1 bridge or messenger that makes a deposit. */
async function depositing(call) {
  const gas = ample(await l1.estimateContractGas({ account, ...call }));
  return walletL1.writeContract({ ...call, gas });
}

/** Sends something on L1 and checks what it cost the account, apart from gas. */
async function spentL1(what, cost, send) {
  const before = await balance(l1, me);
  const receipt = await minedL1(what, await send());
  equal(`${what}: balance on L1`, before - (await balance(l1, me)), cost + feeL1(receipt));
  return receipt;
}

async function spentL2(what, cost, send) {
  const before = await balance(l2, me);
  const receipt = await minedL2(what, await send());
  const fee = await feeL2(receipt);
  equal(`${what}: balance on L2`, before - (await balance(l2, me)), cost + fee.total);
  return { receipt, fee };
}

/** The receipt on L2 of what a transaction on L1 deposited. */
async function deposited(what, receipt, status = "success") {
  const [hash] = getL2TransactionHashes(receipt);
  const found = await l2.waitForTransactionReceipt({ hash, timeout: 60_000 });
  equal(`${what} on L2`, found.status, status);
  return found;
}

/** Operator fees, so that there are some to be checked. */
async function setOperatorFee() {
  if (!network.ownerL1) return say("no owner's key: operator fees stay as they are");
  const constant = 1_234_567n;
  const hash = await network.ownerL1.writeContract({
    address: address("SystemConfig"),
    abi: feesAbi,
    functionName: "setOperatorFeeScalars",
    args: [5, constant],
  });
  await minedL1("operator fee", hash);
  await until("operator fee on L2", async () => {
    const now = await l2.readContract({
      address: L1_BLOCK,
      abi: feesAbi,
      functionName: "operatorFeeConstant",
    });
    return now === constant ? true : undefined;
  });
  say("L2 charges an operator fee");
}

/** Where the portal keeps ether: itself, or a lockbox of its own. */
async function vaults() {
  const call = { address: portal, abi: portalAbi, functionName: "ethLockbox" };
  const lockbox = await l1.readContract(call).catch((error) => {
    if (error.name !== "ContractFunctionExecutionError") throw error;
    return zeroAddress;
  });
  return lockbox === zeroAddress ? [portal] : [portal, lockbox];
}

async function held() {
  const balances = await Promise.all((await vaults()).map((vault) => balance(l1, vault)));
  return balances.reduce((sum, each) => sum + each);
}

/** A token on both layers: that of the network, or a new one, made on L2 by the factory there. */
async function tokenPair() {
  const pair = [address("DevToken"), address("L2DevToken")];
  if (pair[0] && pair[1]) return pair;
  const { abi, bytecode } = JSON.parse(readFileSync(flags.token, "utf8"));
  const args = ["Token", "TKN", [me], 10n ** 24n];
  const made = await minedL1("token on L1", await walletL1.deployContract({ abi, bytecode, args }));
  const { receipt } = await spentL2("token on L2", 0n, () =>
    walletL2.writeContract({
      address: TOKEN_FACTORY,
      abi: factoryAbi,
      functionName: "createOptimismMintableERC20",
      args: [made.contractAddress, "Token", "TKN"],
    }),
  );
  const [event] = parseEventLogs({
    abi: factoryAbi,
    logs: receipt.logs,
    eventName: "OptimismMintableERC20Created",
  });
  equal("token on L2: its other side", event.args.remote, getAddress(made.contractAddress));
  say("a token made on both layers");
  return [made.contractAddress, event.args.local];
}

async function depositEth() {
  const to = newcomer();
  const amount = parseEther("1.25");
  const request = await l2.buildDepositTransaction({ account, mint: amount, to });
  const receipt = await spentL1("deposit", amount, async () => {
    const gas = ample(await l1.estimateDepositTransactionGas(request));
    return walletL1.depositTransaction({ ...request, gas });
  });
  const mine = await deposited("deposit", receipt);
  equal("deposit: balance on L2", await balance(l2, to), amount);
  const bridged = parseEther("0.5");
  const other = newcomer();
  const second = await spentL1("depositETHTo", bridged, () =>
    depositing({
      address: l1Bridge,
      abi: bridgeAbi,
      functionName: "depositETHTo",
      args: [other, 200_000, "0x"],
      value: bridged,
    }),
  );
  await deposited("depositETHTo", second);
  equal("depositETHTo: balance on L2", await balance(l2, other), bridged);
  say(`ETH deposited through portal and bridge (first in L2 block ${mine.blockNumber})`);
  return amount + bridged;
}

async function depositTokens(l1Token, l2Token) {
  const amount = 10n ** 18n * 7n + 3n;
  const before = { l1: await tokens(l1, l1Token, me), l2: await tokens(l2, l2Token, me) };
  await spentL1("approve", 0n, () =>
    walletL1.writeContract({
      address: l1Token,
      abi: erc20Abi,
      functionName: "approve",
      args: [l1Bridge, amount],
    }),
  );
  const receipt = await spentL1("depositERC20To", 0n, () =>
    depositing({
      address: l1Bridge,
      abi: bridgeAbi,
      functionName: "depositERC20To",
      args: [l1Token, l2Token, me, amount, 200_000, "0x"],
    }),
  );
  await deposited("depositERC20To", receipt);
  equal("tokens on L1", before.l1 - (await tokens(l1, l1Token, me)), amount);
  equal("tokens on L2", (await tokens(l2, l2Token, me)) - before.l2, amount);
  say("tokens deposited");
}

async function useL2() {
  const to = newcomer();
  const value = parseEther("0.01");
  const request = { account, to, value };
  const estimate = await l2.estimateL1Fee(request);
  const total = await l2.estimateTotalFee(request);
  const { receipt, fee } = await spentL2("transfer", value, () => walletL2.sendTransaction(request));
  equal("transfer: balance", await balance(l2, to), value);
  // Prices move between estimate and block, though not much.
  const near = (name, found, real) => {
    if (found * 2n < real || found > real * 2n) throw new Error(`${name}: ${found}, paid ${real}`);
  };
  near("estimateL1Fee", estimate, receipt.l1Fee);
  near("estimateTotalFee", total, fee.total);
  if ((await l2.getL1BaseFee()) <= 0n) throw new Error("getL1BaseFee is zero");
  if ((await l2.estimateL1Gas(request)) <= 0n) throw new Error("estimateL1Gas is zero");
  if (network.ownerL1 && fee.operator < 1_234_567n) throw new Error(`operator fee ${fee.operator}`);

  const deployed = await spentL2("creation", 0n, () => walletL2.deployContract({ abi: [], bytecode: STORE }));
  const contract = deployed.receipt.contractAddress;
  const word = toHex(42n, { size: 32 });
  await spentL2("call", 0n, () => walletL2.sendTransaction({ to: contract, data: word }));
  equal("storage", await l2.getStorageAt({ address: contract, slot: "0x0" }), word);
  say(`transfer, creation and call on L2 (L1 fee ${receipt.l1Fee}, operator fee ${fee.operator} wei)`);
}

/** Proves the withdrawal that a transaction on L2 began; gives what finalizes it, and its game. */
async function prove(what, receipt) {
  const [withdrawal] = getWithdrawals(receipt);
  say(`${what}: waiting for a proposal`);
  const ready = await l1.waitToProve({ receipt, targetChain: chains.l2, pollingInterval: 500 });
  equal(`${what}: hash`, ready.withdrawal.withdrawalHash, withdrawal.withdrawalHash);
  const status = () => l1.getWithdrawalStatus({ receipt, targetChain: chains.l2 });
  equal(`${what}: status`, await status(), "ready-to-prove");
  const game = await l1.getGame({ targetChain: chains.l2, l2BlockNumber: receipt.blockNumber });
  const gameAddress = getAddress(`0x${game.metadata.slice(-40)}`);
  const request = await l2.buildProveWithdrawal({ account, game, withdrawal });
  // The portal wants the proof to be younger than its game.
  await until("a later L1 block", async () =>
    (await l1.getBlock()).timestamp > game.timestamp ? true : undefined,
  );
  await spentL1("proof", 0n, () => walletL1.proveWithdrawal(request));
  say(`${what}: proven against game ${gameAddress}`);
  const finalize = async () => {
    await until("the game's end", () => resolve(gameAddress));
    say(`${what}: the game is resolved`);
    await until("finality", async () =>
      (await status()) === "ready-to-finalize" ? true : undefined,
    );
    const before = await held();
    await spentL1("finalization", 0n, () =>
      walletL1.finalizeWithdrawal({ targetChain: chains.l2, withdrawal }),
    );
    equal(`${what}: status`, await status(), "finalized");
    equal(`${what}: paid by the portal`, before - (await held()), withdrawal.value);
    say(`${what}: finalized`);
  };
  return { game: gameAddress, finalize };
}

/** Puts L1's clock forward to where the clocks of all games have run. */
async function warp(games) {
  const now = (await l1.getBlock()).timestamp;
  const ends = games.map(async (game) => {
    const read = (functionName) =>
      l1.readContract({ address: game, abi: gameAbi, functionName });
    return (await read("createdAt")) + (await read("maxClockDuration"));
  });
  const end = (await Promise.all(ends)).reduce((last, each) => (each > last ? each : last));
  if (end <= now) return;
  await l1.request({ method: "evm_increaseTime", params: [toHex(end - now)] });
  await until("the later time", async () =>
    (await l1.getBlock()).timestamp >= end ? true : undefined,
  );
  say(`L1's clock put forward by ${end - now} s, for as long as the games take`);
}

/** Resolves a game as soon as its clock has run, unless somebody else does. */
async function resolve(game) {
  const read = (functionName) => l1.readContract({ address: game, abi: gameAbi, functionName });
  if ((await read("status")) !== 0) return true;
  const calls = [["resolveClaim", [0n, 0n]], ["resolve", []]];
  for (const [functionName, args] of calls) {
    try {
      const call = { address: game, abi: gameAbi, functionName, args };
      const { request } = await l1.simulateContract({ account, ...call });
      // It reverts where a challenger was faster.
      await l1.waitForTransactionReceipt({ hash: await walletL1.writeContract(request) });
    } catch (error) {
      // The quick game has no claims to resolve, and no clock has run yet.
      if (error.name !== "ContractFunctionExecutionError") throw error;
    }
  }
  return (await read("status")) !== 0 ? true : undefined;
}

async function withdrawEth() {
  const to = newcomer();
  const value = parseEther("0.75");
  // Without a limit viem has L1 estimate one for a payment by nobody, who has ether on Ethereum only.
  const request = await l1.buildInitiateWithdrawal({ account, to, value, gas: 100_000n });
  const { receipt } = await spentL2("withdrawal", value, () => walletL2.initiateWithdrawal(request));
  const finish = async () => {
    equal("withdrawal: balance on L1", await balance(l1, to), value);
    return value;
  };
  return { what: "withdrawal of ETH", receipt, finish };
}

async function withdrawTokens(l1Token, l2Token) {
  const to = newcomer();
  const amount = 10n ** 18n * 2n + 1n;
  const before = await tokens(l2, l2Token, me);
  const { receipt } = await spentL2("withdrawal of tokens", 0n, () =>
    walletL2.writeContract({
      address: L2_BRIDGE,
      abi: bridgeAbi,
      functionName: "withdrawTo",
      args: [l2Token, to, amount, 200_000, "0x"],
    }),
  );
  equal("tokens burnt on L2", before - (await tokens(l2, l2Token, me)), amount);
  const finish = async () => {
    equal("tokens on L1", await tokens(l1, l1Token, to), amount);
    return 0n;
  };
  return { what: "withdrawal of tokens", receipt, finish };
}

/** A message that fails on L2 is kept there and can be sent again by anybody. */
async function replay() {
  const messenger = address("L1CrossDomainMessenger");
  const created = await spentL2("switch", 0n, () => walletL2.deployContract({ abi: [], bytecode: SWITCH }));
  const target = created.receipt.contractAddress;
  const value = 1_000_000_007n;
  const gas = 100_000;
  const nonce = await l1.readContract({
    address: messenger,
    abi: messengerAbi,
    functionName: "messageNonce",
  });
  const sent = await spentL1("sendMessage", value, () =>
    depositing({
      address: messenger,
      abi: messengerAbi,
      functionName: "sendMessage",
      args: [target, "0x", gas],
      value,
    }),
  );
  const args = [nonce, me, target, value, BigInt(gas), "0x"];
  const hash = keccak256(encodeFunctionData({ abi: messengerAbi, functionName: "relayMessage", args }));
  await deposited("message", sent);
  const read = (functionName) =>
    l2.readContract({ address: L2_MESSENGER, abi: messengerAbi, functionName, args: [hash] });
  equal("the message failed", await read("failedMessages"), true);
  equal("nothing arrived", await balance(l2, target), 0n);
  await spentL2("flip", 0n, () => walletL2.sendTransaction({ to: target, data: toHex(1n, { size: 32 }) }));
  await spentL2("replay", 0n, () =>
    walletL2.writeContract({
      address: L2_MESSENGER,
      abi: messengerAbi,
      functionName: "relayMessage",
      args,
      // An estimate may find a way that fails inside: the messenger catches the failure.
      gas: 500_000n,
    }),
  );
  equal("the message arrived", await read("successfulMessages"), true);
  equal("with its value", await balance(l2, target), value);
  say("a failed message was sent again");
  return value;
}

async function main() {
  await setOperatorFee();
  const [l1Token, l2Token] = await tokenPair();
  const first = await held();
  const supply = () =>
    l2.readContract({ address: l2Token, abi: erc20Abi, functionName: "totalSupply" });
  const locked = () =>
    l1.readContract({
      address: l1Bridge,
      abi: bridgeAbi,
      functionName: "deposits",
      args: [l1Token, l2Token],
    });
  const apart = (await supply()) - (await locked());
  let ether = await depositEth();
  await depositTokens(l1Token, l2Token);
  await useL2();
  const begun = [await withdrawEth(), await withdrawTokens(l1Token, l2Token)];
  ether += await replay();
  const proven = [];
  for (const { what, receipt } of begun) proven.push(await prove(what, receipt));
  if (flags.warp) await warp(proven.map(({ game }) => game));
  for (const { finalize } of proven) await finalize();
  for (const { finish } of begun) ether -= await finish();
  equal("ETH in the portal", (await held()) - first, ether);
  equal("tokens on both sides", (await supply()) - (await locked()), apart);
  say("supply conserved; all is well");
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
