// What an operation may take: no more than with Optimism's contracts of 2024, or, where the rules have
// changed since, no more than with those of today.

/** Gas. Our contracts have functions that came later, so the right one is found a few comparisons later,
    and addresses with more or fewer zero bytes make calldata cheaper or dearer. */
export const NOISE = 60;

/** Operations that must do more than in 2024, and what. Today's contracts are their measure. */
const CHANGED = [
  [/^L1 portal: finalize, |^L1 messenger: relayMessage again/,
    "a registry judges games, with a blacklist, retirement and a pause per chain: more contracts are asked, each behind a proxy"],
  [/^L1 game: /, "the bond is paid out in two steps, and only if the registry says that the game counts"],
  [/^L1 guardian: (blacklist|setRespected)/, "the registry asks SystemConfig who the guardian is"],
  [/^L1 guardian: unpause/, "a pause has an identifier"],
  [/ factory: createOptimismMintableERC20$/, "the factory remembers what it made; tokens have permits"],
  [/^L2 token: transferFrom$/, "Permit2 may move everybody's tokens, which is asked first"],
  [/^L2 GasPriceOracle: l1BaseFee$/, "the oracle has functions for the forks since, so the right one is found later"],
];

/** Whether `gas` is too much, and if it is not, why it may be more than in 2024. */
export function judge(name, gas, peer, today) {
  if (gas <= peer + NOISE) return { isWorse: false };
  const changed = CHANGED.find(([which]) => which.test(name));
  const isWorse = !changed || today === undefined || gas > today + NOISE;
  return { isWorse, note: isWorse ? undefined : changed[1] };
}
