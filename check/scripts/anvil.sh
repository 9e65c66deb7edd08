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

ANVIL_VERSION=1.7.1
ANVIL_SHA256=10c1c727d6c1de973aeb160e59875b9a9a23464d6e74149ee8abb30b3500311b
UNTIL_SAFE=${UNTIL_SAFE:-20}
TIMEOUT=${TIMEOUT:-120}

if [[ $(uname -sm) != "Linux x86_64" ]]; then
  echo "skipped: this script installs anvil for Linux x86_64, and this is $(uname -sm)"
  exit 0
fi

# npm's launcher leaves its child behind when stopped, so the binary itself is started.
TOOLS=target/tools/anvil-$ANVIL_VERSION
ANVIL=$TOOLS/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil
if [[ ! -x $ANVIL ]]; then
  mkdir -p "$TOOLS"
  echo '{"private":true}' >"$TOOLS/package.json"
  npm install --prefix "$TOOLS" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error \
    "@foundry-rs/anvil-linux-amd64@$ANVIL_VERSION"
fi
echo "$ANVIL_SHA256  $ANVIL" | sha256sum --check --status || {
  echo "$ANVIL is not the anvil $ANVIL_VERSION this script was written for; remove $TOOLS" >&2
  exit 1
}

# $1: a name, the rest: flags of `opal devnet`.
ring() {
  local name=$1
  shift
  # The smallest epochs, so that L1's safe and finalized heads follow closely.
  start "anvil-$name" "$ANVIL" --host 127.0.0.1 --port 0 --hardfork osaka --block-time 2 \
    --slots-in-an-epoch 1 --no-request-size-limit
  local url="" log=$WORK/anvil-$name.log
  for _ in $(seq 100); do
    url=$(sed -n 's/^Listening on \(127\.0\.0\.1:[0-9]*\).*/http:\/\/\1/p' "$log")
    [[ -n $url ]] && break
    kill -0 "$PID" 2>/dev/null || { echo "anvil ended:" >&2; cat "$log" >&2; exit 1; }
    sleep 0.1
  done
  [[ -n $url ]] || { echo "anvil does not listen after 10 s; see $log" >&2; exit 1; }
  echo "anvil at $url, batches in $name"
  local anvil=$PID
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
