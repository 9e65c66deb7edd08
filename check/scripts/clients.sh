#!/usr/bin/env bash
# Clients that we did not write against the engine: cast, viem, ethers and web3.py each send, trace,
# filter and subscribe on the sequencer of a devnet.
#
# Installs them, pinned, under target/tools. Needs node with npm, and python3 with venv.
#
#   check/scripts/clients.sh
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in node npm python3; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 0; }
done

HERE=check/scripts/clients
TOOLS=target/tools/clients
mkdir -p "$TOOLS"
install_node() {
  cmp -s "$HERE/package-lock.json" "$TOOLS/package-lock.json" && [[ -d $TOOLS/node_modules ]] && return
  cp "$HERE/package.json" "$HERE/package-lock.json" "$TOOLS/"
  npm ci --prefix "$TOOLS" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}
install_python() {
  cmp -s "$HERE/requirements.txt" "$TOOLS/venv/requirements.txt" && return
  python3 -m venv "$TOOLS/venv"
  "$TOOLS/venv/bin/pip" install --quiet --disable-pip-version-check -r "$HERE/requirements.txt"
  cp "$HERE/requirements.txt" "$TOOLS/venv/"
}

start devnet "$OPAL" devnet --ephemeral --datadir "$WORK/devnet" "${FREE_PORTS[@]}" \
  --block-time 1 --l1-block-time 1
devnet=$PID
install_python &
python=$!
install_node
wait "$python"
cp "$HERE"/*.mjs "$TOOLS/"

for _ in $(seq 300); do
  [[ -f $WORK/devnet/devnet.json ]] && break
  kill -0 "$devnet" 2>/dev/null || { echo "the devnet ended:" >&2; cat "$WORK/devnet.log" >&2; exit 1; }
  sleep 0.2
done
field() {
  python3 -c "import json, sys; d = json.load(open(sys.argv[1])); print($1)" "$WORK/devnet/devnet.json"
}
OPAL_RPC=$(field "d['l2']['sequencer']['rpc']")
OPAL_CHAIN_ID=$(field "d['l2']['chainId']")
# keccak256("Noted(uint256)")
OPAL_TOPIC=0x2a4c0836f0899d4ca8a13ae15d769f0d0d3bdf2401c0afde8a60c80070b912fb
# Stores the word it is called with at slot 0, emits it, and returns it.
OPAL_CONTRACT=0x6031600a5f3960315ff35f355f527f${OPAL_TOPIC#0x}60205fa15f515f5560205ff3
export OPAL_RPC OPAL_CHAIN_ID OPAL_TOPIC OPAL_CONTRACT

cast_client() {
  local cast=$TOOLS/node_modules/@foundry-rs/cast-linux-amd64/bin/cast
  local word hash address filter found
  export ETH_RPC_URL=$OPAL_RPC
  is() { [[ $2 == "$3" ]] || { echo "cast: $1: found $2, expected $3" >&2; exit 1; }; }
  is "chain id" "$("$cast" chain-id)" "$OPAL_CHAIN_ID"
  local sending=(send --private-key "$OPAL_KEY" --timeout 30 --json)
  found=$("$cast" "${sending[@]}" --value 0.001ether 0x00000000000000000000000000000000000000aa)
  is transfer "$(json "$found" status)" 0x1
  address=$(json "$("$cast" "${sending[@]}" --create "$OPAL_CONTRACT")" contractAddress)
  word=0x$(printf %064x 11)
  is call "$("$cast" call "$address" --data "$word")" "$word"
  filter=$("$cast" rpc eth_newFilter "{\"address\":\"$address\"}" | tr -d '"')
  "$cast" logs --rpc-url "${OPAL_RPC/http/ws}" --address "$address" --subscribe --json \
    >"$WORK/cast-logs" 2>"$WORK/cast-logs.err" &
  local subscriber=$!
  sleep 1
  hash=$(json "$("$cast" "${sending[@]}" "$address" "$word")" transactionHash)
  found=$("$cast" rpc eth_getFilterChanges "$filter")
  [[ $found == *"$hash"* ]] || { echo "cast: the filter says $found" >&2; exit 1; }
  [[ $("$cast" logs --address "$address" --from-block 0 "$OPAL_TOPIC") == *"$hash"* ]] ||
    { echo "cast: no logs" >&2; exit 1; }
  is storage "$("$cast" storage "$address" 0)" "$word"
  # It writes what it has when it is interrupted.
  sleep 1
  kill -INT "$subscriber"
  wait "$subscriber" || true
  grep -q "$hash" "$WORK/cast-logs" || { echo "cast: the subscription says nothing" >&2; exit 1; }
  found=$("$cast" rpc debug_traceTransaction "$hash" '{"tracer":"callTracer"}')
  [[ $found == *"$address"* ]] || { echo "cast: the trace is $found" >&2; exit 1; }
  echo "cast: ok"
}
json() {
  python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$1" "$2"
}

# Each has an account of its own, so they run at once.
pids=()
client() {
  local account=$1
  shift
  OPAL_KEY=$(field "d['accounts'][$account]['privateKey']") "$@" &
  pids+=("$!")
}
if [[ $(uname -sm) == "Linux x86_64" ]]; then
  client 1 cast_client
else
  echo "cast: skipped, it is installed for Linux x86_64"
fi
client 2 node "$TOOLS/viem.mjs"
client 3 node "$TOOLS/ethers.mjs"
client 4 "$TOOLS/venv/bin/python" "$HERE/web3_client.py"
for pid in "${pids[@]}"; do
  wait "$pid" || failed=1
done
[[ -z ${failed:-} ]] || { echo "the end of the devnet's log:" >&2; tail -n 20 "$WORK/devnet.log" >&2; exit 1; }
echo "ok: four clients that we did not write"
