#!/usr/bin/env bash
# Money goes in and comes out: viem's op-stack actions deposit, use, withdraw, prove and finalize on
# a fresh devnet, and balances are checked to the wei.
#
# Installs viem, pinned, under target/tools. Needs node with npm.
#
#   check/scripts/bridge.sh [FLAG OF opal devnet …]
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 0; }
done

start devnet "$OPAL" devnet --ephemeral --datadir "$WORK/devnet" "${FREE_PORTS[@]}" \
  --block-time 1 --l1-block-time 1 "$@"
devnet=$PID
for _ in $(seq 300); do
  [[ -f $WORK/devnet/devnet.json ]] && break
  kill -0 "$devnet" 2>/dev/null || { echo "the devnet ended:" >&2; cat "$WORK/devnet.log" >&2; exit 1; }
  sleep 0.2
done
clients/viem/run "$WORK/devnet/devnet.json" || {
  echo "the end of the devnet's log:" >&2
  tail -n 20 "$WORK/devnet.log" >&2
  exit 1
}
echo "ok: the bridge works both ways with viem"
