// Where ours may take more, by how much, and why. Everything else must not.

/** Gas. Our contracts have functions that came later, so the right one is found a few comparisons later,
    and addresses with more or fewer zero bytes make calldata cheaper or dearer. */
export const NOISE = 60;

const JUDGED =
  "since 2025 a registry judges games, with a blacklist, retirement and a pause per chain: more contracts are asked, each behind a proxy; so ours, and so today's of Optimism";

/** Operations, the highest ratio, the reason. */
const ALLOWED = [
  [/^L1 portal: finalize, /, 1.6, JUDGED],
  [/^L1 messenger: relayMessage again/, 1.32, JUDGED],
  [/^L1 game: /, 1.2, "another game: its bond is paid out in two steps, and only if the registry says that it counts"],
  [/^L1 guardian: (blacklist|setRespected)/, 1.25, "the registry asks SystemConfig who the guardian is; the portal asked SuperchainConfig"],
  [/^L1 guardian: unpause/, 1.02, "a pause has an identifier"],
  [/ factory: createOptimismMintableERC20$/, 1.015, "the factory remembers what it made, which is a word of storage; tokens have permits"],
  [/^L2 token: /, 1.006, "compiled for size, since who makes a token pays for its code; Permit2 may move everybody's tokens, which is asked first"],
  [/^L2 ERC-721 bridge: arrives/, 1.003, "compiled for size, since who makes a collection pays for its code"],
  [/^L2 GasPriceOracle: /, 1.01, "compiled for size, since the specification limits the gas of its upgrade"],
  [/^L2 fee vault: withdraw to L2/, 1.06, "settings can be changed, so they are a word of storage away"],
];

/** The reason why an operation may take `ours` gas instead of `theirs`; none if it may not. */
export function reason(name, ours, theirs) {
  const found = ALLOWED.find(([which, ratio]) => which.test(name) && ours <= theirs * ratio);
  return found?.[2] ?? (ours <= theirs + NOISE ? "noise" : undefined);
}
