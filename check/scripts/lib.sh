# Shared by the scripts of this folder: `source` it. Leaves the shell in the workspace root, with
# the release binary built, and gives:
#   OPAL          path of the binary
#   FREE_PORTS    flags that make a devnet pick its own ports
#   WORK          a folder that is removed at the end, unless KEEP=1 is set or the script failed
#   start NAME CMD…   runs CMD in the background, output to $WORK/NAME.log; sets PID
#   cleanup runs at the end: it stops what `start` started, by process id.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The checks in Python leave nothing behind in the source tree.
export PYTHONDONTWRITEBYTECODE=1
OPAL=${OPAL:-target/release/opal}
if [[ -z ${SKIP_BUILD:-} ]]; then
  cargo build --release --locked --quiet --workspace --bin opal
fi
[[ -x $OPAL ]] || { echo "no binary at $OPAL; build it with: cargo build --release -p opal" >&2; exit 1; }

FREE_PORTS=()
for port in l1-rpc l1-beacon l1-control sequencer-rpc sequencer-engine sequencer-node \
  verifier-rpc verifier-engine verifier-node batcher proposer; do
  FREE_PORTS+=("--port.$port" 0)
done

WORK=$(mktemp -d "${TMPDIR:-/tmp}/opal-check.XXXXXX")
STARTED=()

start() {
  local name=$1
  shift
  "$@" >"$WORK/$name.log" 2>&1 &
  PID=$!
  STARTED+=("$PID")
}

cleanup() {
  local status=$?
  for pid in "${STARTED[@]:-}"; do
    [[ -n $pid ]] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  done
  if [[ $status -eq 0 && -z ${KEEP:-} ]]; then
    rm -rf "$WORK"
  else
    echo "logs and data are in $WORK" >&2
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
