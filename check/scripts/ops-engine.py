"""What an operator does to an `opal engine`, and what a machine does to it: stops, a second process,
a read-only directory, a disk that is full and then is not, a halt. Called by ops-engine.sh.
"""

import argparse
import os
import re
import resource
import signal
import sys
import time

from engine import Engine, Failure, flushed_head, make_chain, must, run

FULL_BYTES = 24 << 20  # size of a file at which the "disk" is full
FULL_BLOCKS = 40  # blocks that are built on a full disk and must be kept in memory
STOP_SECONDS = 10  # an engine must stop within


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--opal", required=True)
    flags.add_argument("--folder", required=True)
    options = flags.parse_args()
    opal, folder = options.opal, options.folder
    try:
        chain, genesis, _ = make_chain(opal, folder, 5)
        for check in [stops, second_process, metrics, halts, read_only, full_disk, stop_on_full_disk]:
            began = time.monotonic()
            check(opal, os.path.join(folder, check.__name__), genesis, chain)
            print(f"ok: {check.__name__}, {time.monotonic() - began:.1f} s", flush=True)
    except Failure as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


class Running:
    """An engine that is gone at the end, whatever happens."""

    def __init__(self, opal, name, flags=(), limit=None, wait=True):
        popen = {}
        if limit:
            popen = {"restore_signals": False, "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))}
        self.engine = Engine(opal, f"{name}.data", f"{name}.log", flags, popen)
        self.wait = wait

    def __enter__(self):
        try:
            if self.wait:
                self.engine.wait()
        except Failure:
            self.engine.process.kill()
            raise
        return self.engine

    def __exit__(self, *_):
        self.engine.process.kill()
        self.engine.process.wait()


def said(engine):
    with open(engine.log.name, errors="replace") as file:
        return re.sub(r"\x1b\[[0-9;]*m", "", file.read())


def expect(condition, problem):
    if not condition:
        raise Failure(problem)


def stop_quickly(engine, how=signal.SIGTERM):
    began = time.monotonic()
    status = engine.stop(how)
    took = time.monotonic() - began
    expect(took < STOP_SECONDS, f"stopping took {took:.1f} s")
    return status


def wait_until(condition, what):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise Failure(f"never happened: {what}")


def stops(opal, name, genesis, _):
    """SIGINT and SIGTERM write everything to disk, however long the flush interval is."""
    head = None
    for how in [signal.SIGTERM, signal.SIGINT]:
        with Running(opal, name, ["--genesis", genesis, "--db.flush-interval", "1h"]) as engine:
            if head:
                expect(engine.head()[:2] == head, f"{engine.head()} instead of {head}")
            for _ in range(5):
                head = engine.build()
            expect(stop_quickly(engine, how) == 0, "the exit status is not 0")
        expect(flushed_head(opal, f"{name}.data") == head, "blocks were lost")
        must(opal, "db", "verify", "--datadir", f"{name}.data")


def second_process(opal, name, genesis, chain):
    """A second process is told, and the first one goes on."""
    with Running(opal, name, ["--genesis", genesis]) as engine:
        engine.build()
        for arguments in [("db", "stat"), ("db", "verify"), ("import", chain), ("--authrpc.port", "0")]:
            status, text = run(opal, *arguments, "--datadir", f"{name}.data")
            expect(status == 1 and "in use by another process" in text, f"{arguments}: {status} {text}")
        port = str(engine.http_port)
        status, text = run(opal, "--datadir", f"{name}.other", "--genesis", genesis, "--http", "--http.port", port, "--authrpc.port", "0")
        expect(status == 1 and f"cannot listen on 127.0.0.1:{port}" in text, f"{status} {text}")
        engine.build()
        expect(stop_quickly(engine) == 0, "the exit status is not 0")


def metrics(opal, name, genesis, _):
    """The figures are served, and /health knows the age of the head."""
    with Running(opal, name, ["--genesis", genesis, "--metrics", "--metrics.port", "0"]) as engine:
        engine.build()
        port = int(re.search(r"metrics=\S*?:(\d+)/metrics", said(engine))[1])
        main, engine.http_port = engine.http_port, port
        for path in ["/metrics", "/debug/metrics/prometheus"]:
            status, text = engine.get(path)
            expect(status == 200, f"{path}: {status}")
            for line in [
                "chain_head_block 1",
                "txpool_pending 0",
                "engine_newpayload_seconds_count 1",
                "engine_forkchoice_seconds_count 2",
                "db_writable 1",
                'rpc_duration_seconds_count{method="eth_getBlockByNumber"} 1',
            ]:
                expect(f"\n{line}\n" in text, f"{path} lacks `{line}`:\n{text}")
        engine.http_port = main
        expect(engine.get("/health") == (200, "healthy"), engine.get("/health"))
        stop_quickly(engine)
    with Running(opal, name, ["--health.max-age", "1m"]) as engine:
        status, text = engine.get("/health")
        expect(status == 503 and "the newest block, 1, is " in text, f"{status} {text}")


def halts(opal, name, genesis, _):
    """A protocol version that is required and unknown stops an engine that was asked to stop."""
    newer = "0x" + "00" * 8 + "00" * 8 + "00000063" + "00000000" * 3
    signal_ = {"recommended": newer, "required": newer}
    with Running(opal, name, ["--genesis", genesis]) as engine:
        engine.call("engine_signalSuperchainV1", signal_)
        time.sleep(0.3)
        engine.build()
        expect("requires a newer protocol version" in said(engine), "nothing was logged")
        stop_quickly(engine)
    with Running(opal, name, ["--rollup.halt", "major"]) as engine:
        head = engine.build()
        engine.call("engine_signalSuperchainV1", signal_)
        status = engine.process.wait(timeout=STOP_SECONDS)
        expect(status == 1 and "halted" in said(engine), f"it ended with {status}")
    expect(flushed_head(opal, f"{name}.data") == head, "the halt lost blocks")


def read_only(opal, name, genesis, chain):
    """A directory that cannot be written is named, and nothing in it changes."""
    place = f"{name}.file"
    with open(place, "w"):
        pass
    for arguments in [("init", genesis), ("--genesis", genesis, "--authrpc.port", "0")]:
        status, text = run(opal, *arguments, "--datadir", os.path.join(place, "data"))
        expect(status == 1 and place in text and "panicked" not in text, f"{status} {text}")
    os.makedirs(f"{name}.data")
    must(opal, "init", "--datadir", f"{name}.data", genesis)
    target = os.path.join(f"{name}.data", "opal.mdbx")
    if os.system(f"chattr +i {target} 2>/dev/null") != 0:
        print("   (no immutable files here: the read-only file is not tried)")
        return
    try:
        for arguments in [("import", chain), ("--authrpc.port", "0")]:
            status, text = run(opal, *arguments, "--datadir", f"{name}.data")
            expect(status == 1 and "cannot open data directory" in text, f"{status} {text}")
    finally:
        os.system(f"chattr -i {target}")
    must(opal, "import", chain, "--datadir", f"{name}.data")


def full_disk(opal, name, genesis, _):
    """On a full disk the engine answers, keeps what it can, refuses more, and recovers."""
    with Running(opal, name, ["--genesis", genesis, "--db.flush-interval", "0s"], FULL_BYTES) as engine:
        hashes = fill(engine)
        for _ in range(FULL_BLOCKS):
            height, hash_ = engine.build()
            hashes.append(hash_)
        for height, hash_ in enumerate(hashes, 1):
            block = engine.call("eth_getBlockByNumber", hex(height), True)
            expect(block["hash"] == hash_, f"block {height} is {block['hash']}")
            expect(engine.call("eth_getBalance", block["transactions"][1]["from"], hex(height)) == hex(10**18), "its state is not there")
        refused = None
        for _ in range(600):
            try:
                hashes.append(engine.build(light=True)[1])
            except Failure as failure:
                refused = str(failure)
                break
        expect(refused and "blocks wait for the database" in refused, f"refused: {refused}")
        expect(engine.head()[1] == hashes[-1], "the head is not the last block")
        resource.prlimit(engine.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        wait_until(lambda: engine.get("/health")[0] == 200, "recovery from a full disk")
        wait_until(lambda: try_build(engine, hashes), "a block after the recovery")
        expect(stop_quickly(engine) == 0, "the exit status is not 0")
        expect("panicked" not in said(engine), "it panicked")
    expect(flushed_head(opal, f"{name}.data") == (len(hashes), hashes[-1]), "blocks were lost")
    must(opal, "db", "verify", "--datadir", f"{name}.data")


def stop_on_full_disk(opal, name, genesis, _):
    """An engine that is stopped on a full disk leaves a sound directory and says what it lost."""
    with Running(opal, name, ["--genesis", genesis, "--db.flush-interval", "0s"], FULL_BYTES) as engine:
        fill(engine)
        stop_quickly(engine)
        expect("they are lost" in said(engine) and "panicked" not in said(engine), "it did not say so")
    must(opal, "db", "verify", "--datadir", f"{name}.data")
    with Running(opal, name) as engine:
        engine.build()
        expect(stop_quickly(engine) == 0, "the exit status is not 0")
    must(opal, "db", "verify", "--datadir", f"{name}.data")


def fill(engine):
    """Builds blocks until the disk is full."""
    hashes = []
    while engine.get("/health")[0] == 200:
        hashes.append(engine.build()[1])
        expect(len(hashes) < 500, "the disk is never full")
    expect("cannot be written" in engine.get("/health")[1], engine.get("/health"))
    return hashes


def try_build(engine, hashes):
    try:
        hashes.append(engine.build(light=True)[1])
        return True
    except Failure:
        return False


if __name__ == "__main__":
    sys.exit(main())
