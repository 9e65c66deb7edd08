"""Kills a devnet with SIGKILL at random moments and checks that nothing safe is ever lost.

Called by kill9.sh. Phases:
1. KILLS times: start the devnet on one data directory, watch it for a random while, kill it; every
   third time while it starts, else while it works. Every safe block seen on the verifier is
   remembered by height and hash.
2. Start it once more; the safe head must pass the highest one seen by GROWTH blocks. Both nodes must
   have every remembered hash, and equal hashes at every height up to the safe head.
3. Stop it with SIGINT, which must end it with success; then `--until-safe` must succeed, too.
"""

import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys
import time
import urllib.request

GROWTH = 10  # blocks the safe head must advance after the last crash
PATIENCE = 120  # seconds for the chain to go on after the last crash
START_PATIENCE = 60  # seconds for a start to write devnet.json
LONGEST_START = 2.0  # seconds within which a kill counts as one during the start
LOOK_INTERVAL = 0.1  # seconds between looks at the heads


class Failure(Exception):
    """What went wrong, in words."""


class Devnet:
    """One run of `opal devnet`."""

    def __init__(self, options, extra=()):
        self.descriptor_path = options.datadir / "devnet.json"
        # The ports change from run to run: an old file would send us to a dead process.
        self.descriptor_path.unlink(missing_ok=True)
        self.log = options.log.open("ab")
        command = [options.opal, "devnet", "--datadir", options.datadir, "--block-time", "1"]
        command += ["--l1-block-time", "1", *options.flags, *extra]
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=self.log, stderr=self.log
        )
        self.descriptor = None

    def ended(self):
        return self.process.poll() is not None

    def endpoints(self):
        """The endpoints, or None while the devnet starts."""
        if self.descriptor is None and self.descriptor_path.exists():
            self.descriptor = json.loads(self.descriptor_path.read_text())
        return self.descriptor

    def call(self, side, port, method, *params):
        """One JSON-RPC call; None if there is no answer (yet)."""
        descriptor = self.endpoints()
        if descriptor is None:
            return None
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(
            descriptor["l2"][side][port],
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer).get("result")
        except (OSError, ValueError):
            return None

    def safe_head(self):
        """Height and hash of the verifier's safe head, once there is one above genesis."""
        status = self.call("verifier", "node", "optimism_syncStatus")
        head = status["safe_l2"] if status else None
        return (head["number"], head["hash"]) if head and head["number"] > 0 else None

    def block_hash(self, side, number):
        block = self.call(side, "rpc", "eth_getBlockByNumber", hex(number), False)
        return block["hash"] if block else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=30)
        self.log.close()
        return status


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    devnets = []
    try:
        run(options, random.Random(seed), devnets)
    except Failure as failure:
        print(f"FAILED (seed {seed}): {failure}", file=sys.stderr)
        print(f"the end of {options.log}:", file=sys.stderr)
        lines = options.log.read_bytes().decode(errors="replace").splitlines()
        print("\n".join(lines[-40:]), file=sys.stderr)
        return 1
    finally:
        for devnet in devnets:
            if not devnet.ended():
                devnet.kill()
    return 0


def run(options, dice, devnets):
    seen = {}
    for kill in range(1, options.kills + 1):
        starting = kill % 3 == 0
        life = dice.uniform(0.05, LONGEST_START if starting else options.longest)
        devnet = Devnet(options)
        devnets.append(devnet)
        if not starting:
            wait_for_start(devnet)
        watch(devnet, life, seen)
        devnet.kill()
        when = "into its start" if starting else "at work"
        highest = max(seen, default=0)
        print(f"kill {kill:2}: {life:.2f} s {when}; highest safe head seen: {highest}", flush=True)

    highest = max(seen, default=0)
    devnet = Devnet(options)
    devnets.append(devnet)
    safe = wait_for_safe(devnet, highest + GROWTH, seen)
    compare(devnet, seen, safe)
    status = devnet.interrupt()
    if status != 0:
        raise Failure(f"after SIGINT the devnet ended with {status}, not 0")

    goal = str(safe + GROWTH)
    devnet = Devnet(options, ["--until-safe", goal, "--timeout", str(PATIENCE)])
    devnets.append(devnet)
    try:
        status = devnet.process.wait(timeout=2 * PATIENCE)
    except subprocess.TimeoutExpired:
        raise Failure(f"--until-safe {goal} --timeout {PATIENCE} never ended") from None
    if status != 0:
        raise Failure(f"--until-safe {goal} ended with {status}")
    print(f"ok: {options.kills} kills, {len(seen)} safe blocks kept, chain at {goal}")


def wait_for_start(devnet):
    """Waits for devnet.json, which is written when all services run."""
    end = time.monotonic() + START_PATIENCE
    while devnet.endpoints() is None:
        if devnet.ended():
            raise Failure(f"the devnet ended by itself with {devnet.process.returncode}")
        if time.monotonic() > end:
            raise Failure(f"no devnet.json after {START_PATIENCE} s")
        time.sleep(LOOK_INTERVAL)


def watch(devnet, life, seen):
    """Notes safe heads for `life` seconds."""
    end = time.monotonic() + life
    while time.monotonic() < end:
        if devnet.ended():
            raise Failure(f"the devnet ended by itself with {devnet.process.returncode}")
        note(devnet.safe_head(), seen)
        time.sleep(max(0.0, min(LOOK_INTERVAL, end - time.monotonic())))


def note(head, seen):
    if head is None:
        return
    number, block_hash = head
    if seen.setdefault(number, block_hash) != block_hash:
        raise Failure(f"safe block {number} was {seen[number]} and is {block_hash} now")


def wait_for_safe(devnet, goal, seen):
    """Waits for the verifier's safe head to reach `goal`; its height."""
    wait_for_start(devnet)
    start = time.monotonic()
    while True:
        waited = time.monotonic() - start
        head = devnet.safe_head()
        note(head, seen)
        if head and head[0] >= goal:
            return head[0]
        if devnet.ended():
            raise Failure(f"the devnet ended by itself with {devnet.process.returncode}")
        if waited > PATIENCE:
            raise Failure(f"the safe head is {head} after {PATIENCE} s, not {goal}")
        time.sleep(LOOK_INTERVAL)


def compare(devnet, seen, safe):
    for number in range(1, safe + 1):
        hashes = [devnet.block_hash(side, number) for side in ("sequencer", "verifier")]
        if hashes[0] is None or hashes[0] != hashes[1]:
            raise Failure(f"block {number}: sequencer has {hashes[0]}, verifier has {hashes[1]}")
        if number in seen and seen[number] != hashes[0]:
            raise Failure(f"safe block {number} was {seen[number]} and is {hashes[0]} now")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opal", required=True, type=pathlib.Path)
    parser.add_argument("--datadir", required=True, type=pathlib.Path)
    parser.add_argument("--log", required=True, type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds between kills")
    parser.add_argument("--seed", type=int)
    parser.add_argument("flags", nargs="*", help="further flags of `opal devnet`")
    options = parser.parse_args()
    options.log.touch()
    return options


if __name__ == "__main__":
    sys.exit(main())
