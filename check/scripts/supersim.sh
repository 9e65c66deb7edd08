#!/usr/bin/env bash
# The bridge on contracts that we did not write: those that supersim brings (op-contracts v4).
#
# Installs supersim and anvil, pinned, from npm under target/tools, takes from supersim the first
# blocks of its L1 (900) and of its first L2 (901), starts anvil with the one and `opal devnet` with
# the other, and runs clients/viem on it: our node, engine, batcher and proposer, with the keys that
# those contracts name. The contracts stay as they are; since their games take three and a half
# days, the clock of L1 is put forward at the end.
#
#   check/scripts/supersim.sh [FLAG OF opal devnet …]
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

has_binaries || exit 0
for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 0; }
done
supersim_genesis
tools=$(clients/viem/install)

start_anvil anvil --block-time 1 --chain-id 900 --init "$WORK/900.json" --timestamp "$(date +%s)"
url=$URL
node "$tools/supersim.mjs" genesis "$url" "$WORK/901.json" "$WORK"
hash=$("$OPAL" engine init --datadir "$WORK/init" "$WORK/genesis.json" 2>&1 |
  sed -n 's/.*genesis=.*\(0x[0-9a-f]\{64\}\).*/\1/p')
node "$tools/supersim.mjs" rollup "$url" "$hash" "$WORK"
# shellcheck source=/dev/null
source "$WORK/keys.env"

start devnet "$OPAL" devnet --ephemeral --datadir "$WORK/devnet" "${FREE_PORTS[@]}" \
  --l1.rpc "$url" --l1.beacon "$url" --l1.trustrpc \
  --rollup.config "$WORK/rollup.json" --l2.genesis "$WORK/genesis.json" "$@"
devnet=$PID
for _ in $(seq 300); do
  [[ -f $WORK/devnet/devnet.json ]] && break
  kill -0 "$devnet" 2>/dev/null || { echo "the devnet ended:" >&2; cat "$WORK/devnet.log" >&2; exit 1; }
  sleep 0.2
done
about=$WORK/devnet/devnet.json
# Our own tool takes the same way: it begins before viem does and ends after it, when L1's clock is
# past the end of its game.
"$OPAL" bridge --devnet "$about" withdraw --amount 0.25 | tee "$WORK/bridge.log"
withdrawal=$(sed -n 's/^next: opal bridge prove //p' "$WORK/bridge.log")
"$OPAL" bridge --devnet "$about" prove "$withdrawal"
clients/viem/run "$about" --warp || {
  echo "the end of the devnet's log:" >&2
  tail -n 20 "$WORK/devnet.log" >&2
  exit 1
}
"$OPAL" bridge --devnet "$about" finalize "$withdrawal"
echo "ok: the bridge works both ways on the contracts of supersim $SUPERSIM_VERSION"
