// viem sends, traces, filters and subscribes.

import { createPublicClient, createWalletClient, defineChain, http, parseEther, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { chainId, check, contract, done, key, nobody, noted, rpc, soon, word, ws } from "./common.mjs";

const chain = defineChain({
  id: chainId,
  name: "opal",
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [rpc], webSocket: [ws] } },
});
const account = privateKeyToAccount(key);
const options = { chain, pollingInterval: 200 };
const client = createPublicClient({ ...options, transport: http(rpc, { batch: true }) });
const wallet = createWalletClient({ ...options, account, transport: http(rpc) });
const live = createPublicClient({ ...options, transport: webSocket(ws) });

check("chain id", await client.getChainId(), chainId);
const heads = soon("newHeads", new Promise((resolve) => live.watchBlocks({ onBlock: resolve })));
const pending = soon(
  "newPendingTransactions",
  new Promise((resolve) => live.watchPendingTransactions({ onTransactions: resolve })),
);

// Send: a transfer, then a contract.
const before = await client.getBalance({ address: nobody });
const hash = await wallet.sendTransaction({ to: nobody, value: parseEther("0.001") });
const receipt = await client.waitForTransactionReceipt({ hash });
check("transfer", receipt.status, "success");
const change = (await client.getBalance({ address: nobody })) - before;
check("balance", change >= parseEther("0.001"), true);
const creation = await wallet.deployContract({ abi: [], bytecode: contract });
const { contractAddress } = await client.waitForTransactionReceipt({ hash: creation });

// Call, estimate, and look at storage with a proof.
const called = await client.call({ to: contractAddress, data: word(7) });
check("call", called.data, word(7));
const gas = await client.estimateGas({ account, to: contractAddress, data: word(7) });
check("gas", gas > 21_000n && gas < 200_000n, true);
const overridden = await client.call({
  to: nobody,
  data: "0x",
  stateOverride: [{ address: nobody, code: "0x5f545f5260205ff3", stateDiff: [{ slot: word(0), value: word(9) }] }],
});
check("override", overridden.data, word(9));

// Filter and subscribe: a log arrives by every way.
const parts = { address: contractAddress };
const filter = await client.createEventFilter(parts);
const logs = soon("logs", new Promise((resolve) => live.watchEvent({ ...parts, onLogs: resolve })));
await new Promise((resolve) => setTimeout(resolve, 200));
const call = await wallet.sendTransaction({ to: contractAddress, data: word(7) });
const mined = await client.waitForTransactionReceipt({ hash: call });
check("log", mined.logs[0].topics[0], noted);
const changes = await client.getFilterChanges({ filter });
check("filter", changes[0]?.transactionHash, call);
check("subscription", (await logs)[0].transactionHash, call);
const range = { fromBlock: mined.blockNumber, toBlock: mined.blockNumber };
check("getLogs", (await client.getLogs({ ...parts, ...range })).length, 1);
check("uninstall", await client.uninstallFilter({ filter }), true);
const proof = await client.getProof({ address: contractAddress, storageKeys: [word(0)] });
check("proof", proof.storageProof[0].value, 7n);
check("heads", (await heads).number > 0n, true);
check("pending", (await pending).length > 0, true);

// Trace.
const trace = await client.request({
  method: "debug_traceTransaction",
  params: [call, { tracer: "callTracer" }],
});
check("trace", trace.to.toLowerCase(), contractAddress.toLowerCase());
const block = await client.getBlock({ blockHash: mined.blockHash, includeTransactions: true });
check("block", block.transactions.some((tx) => tx.hash === call), true);
const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [50] });
check("fee history", history.reward.length > 0, true);
done("viem");
