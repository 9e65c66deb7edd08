#!/usr/bin/env bash
# An engine in the hands of an operator: stops, a second process, metrics, a halt, a read-only
# directory, a disk that is full for a while.
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

python3 check/scripts/ops-engine.py --opal "$OPAL" --folder "$WORK"
