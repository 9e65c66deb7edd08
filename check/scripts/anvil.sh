#!/usr/bin/env bash
# The ring on an L1 that is not ours: anvil.
#
# Installs a pinned anvil from npm under target/, lets it mine, and runs `opal devnet` on it until
# the verifier has derived UNTIL_SAFE blocks that equal the sequencer's: once with batches in blobs,
# once in calldata. Anvil computes the transaction root of blocks with blob transactions wrong, so
# the first run must trust it there; the second must not need to.
#
#   check/scripts/anvil.sh            UNTIL_SAFE=20 TIMEOUT=120 (seconds, each run)
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

UNTIL_SAFE=${UNTIL_SAFE:-20}
TIMEOUT=${TIMEOUT:-120}

has_binaries || exit 0

# $1: a name, the rest: flags of `opal devnet`.
ring() {
  local name=$1
  shift
  start_anvil "anvil-$name" --block-time 2
  local anvil=$PID url=$URL
  echo "anvil at $url, batches in $name"
  "$OPAL" devnet --ephemeral --datadir "$WORK/$name" "${FREE_PORTS[@]}" \
    --l1.rpc "$url" --l1.beacon "$url" --until-safe "$UNTIL_SAFE" --timeout "$TIMEOUT" \
    --report "$WORK/$name.json" "$@" 2>"$WORK/opal-$name.log" || {
    echo "the ring did not close on anvil; the end of its log:" >&2
    tail -n 40 "$WORK/opal-$name.log" >&2
    exit 1
  }
  kill "$anvil"
}

ring blobs --da blobs --l1.trustrpc
ring calldata --da calldata
echo "ok: the ring closes on anvil $ANVIL_VERSION, with blobs and with calldata"
