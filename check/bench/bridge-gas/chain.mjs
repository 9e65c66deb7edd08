// An anvil of one's own, and transactions from whomever one likes.

import { spawn } from "node:child_process";
import { once } from "node:events";

/** Wei per gas on L1: high, so that the gas that deposits burn never hides what contracts use. */
const BASE_FEE = 100n * 10n ** 9n;
const RICH = 10n ** 24n;
/** Anvil mines at once, but answers before it has. */
const LOOKS_MAX = 1000;

export const hex = (number) => `0x${BigInt(number).toString(16)}`;

const running = new Set();

/** Ends every anvil that was started here. */
export async function stopAll() {
  await Promise.all([...running].map((child) => {
    const gone = once(child, "exit");
    child.kill();
    return gone;
  }));
}

export class Chain {
  /** Starts a chain with a genesis file, or with nothing but funded accounts. */
  static async start(name, { genesis, chainId }) {
    const flags = ["--host", "127.0.0.1", "--port", "0", "--hardfork", "prague", "--auto-impersonate",
      "--chain-id", String(chainId), "--gas-limit", "60000000", "--block-base-fee-per-gas", String(BASE_FEE)];
    const child = spawn(process.env.ANVIL, genesis ? [...flags, "--init", genesis] : flags);
    running.add(child);
    child.once("exit", () => running.delete(child));
    let said = "";
    const url = await new Promise((resolve, reject) => {
      const hear = (bytes) => {
        said += bytes;
        const found = said.match(/Listening on (127\.0\.0\.1:\d+)/);
        if (found) resolve(`http://${found[1]}`);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`anvil for ${name} ended: ${said}`)));
    });
    return new Chain(name, url);
  }

  constructor(name, url) {
    Object.assign(this, { name, url, id: 0 });
  }

  async rpc(method, ...params) {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.id, method, params });
    const headers = { "content-type": "application/json" };
    const answer = await (await fetch(this.url, { method: "POST", headers, body })).json();
    if (answer.error) throw new Error(`${this.name}: ${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  /** Mines a transaction of `from` alone in a block; its receipt. Must succeed. */
  async send(what, { from, to, data = "0x", value = 0n, gas = 16_000_000n }) {
    await this.rpc("anvil_setNextBlockBaseFeePerGas", hex(BASE_FEE));
    const tx = { from, to, data, value: hex(value), gas: hex(gas), gasPrice: hex(BASE_FEE) };
    const hash = await this.rpc("eth_sendTransaction", tx);
    let receipt = null;
    for (let look = 0; receipt === null && look < LOOKS_MAX; ++look) {
      receipt = await this.rpc("eth_getTransactionReceipt", hash);
    }
    if (receipt?.status !== "0x1") {
      const trace = await this.rpc("eth_call", tx, receipt?.blockNumber ?? "latest").catch((error) => error.message);
      throw new Error(`${this.name}: ${what} failed: ${trace}`);
    }
    return receipt;
  }

  call(to, data) {
    return this.rpc("eth_call", { to, data }, "latest");
  }

  /** Money for an account that has none, or is a contract. */
  fund(who, wei = RICH) {
    return this.rpc("anvil_setBalance", who, hex(wei));
  }

  /** Lets time pass. */
  async wait(seconds) {
    await this.rpc("evm_increaseTime", seconds);
    await this.rpc("evm_mine");
  }
}
