// ethers sends, traces, filters and subscribes.

import { JsonRpcProvider, Wallet, WebSocketProvider, parseEther } from "ethers";
import { chainId, check, contract, done, key, nobody, noted, rpc, soon, word, ws } from "./common.mjs";

const provider = new JsonRpcProvider(rpc, undefined, { polling: true, pollingInterval: 200 });
const live = new WebSocketProvider(ws);
const wallet = new Wallet(key, provider);

check("chain id", (await provider.getNetwork()).chainId, BigInt(chainId));
const head = soon("newHeads", new Promise((resolve) => live.once("block", resolve)));
const pending = soon("pending", new Promise((resolve) => live.once("pending", resolve)));

const sent = await wallet.sendTransaction({ to: nobody, value: parseEther("0.001") });
check("transfer", (await soon("transfer", sent.wait())).status, 1);
const created = await wallet.sendTransaction({ data: contract });
const { contractAddress } = await soon("creation", created.wait());

check("call", await provider.call({ to: contractAddress, data: word(8) }), word(8));
const gas = await provider.estimateGas({ from: wallet.address, to: contractAddress, data: word(8) });
check("gas", gas > 21_000n && gas < 200_000n, true);

const filter = await provider.send("eth_newFilter", [{ address: contractAddress }]);
const log = soon(
  "logs",
  new Promise((resolve) => live.once({ address: contractAddress, topics: [noted] }, resolve)),
);
await new Promise((resolve) => setTimeout(resolve, 300));
const called = await wallet.sendTransaction({ to: contractAddress, data: word(8) });
const receipt = await soon("call", called.wait());
check("log", receipt.logs[0].topics[0], noted);
check("subscription", (await log).transactionHash, called.hash);
const changes = await provider.send("eth_getFilterChanges", [filter]);
check("filter", changes[0]?.transactionHash, called.hash);
const found = await provider.getLogs({
  address: contractAddress,
  fromBlock: receipt.blockNumber,
  toBlock: receipt.blockNumber,
});
check("getLogs", found.length, 1);
check("storage", await provider.getStorage(contractAddress, 0), word(8));
check("head", (await head) > 0, true);
check("pending", typeof (await pending), "string");

const trace = await provider.send("debug_traceTransaction", [called.hash, { tracer: "callTracer" }]);
check("trace", trace.to.toLowerCase(), contractAddress.toLowerCase());
const block = await provider.getBlock(receipt.blockHash, true);
check("block", block.transactions.includes(called.hash), true);
check("nonce", await provider.getTransactionCount(wallet.address, "pending"), 3 + sent.nonce);

// What fails must fail as ethers expects it.
const broke = Wallet.createRandom().connect(provider);
const error = await broke.sendTransaction({ to: nobody, value: 1n }).catch((e) => e);
check("no funds", error.code, "INSUFFICIENT_FUNDS");
const stale = { to: nobody, value: 1n, nonce: sent.nonce, gasLimit: 21_000n };
const again = await wallet.sendTransaction(stale).catch((e) => e);
check("old nonce", again.code, "NONCE_EXPIRED");
done("ethers");
