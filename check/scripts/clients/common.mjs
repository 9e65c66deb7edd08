// What the clients in JavaScript share: where the engine is, whose key they use, and a contract.

export const rpc = process.env.OPAL_RPC;
export const ws = rpc.replace(/^http/, "ws");
export const key = process.env.OPAL_KEY;
export const chainId = Number(process.env.OPAL_CHAIN_ID);
/** Stores and emits the word it is called with: `event Noted(uint256)`. */
export const contract = process.env.OPAL_CONTRACT;
export const noted = process.env.OPAL_TOPIC;
export const nobody = "0x00000000000000000000000000000000000000aa";

export function check(name, found, expected) {
  if (found !== expected) {
    throw new Error(`${name}: found ${found}, expected ${expected}`);
  }
}

/** Resolves with `promise`, or fails after some seconds. */
export function soon(name, promise) {
  const late = new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`${name}: nothing after 20 s`)), 20_000).unref();
  });
  return Promise.race([promise, late]);
}

export function word(n) {
  return "0x" + n.toString(16).padStart(64, "0");
}

export function done(name) {
  console.log(`${name}: ok`);
  process.exit(0);
}
