#!/usr/bin/env bash
# The bridge on contracts that we did not write: those that supersim brings (op-contracts v4).
#
# Installs supersim and anvil, pinned, from npm under target/tools, takes from supersim the first
# blocks of its L1 (900) and of its first L2 (901), starts anvil with the one and `opal devnet` with
# the other, and runs clients/viem on it: our node, engine, batcher and proposer, with the keys that
# those contracts name. The contracts stay as they are; since their games take three and a half
# days, the clock of L1 is put forward at the end.
#
#   check/scripts/supersim.sh [FLAG OF opal devnet …]
# shellcheck source=check/scripts/lib.sh
source "$(dirname "$0")/lib.sh"

SUPERSIM_VERSION=0.1.0-alpha.58
SUPERSIM_SHA256=2e26ef9b2fbf402ab6e4817f977c800617618d472b9ea8714d12fd636c9fa7d9

has_binaries || exit 0
for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool here"; exit 0; }
done
npm_binary "supersim-$SUPERSIM_VERSION" "supersim@$SUPERSIM_VERSION" supersim/bin/supersim "$SUPERSIM_SHA256"
supersim=$(realpath "$BINARY")
find_anvil
anvil=$(realpath "$BINARY")
tools=$(clients/viem/install)

# Supersim has its first blocks inside and hands them to the anvils it starts: here one that keeps them.
mkdir "$WORK/bin"
cat >"$WORK/bin/anvil" <<'END'
#!/usr/bin/env bash
for ((i = 1; i <= $#; i++)); do
  next=$((i + 1))
  case ${!i} in
    --chain-id) chain=${!next} ;;
    --init) file=${!next} ;;
  esac
done
[[ -z ${file:-} ]] || { cp "$file" "$KEPT/$chain.new" && mv "$KEPT/$chain.new" "$KEPT/$chain.json"; }
exec "$ANVIL" "$@"
END
chmod +x "$WORK/bin/anvil"
ANVIL=$anvil KEPT=$WORK PATH=$WORK/bin:$PATH start supersim "$supersim" --l2.count 1 \
  --admin.port 0 --l1.port 0 --l2.starting.port 0
for _ in $(seq 100); do
  [[ -f $WORK/900.json && -f $WORK/901.json ]] && break
  sleep 0.1
done
# It stops the anvils it started.
kill "$PID" 2>/dev/null && wait "$PID" 2>/dev/null || true
[[ -f $WORK/900.json && -f $WORK/901.json ]] || {
  echo "supersim gave no genesis:" >&2
  cat "$WORK/supersim.log" >&2
  exit 1
}

start_anvil anvil --block-time 1 --chain-id 900 --init "$WORK/900.json" --timestamp "$(date +%s)"
url=$URL
node "$tools/supersim.mjs" genesis "$url" "$WORK/901.json" "$WORK"
hash=$("$OPAL" engine init --datadir "$WORK/init" "$WORK/genesis.json" 2>&1 |
  sed -n 's/.*genesis=.*\(0x[0-9a-f]\{64\}\).*/\1/p')
node "$tools/supersim.mjs" rollup "$url" "$hash" "$WORK"
# shellcheck source=/dev/null
source "$WORK/keys.env"

start devnet "$OPAL" devnet --ephemeral --datadir "$WORK/devnet" "${FREE_PORTS[@]}" \
  --l1.rpc "$url" --l1.beacon "$url" --l1.trustrpc \
  --rollup.config "$WORK/rollup.json" --l2.genesis "$WORK/genesis.json" "$@"
devnet=$PID
for _ in $(seq 300); do
  [[ -f $WORK/devnet/devnet.json ]] && break
  kill -0 "$devnet" 2>/dev/null || { echo "the devnet ended:" >&2; cat "$WORK/devnet.log" >&2; exit 1; }
  sleep 0.2
done
about=$WORK/devnet/devnet.json
# Our own tool takes the same way: it begins before viem does and ends after it, when L1's clock is
# past the end of its game.
"$OPAL" bridge --devnet "$about" withdraw --amount 0.25 | tee "$WORK/bridge.log"
withdrawal=$(sed -n 's/^next: opal bridge prove //p' "$WORK/bridge.log")
"$OPAL" bridge --devnet "$about" prove "$withdrawal"
clients/viem/run "$about" --warp || {
  echo "the end of the devnet's log:" >&2
  tail -n 20 "$WORK/devnet.log" >&2
  exit 1
}
"$OPAL" bridge --devnet "$about" finalize "$withdrawal"
echo "ok: the bridge works both ways on the contracts of supersim $SUPERSIM_VERSION"
