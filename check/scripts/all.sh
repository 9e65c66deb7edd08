#!/usr/bin/env bash
# Every end-to-end check of this folder, one after the other.
set -euo pipefail
here=$(dirname "$0")

"$here/reorg.sh"
"$here/kill9.sh"
"$here/ops-engine.sh"
"$here/kill9-engine.sh"
"$here/anvil.sh"
"$here/clients.sh"
"$here/bridge.sh"
"$here/supersim.sh"
"$here/../bench/bridge-gas/run"
