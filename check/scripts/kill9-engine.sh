#!/usr/bin/env bash
# Crashes: an import of heavy blocks is killed with SIGKILL at random moments; the data directory is
# verified from scratch after every one.
#
#   check/scripts/kill9-engine.sh     KILLS=15 BLOCKS=120 LONGEST=2 (seconds between kills) SEED=(random)
#
# The seed printed first repeats the pauses, not what the machine does meanwhile.
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

python3 check/scripts/kill9-engine.py --opal "$OPAL" --folder "$WORK" --kills "${KILLS:-15}" \
  --blocks "${BLOCKS:-120}" --longest "${LONGEST:-2}" ${SEED:+--seed "$SEED"}
