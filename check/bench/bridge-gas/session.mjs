// One set of contracts, and what its users and services do. Everything that is `paid` is measured:
// gas of the whole transaction, calldata and the 21,000 included.

import {
  concat, decodeAbiParameters, decodeEventLog, encodeAbiParameters, encodeDeployData, encodeFunctionData, keccak256,
  pad, parseAbi, toHex,
} from "viem";
import { BOND, GAME_TYPE, WHO, their } from "./sets.mjs";
import { hex } from "./chain.mjs";

export const L2 = {
  messenger: "0x4200000000000000000000000000000000000007",
  oracle: "0x420000000000000000000000000000000000000F",
  bridge: "0x4200000000000000000000000000000000000010",
  sequencerVault: "0x4200000000000000000000000000000000000011",
  tokenFactory: "0x4200000000000000000000000000000000000012",
  nftBridge: "0x4200000000000000000000000000000000000014",
  l1Block: "0x4200000000000000000000000000000000000015",
  passer: "0x4200000000000000000000000000000000000016",
  nftFactory: "0x4200000000000000000000000000000000000017",
  baseVault: "0x4200000000000000000000000000000000000019",
  weth: "0x4200000000000000000000000000000000000006",
};

const EVENTS = parseAbi([
  "event TransactionDeposited(address indexed from, address indexed to, uint256 indexed version, bytes opaqueData)",
  "event MessagePassed(uint256 indexed nonce, address indexed sender, address indexed target, uint256 value, uint256 gasLimit, bytes data, bytes32 hash)",
]);
const GAMES = parseAbi([
  "function create(uint32 kind, bytes32 root, bytes extra) payable returns (address)",
  "function gameCount() view returns (uint256)",
  "function gameAtIndex(uint256 index) view returns (uint32, uint64, address)",
  "function resolveClaim(uint256 claim, uint256 most)",
  "function resolve() returns (uint8)",
  "function claimCredit(address who)",
]);
const WITHDRAWAL = "(uint256 nonce, address sender, address target, uint256 value, uint256 gasLimit, bytes data)";
const PORTAL = parseAbi([
  `function proveWithdrawalTransaction(${WITHDRAWAL} tx, uint256 index, (bytes32 version, bytes32 stateRoot, bytes32 messagePasserStorageRoot, bytes32 latestBlockhash) output, bytes[] proof)`,
  `function finalizeWithdrawalTransaction(${WITHDRAWAL} tx)`,
]);
/** Withdrawals that L2 has seen before: proofs have about this depth. */
const EARLIER_WITHDRAWALS = 500;

export class Session {
  constructor(set) {
    const { l1, l2, at, roles, delays } = set;
    Object.assign(this, { set, l1, l2, at, roles, delays, gas: new Map() });
  }

  /** Sends without measuring. `call` is [signature, arguments], or none for bare value. */
  async send(chain, to, call, { from = WHO.alice, value = 0n } = {}) {
    const data = call && encodeFunctionData({ abi: parseAbi([`function ${call[0]}`]), args: call[1] });
    return chain.send(call?.[0] ?? "a transfer", { from, to, data, value });
  }

  /** Sends and measures. */
  async paid(name, chain, to, call, options) {
    return this.note(name, await this.send(chain, to, call, options));
  }

  note(name, ...receipts) {
    if (this.gas.has(name)) throw new Error(`two operations are called ${name}`);
    this.gas.set(name, receipts.reduce((sum, receipt) => sum + Number(receipt.gasUsed), 0));
    return receipts[0];
  }

  /** Deploys the same code on every set's chain. */
  async deploy(chain, { abi, bytecode }, args = [], from = WHO.alice) {
    const data = encodeDeployData({ abi, bytecode, args });
    return (await chain.send("a deployment", { from, data })).contractAddress;
  }

  async read(chain, to, signature, args = []) {
    const abi = parseAbi([`function ${signature}`]);
    const [type] = abi[0].outputs;
    const found = await chain.call(to, encodeFunctionData({ abi, args }));
    return decodeAbiParameters([type], found)[0];
  }

  /** Runs the deposit of an L1 transaction on L2, as the rollup does; measured if it has a name. */
  async relay(receipt, name) {
    const log = receipt.logs.find((entry) => entry.address.toLowerCase() === this.at("OptimismPortal").toLowerCase());
    const { args } = decodeEventLog({ abi: EVENTS, ...log });
    const opaque = args.opaqueData.slice(2);
    const word = (start, bytes) => BigInt(`0x${opaque.slice(2 * start, 2 * (start + bytes))}`);
    const deposit = { from: args.from, to: args.to, value: word(32, 32), data: `0x${opaque.slice(2 * 73)}` };
    await this.l2.fund(args.from);
    const relayed = await this.l2.send("a deposit", { ...deposit, gas: 2_000_000n });
    if (name) this.note(name, relayed);
    return { ...deposit, gas: word(64, 8) };
  }

  /** The withdrawal that an L2 transaction begins. */
  withdrawal(receipt) {
    const log = receipt.logs.find((entry) => entry.address === L2.passer);
    const { args } = decodeEventLog({ abi: EVENTS, ...log });
    const { nonce, sender, target, value, gasLimit, data } = args;
    return { hash: args.hash, tx: { nonce, sender, target, value, gasLimit, data } };
  }

  /** Makes the trie of withdrawals as deep as on a chain that is in use. */
  async fillMessagePasser() {
    for (let index = 0; index < EARLIER_WITHDRAWALS; ++index) {
      const slot = keccak256(encodeAbiParameters([{ type: "uint256" }], [BigInt(index)]));
      await this.l2.rpc("anvil_setStorageAt", L2.passer, slot, pad("0x01"));
    }
    await this.l2.rpc("evm_mine");
  }

  /** Proposes the newest L2 block: the game, its index, and the output. */
  async propose(name) {
    const block = await this.l2.rpc("eth_getBlockByNumber", "latest", false);
    const { storageHash } = await this.l2.rpc("eth_getProof", L2.passer, [], block.number);
    const output = {
      version: pad("0x00"), stateRoot: block.stateRoot, messagePasserStorageRoot: storageHash,
      latestBlockhash: block.hash,
    };
    const root = keccak256(concat(Object.values(output)));
    const factory = this.at("DisputeGameFactory");
    const extra = pad(block.number, { size: 32 });
    const data = encodeFunctionData({ abi: GAMES, functionName: "create", args: [GAME_TYPE, root, extra] });
    const made = await this.l1.send("create", { from: this.roles.proposer, to: factory, data, value: BOND });
    if (name) this.note(name, made);
    const index = await this.read(this.l1, factory, "gameCount() view returns (uint256)") - 1n;
    const at = encodeFunctionData({ abi: GAMES, functionName: "gameAtIndex", args: [index] });
    const game = `0x${(await this.l1.call(factory, at)).slice(-40)}`;
    await this.l1.wait(1);
    return { game, index, output, block: block.number };
  }

  /** Proves a withdrawal against a proposal. */
  async prove({ hash, tx }, { index, output, block }, name) {
    const slot = keccak256(concat([hash, pad("0x00")]));
    const { storageProof } = await this.l2.rpc("eth_getProof", L2.passer, [slot], block);
    const args = [tx, index, output, storageProof[0].proof];
    const data = encodeFunctionData({ abi: PORTAL, functionName: "proveWithdrawalTransaction", args });
    const proven = await this.l1.send("prove", { from: WHO.alice, to: this.at("OptimismPortal"), data });
    if (name) this.note(name, proven);
    return storageProof[0].proof.length;
  }

  /** Decides a game for the proposer and lets all delays pass; what the decision took. */
  async decide({ game }) {
    const call = (functionName, args) =>
      this.l1.send(functionName,
        { from: this.roles.proposer, to: game, data: encodeFunctionData({ abi: GAMES, functionName, args }) });
    await this.l1.wait(this.delays.clock + 1);
    const steps = [];
    if (this.set.resolvesClaims) steps.push(await call("resolveClaim", [0n, 0n]));
    steps.push(await call("resolve", []));
    await this.l1.wait(this.delays.maturity + this.delays.finality);
    return { steps, claim: () => call("claimCredit", [this.roles.proposer]) };
  }

  async finalize({ tx }, name) {
    const data = encodeFunctionData({ abi: PORTAL, functionName: "finalizeWithdrawalTransaction", args: [tx] });
    const done = await this.l1.send("finalize", { from: WHO.alice, to: this.at("OptimismPortal"), data, gas: 3_000_000n });
    return this.note(name, done);
  }
}

/** Deployed on all sets' L1: tokens that the bridge does not know. */
export const TEST_NFT = their("TestERC721");
export { hex, toHex };
