// What is measured: one story, told once with each set of contracts.

import { pad, parseAbi, parseEther, encodeFunctionData, concat, toHex } from "viem";
import { L2, TEST_NFT } from "./session.mjs";
import { WHO, our } from "./sets.mjs";

const ETH = parseEther("1");
const TEXT = "0x" + "c0ffee".repeat(40);
const newcomer = (number) => pad(toHex(0xbe000000 + number), { size: 20, dir: "right" });
const topicAddress = (receipt, position, topic) =>
  `0x${receipt.logs.at(position).topics[topic].slice(-40)}`;

/** Tells the story. */
export async function run(session) {
  const everybody = [...Object.values(WHO), ...Object.values(session.roles)];
  for (const chain of [session.l1, session.l2]) for (const who of everybody) await chain.fund(who);
  await depositsOfThePortal(session);
  await messages(session);
  await ether(session);
  const token = await tokensToL2(session);
  const nft = await nftsToL2(session);
  await fees(session);
  await settings(session, token);
  await backToL1(session, token, nft);
  await guardian(session);
}

async function depositsOfThePortal(s) {
  const portal = s.at("OptimismPortal");
  const deposit = (data = "0x", to = newcomer(0), create = false, gas = 100_000n) =>
    ["depositTransaction(address,uint256,uint64,bool,bytes) payable", [to, ETH, gas, create, data]];
  // The market's state begins with the first one.
  await s.send(s.l1, portal, deposit(), { value: ETH });
  await s.paid("L1 portal: depositTransaction", s.l1, portal, deposit(), { value: ETH });
  await s.paid("L1 portal: depositTransaction, no value minted", s.l1, portal, deposit());
  await s.paid("L1 portal: depositTransaction, 120 bytes", s.l1, portal, deposit(TEXT), { value: ETH });
  const code = concat(Array(64).fill("0x6001600155"));
  await s.paid("L1 portal: depositTransaction, creation", s.l1, portal, deposit(code, pad("0x", { size: 20 }), true));
  await s.paid("L1 portal: receive", s.l1, portal, undefined, { value: ETH });
  await s.paid("L1 portal: donateETH", s.l1, portal, ["donateETH() payable", []], { value: ETH });
}

async function messages(s) {
  const messenger = s.at("L1CrossDomainMessenger");
  const send = (to, gas = 200_000) => ["sendMessage(address,bytes,uint32) payable", [to, TEXT, gas]];
  await s.send(s.l1, messenger, send(newcomer(1)));
  const sent = await s.paid("L1 messenger: sendMessage", s.l1, messenger, send(newcomer(1)));
  await s.relay(sent, "L2 messenger: relayMessage");
  const worth = await s.paid("L1 messenger: sendMessage with value", s.l1, messenger, send(newcomer(2)), { value: ETH });
  await s.relay(worth, "L2 messenger: relayMessage with value");
  // The bridge takes no such calls, so this fails, and fails again.
  const failing = await s.send(s.l1, messenger, send(L2.bridge));
  const { data } = await s.relay(failing, "L2 messenger: relayMessage, the call fails");
  s.note("L2 messenger: relayMessage again, fails again",
    await s.l2.send("a replay", { from: WHO.alice, to: L2.messenger, data, gas: 2_000_000n }));
  await s.paid("L2 messenger: sendMessage", s.l2, L2.messenger, send(newcomer(3)));
}

async function ether(s) {
  const bridge = s.at("L1StandardBridge");
  const value = ETH;
  const there = newcomer(4);
  await s.paid("L1 bridge: receive", s.l1, bridge, undefined, { value });
  await s.paid("L1 bridge: depositETH", s.l1, bridge, ["depositETH(uint32,bytes) payable", [200_000, "0x"]], { value });
  const to = await s.paid("L1 bridge: depositETHTo", s.l1, bridge,
    ["depositETHTo(address,uint32,bytes) payable", [there, 200_000, "0x"]], { value });
  await s.relay(to, "L2 bridge: ETH arrives at a new account");
  await s.paid("L1 bridge: bridgeETH", s.l1, bridge, ["bridgeETH(uint32,bytes) payable", [200_000, "0x"]], { value });
  const again = await s.paid("L1 bridge: bridgeETHTo", s.l1, bridge,
    ["bridgeETHTo(address,uint32,bytes) payable", [there, 200_000, TEXT]], { value });
  await s.relay(again, "L2 bridge: ETH arrives at an old account");
}

/** ERC-20 both ways of creation; the pair of tokens. */
async function tokensToL2(s) {
  const bridge = s.at("L1StandardBridge");
  const l1 = await s.deploy(s.l1, our("DevToken"), ["Token", "TOK", [WHO.alice], 10n ** 24n]);
  const create = "createOptimismMintableERC20(address,string,string)";
  const made = await s.paid("L2 factory: createOptimismMintableERC20", s.l2, L2.tokenFactory, [create, [l1, "Token", "TOK"]]);
  const l2 = topicAddress(made, -1, 1);
  await s.send(s.l1, l1, ["approve(address,uint256)", [bridge, 10n ** 24n]]);
  const amount = 1000n;
  const first = await s.paid("L1 bridge: depositERC20, first of its token", s.l1, bridge,
    ["depositERC20(address,address,uint256,uint32,bytes)", [l1, l2, amount, 200_000, "0x"]]);
  await s.relay(first, "L2 bridge: ERC-20 arrives, first of its token");
  const next = await s.paid("L1 bridge: depositERC20To", s.l1, bridge,
    ["depositERC20To(address,address,address,uint256,uint32,bytes)", [l1, l2, newcomer(5), amount, 200_000, "0x"]]);
  await s.relay(next, "L2 bridge: ERC-20 arrives at a new account");
  const bridged = await s.paid("L1 bridge: bridgeERC20", s.l1, bridge,
    ["bridgeERC20(address,address,uint256,uint32,bytes)", [l1, l2, amount, 200_000, "0x"]]);
  await s.relay(bridged, "L2 bridge: ERC-20 arrives at an old account");
  await s.paid("L1 bridge: bridgeERC20To", s.l1, bridge,
    ["bridgeERC20To(address,address,address,uint256,uint32,bytes)", [l1, l2, newcomer(5), amount, 200_000, TEXT]]);

  await s.paid("L2 token: transfer", s.l2, l2, ["transfer(address,uint256)", [newcomer(6), 10n]]);
  await s.paid("L2 token: transfer to a holder", s.l2, l2, ["transfer(address,uint256)", [newcomer(6), 10n]]);
  await s.paid("L2 token: approve", s.l2, l2, ["approve(address,uint256)", [WHO.challenger, 10n]]);
  await s.paid("L2 token: transferFrom", s.l2, l2,
    ["transferFrom(address,address,uint256)", [WHO.alice, newcomer(6), 5n]], { from: WHO.challenger });
  await s.l2.fund(L2.bridge, 10n ** 24n);
  await s.paid("L2 token: mint", s.l2, l2, ["mint(address,uint256)", [newcomer(7), 10n]], { from: L2.bridge });
  await s.paid("L2 token: burn", s.l2, l2, ["burn(address,uint256)", [newcomer(7), 5n]], { from: L2.bridge });

  // A token of L2, whose image is on L1.
  const image = await s.paid("L1 factory: createOptimismMintableERC20", s.l1, s.at("OptimismMintableERC20Factory"),
    [create, [L2.weth, "Image", "IMG"]]);
  return { l1, l2, image: topicAddress(image, -1, 1) };
}

async function nftsToL2(s) {
  const bridge = s.at("L1ERC721Bridge");
  const l1 = await s.deploy(s.l1, TEST_NFT);
  const made = await s.paid("L2 factory: createOptimismMintableERC721", s.l2, L2.nftFactory,
    ["createOptimismMintableERC721(address,string,string)", [l1, "Nft", "NFT"]]);
  const l2 = topicAddress(made, -1, 1);
  for (const id of [1n, 2n]) await s.send(s.l1, l1, ["mint(address,uint256)", [WHO.alice, id]]);
  await s.send(s.l1, l1, ["setApprovalForAll(address,bool)", [bridge, true]]);
  const one = await s.paid("L1 ERC-721 bridge: bridgeERC721", s.l1, bridge,
    ["bridgeERC721(address,address,uint256,uint32,bytes)", [l1, l2, 1n, 300_000, "0x"]]);
  await s.relay(one, "L2 ERC-721 bridge: arrives, first of its collection");
  const two = await s.paid("L1 ERC-721 bridge: bridgeERC721To", s.l1, bridge,
    ["bridgeERC721To(address,address,address,uint256,uint32,bytes)", [l1, l2, newcomer(8), 2n, 300_000, "0x"]]);
  await s.relay(two, "L2 ERC-721 bridge: arrives at another account");
  return { l1, l2 };
}

async function fees(s) {
  const from = `0x${"dead".repeat(9)}0001`;
  await s.l2.fund(from);
  const values = (number) => concat([
    encodeFunctionData({ abi: parseAbi(["function setL1BlockValuesEcotone()"]) }),
    toHex(1368, { size: 4 }), toHex(810_949, { size: 4 }), toHex(number, { size: 8 }), toHex(1_700_000_000, { size: 8 }),
    toHex(number, { size: 8 }), toHex(10n ** 9n, { size: 32 }), toHex(1, { size: 32 }),
    toHex(BigInt(number) << 100n, { size: 32 }), pad(WHO.batcher),
  ]);
  const ecotone = (number) => s.l2.send("L1 attributes", { from, to: L2.l1Block, data: values(number) });
  await ecotone(1);
  s.note("L2 L1Block: setL1BlockValuesEcotone, a new L1 block", await ecotone(2));
  s.note("L2 L1Block: setL1BlockValuesEcotone, the same L1 block", await ecotone(2));
  await s.paid("L2 L1Block: setL1BlockValues", s.l2, L2.l1Block,
    ["setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)",
      [3n, 1_700_000_000n, 10n ** 9n, pad("0x03"), 0n, pad(WHO.batcher), 188n, 684_000n]], { from });
  await s.paid("L2 L1Block: number", s.l2, L2.l1Block, ["number()", []]);
  await s.paid("L2 GasPriceOracle: getL1Fee", s.l2, L2.oracle, ["getL1Fee(bytes)", [TEXT]]);
  await s.paid("L2 GasPriceOracle: getL1FeeUpperBound", s.l2, L2.oracle, ["getL1FeeUpperBound(uint256)", [200n]]);
  await s.paid("L2 GasPriceOracle: getL1GasUsed", s.l2, L2.oracle, ["getL1GasUsed(bytes)", [TEXT]]);
  await s.paid("L2 GasPriceOracle: l1BaseFee", s.l2, L2.oracle, ["l1BaseFee()", []]);
  for (const [name, vault] of [["to L2", L2.sequencerVault], ["to L1", L2.baseVault]]) {
    for (const time of ["first", "later"]) {
      await s.l2.fund(vault, ETH);
      await s.paid(`L2 fee vault: withdraw ${name}, ${time}`, s.l2, vault, ["withdraw()", []]);
    }
  }
  await s.paid("L2 WETH: deposit", s.l2, L2.weth, ["deposit() payable", []], { value: ETH });
  await s.paid("L2 WETH: transfer", s.l2, L2.weth, ["transfer(address,uint256)", [newcomer(9), 5n]]);
  await s.paid("L2 WETH: withdraw", s.l2, L2.weth, ["withdraw(uint256)", [10n]]);
}

/** What the owner of a chain does. */
async function settings(s, token) {
  const system = s.at("SystemConfig");
  const owner = { from: s.roles.owner };
  const set = (name, call) => s.paid(`L1 SystemConfig: ${name}`, s.l1, system, call, owner);
  await set("setBatcherHash", ["setBatcherHash(bytes32)", [pad(WHO.signer)]]);
  await set("setGasConfigEcotone", ["setGasConfigEcotone(uint32,uint32)", [1000, 2000]]);
  await set("setGasConfig", ["setGasConfig(uint256,uint256)", [0n, 684_000n]]);
  await set("setGasLimit", ["setGasLimit(uint64)", [50_000_000n]]);
  await set("setUnsafeBlockSigner", ["setUnsafeBlockSigner(address)", [WHO.batcher]]);
  // totalSupply() of the same contract in both sets.
  const calls = Array(5).fill({ target: token.l1, allowFailure: false, callData: "0x18160ddd" });
  await s.paid("L1 Multicall3: aggregate3 of five", s.l1, s.at("Multicall3"),
    ["aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable", [calls]]);
  // What only the sets of here have.
  if (s.at("ProtocolVersions")) {
    await s.paid("L1 ProtocolVersions: setRequired", s.l1, s.at("ProtocolVersions"), ["setRequired(uint256)", [5n]], owner);
    await proposeOldWay(s);
  }
}

/** L2OutputOracle: 1800 blocks of two seconds are long over. */
async function proposeOldWay(s) {
  const oracle = s.at("L2OutputOracle");
  const propose = (number) => ["proposeL2Output(bytes32,uint256,bytes32,uint256) payable",
    [pad("0x07"), number, pad("0x00"), 0n]];
  await s.l1.wait(20_000);
  const proposer = { from: WHO.proposer };
  await s.paid("L1 L2OutputOracle: proposeL2Output, first", s.l1, oracle, propose(1800n), proposer);
  await s.paid("L1 L2OutputOracle: proposeL2Output, later", s.l1, oracle, propose(3600n), proposer);
  await s.paid("L1 L2OutputOracle: deleteL2Outputs", s.l1, oracle, ["deleteL2Outputs(uint256)", [1n]],
    { from: WHO.challenger });
}

async function backToL1(s, token, nft) {
  await s.fillMessagePasser();
  const initiate = "initiateWithdrawal(address,uint256,bytes) payable";
  await s.paid("L2 passer: receive", s.l2, L2.passer, undefined, { value: ETH });
  const direct = await s.paid("L2 passer: initiateWithdrawal", s.l2, L2.passer, [initiate, [newcomer(10), 21_000n, "0x"]],
    { value: ETH });
  const withData = await s.paid("L2 passer: initiateWithdrawal, 120 bytes", s.l2, L2.passer,
    [initiate, [newcomer(11), 50_000n, TEXT]]);
  const started = [["ETH to a new account", direct], ["120 bytes", withData]].map(([name, receipt]) =>
    [`L1 portal: finalize, ${name}`, s.withdrawal(receipt)]);
  // Both sets have seen the same withdrawals, so the proofs are the same.
  const early = await s.propose("L1 factory: create a game, first");
  const nodes = await s.prove(started[0][1], early, "L1 portal: prove");
  if (nodes < 3) throw new Error(`a proof of ${nodes} nodes is too short to say anything`);
  await s.prove(started[0][1], early, "L1 portal: prove again");
  await s.prove(started[1][1], early, "L1 portal: prove, 120 bytes");

  const begin = async (name, what, to, call, options) => {
    const receipt = await s.paid(`L2 ${name}`, s.l2, to, call, options);
    started.push([`L1 portal: finalize, ${what}`, s.withdrawal(receipt)]);
  };
  const value = ETH;
  const legacyEth = "0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000";
  const withdrawTo = "withdrawTo(address,address,uint256,uint32,bytes) payable";
  await begin("bridge: withdraw ETH", "ETH by the bridge's withdraw", L2.bridge,
    ["withdraw(address,uint256,uint32,bytes) payable", [legacyEth, ETH, 200_000, "0x"]], { value });
  await begin("bridge: withdrawTo ETH", "ETH by the bridge's withdrawTo", L2.bridge,
    [withdrawTo, [legacyEth, newcomer(12), ETH, 200_000, "0x"]], { value });
  await begin("bridge: receive", "ETH by the bridge's receive", L2.bridge, undefined, { value });
  await begin("bridge: bridgeETH", "ETH by bridgeETH", L2.bridge,
    ["bridgeETH(uint32,bytes) payable", [200_000, "0x"]], { value });
  await begin("bridge: bridgeETHTo", "ETH by bridgeETHTo", L2.bridge,
    ["bridgeETHTo(address,uint32,bytes) payable", [newcomer(13), 200_000, "0x"]], { value });
  await begin("bridge: withdraw ERC-20", "ERC-20 by withdraw", L2.bridge,
    ["withdraw(address,uint256,uint32,bytes) payable", [token.l2, 10n, 200_000, "0x"]]);
  await begin("bridge: withdrawTo ERC-20", "ERC-20 by withdrawTo", L2.bridge,
    [withdrawTo, [token.l2, newcomer(14), 10n, 200_000, "0x"]]);
  await begin("bridge: bridgeERC20", "ERC-20 by bridgeERC20", L2.bridge,
    ["bridgeERC20(address,address,uint256,uint32,bytes)", [token.l2, token.l1, 10n, 200_000, "0x"]]);
  await s.send(s.l2, L2.weth, ["approve(address,uint256)", [L2.bridge, ETH]]);
  await begin("bridge: bridgeERC20 of a token of L2", "ERC-20 of L2, image minted", L2.bridge,
    ["bridgeERC20(address,address,uint256,uint32,bytes)", [L2.weth, token.image, 100n, 300_000, "0x"]]);
  await s.send(s.l2, nft.l2, ["setApprovalForAll(address,bool)", [L2.nftBridge, true]]);
  await begin("ERC-721 bridge: bridgeERC721", "ERC-721", L2.nftBridge,
    ["bridgeERC721(address,address,uint256,uint32,bytes)", [nft.l2, nft.l1, 1n, 300_000, "0x"]]);
  await begin("messenger: sendMessage with value", "a message", L2.messenger,
    ["sendMessage(address,bytes,uint32) payable", [newcomer(15), TEXT, 200_000]], { value });
  // The bridge does not take what does not come from the other one.
  await begin("messenger: sendMessage, later", "a message that fails", L2.messenger,
    ["sendMessage(address,bytes,uint32) payable", [s.at("L1StandardBridge"), TEXT, 200_000]]);

  const late = await s.propose("L1 factory: create a game, later");
  for (const [, withdrawal] of started.slice(2)) await s.prove(withdrawal, late);
  const first = await s.decide(early);
  const second = await s.decide(late);
  for (const [name, withdrawal] of started) await s.finalize(withdrawal, name);
  await s.l1.wait(s.delays.bond + 1);
  await bonds(s, first, second);
  // What was refused is tried again by hand; the data of the withdrawal is that of relayMessage.
  const [, failed] = started.at(-1);
  s.note("L1 messenger: relayMessage again, fails again",
    await s.l1.send("a replay", { from: WHO.alice, to: s.at("L1CrossDomainMessenger"), data: failed.tx.data }));
  await s.paid("L2 passer: burn", s.l2, L2.passer, ["burn()", []]);
  await s.paid("L1 bridge: bridgeERC20 of an image", s.l1, s.at("L1StandardBridge"),
    ["bridgeERC20(address,address,uint256,uint32,bytes)", [token.image, L2.weth, 10n, 300_000, "0x"]]);
}

/** From the end of the clock until the proposer has its bond again. */
async function bonds(s, first, second) {
  for (const [time, game] of [["first", first], ["later", second]]) {
    const steps = [...game.steps, await game.claim()];
    if (s.set.paysBondTwice) {
      await s.l1.wait(s.delays.bond + 1);
      steps.push(await game.claim());
    }
    s.note(`L1 game: resolve and bond back, ${time}`, ...steps);
  }
}

async function guardian(s) {
  const by = { from: s.roles.guardian };
  const { hasRegistry } = s.set;
  const registry = s.at(hasRegistry ? "AnchorStateRegistry" : "OptimismPortal");
  const game = await s.propose();
  await s.paid("L1 guardian: blacklistDisputeGame", s.l1, registry, ["blacklistDisputeGame(address)", [game.game]], by);
  await s.paid("L1 guardian: setRespectedGameType", s.l1, registry, ["setRespectedGameType(uint32)", [3]], by);
  const superchain = s.at("SuperchainConfig");
  const zero = pad("0x", { size: 20 });
  await s.paid("L1 guardian: pause", s.l1, superchain, hasRegistry ? ["pause(address)", [zero]] : ["pause(string)", [""]], by);
  await s.paid("L1 guardian: unpause", s.l1, superchain, hasRegistry ? ["unpause(address)", [zero]] : ["unpause()", []], by);
}
