"""A devnet as a process of its own, seen from outside: started, watched, asked, killed."""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request

PATIENCE = 120  # seconds for the chain to go on
START_PATIENCE = 60  # seconds for a start to write devnet.json
STOP_PATIENCE = 30  # seconds for a clean stop
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
        """One JSON-RPC call to a node of L2; None if there is no answer (yet)."""
        descriptor = self.endpoints()
        return descriptor and self.ask(descriptor["l2"][side][port], method, params)

    def control(self, method, *params):
        """An order to the built-in L1; None if it refuses."""
        return self.ask(self.endpoints()["l1"]["control"], method, params)

    def ask(self, url, method, params):
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        request = urllib.request.Request(
            url,
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
        """Asks it to stop, as Ctrl-C does; its exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(timeout=STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"the devnet does not stop within {STOP_PATIENCE} s") from None
        self.log.close()
        return status


def check(run, options):
    """Runs `run(devnets)` and gives the exit status; `devnets` are stopped whatever happens."""
    options.log.touch()
    devnets = []
    try:
        run(devnets)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        print(f"the end of {options.log}:", file=sys.stderr)
        lines = options.log.read_bytes().decode(errors="replace").splitlines()
        print("\n".join(lines[-40:]), file=sys.stderr)
        return 1
    finally:
        for devnet in devnets:
            if not devnet.ended():
                devnet.kill()
    return 0


def wait_for_start(devnet):
    """Waits for devnet.json, which is written when all services run."""
    end = time.monotonic() + START_PATIENCE
    while devnet.endpoints() is None:
        if devnet.ended():
            raise Failure(f"the devnet ended by itself with {devnet.process.returncode}")
        if time.monotonic() > end:
            raise Failure(f"no devnet.json after {START_PATIENCE} s")
        time.sleep(LOOK_INTERVAL)


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


def parser(description):
    """The flags that all checks take."""
    flags = argparse.ArgumentParser(description=description.splitlines()[0])
    flags.add_argument("--opal", required=True, type=pathlib.Path)
    flags.add_argument("--datadir", required=True, type=pathlib.Path)
    flags.add_argument("--log", required=True, type=pathlib.Path)
    flags.add_argument("flags", nargs="*", help="further flags of `opal devnet`")
    return flags
