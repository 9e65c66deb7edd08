#!/usr/bin/env bash
# Trouble on L1: reorgs deeper than the last batch, with and without their transactions, a stalled
# L1, and blobs held back. After each, both nodes must go on and end on the same chain.
#
#   check/scripts/reorg.sh
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

python3 check/scripts/reorg.py --opal "$OPAL" --datadir "$WORK/devnet" --log "$WORK/opal.log" \
  -- --ephemeral "${FREE_PORTS[@]}"
