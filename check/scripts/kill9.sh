#!/usr/bin/env bash
# Crashes: a devnet on disk is killed with SIGKILL at random moments, and goes on every time.
#
#   check/scripts/kill9.sh            KILLS=20 LONGEST=6 (seconds between kills) SEED=(random)
#
# The seed printed first repeats the pauses, not what the machine does meanwhile.
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

python3 check/scripts/kill9.py --opal "$OPAL" --datadir "$WORK/devnet" --log "$WORK/opal.log" \
  --kills "${KILLS:-20}" --longest "${LONGEST:-6}" ${SEED:+--seed "$SEED"} -- "${FREE_PORTS[@]}"
