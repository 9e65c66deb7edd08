"""Kills an import with SIGKILL at random moments and checks that the data directory stays sound.

Called by kill9-engine.sh. A chain of heavy blocks is made once. Then, KILLS times: import it,
flushing as fast or as slowly as the dice say, kill the process, and
1. `db verify` must find nothing: the state root recomputed from scratch is that of the head's header,
   the trie is whole, the chain is linked;
2. the head must not be below where it was before, and no more blocks may be lost than an engine
   keeps in memory;
3. the next import goes on from there.
An import that ends before it is killed must have arrived at the chain's last block; then a new
directory begins.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time

from engine import Failure, flushed_head, make_chain, must

UNFLUSHED_MAX = 512  # blocks that the engine keeps in memory
FLUSH_INTERVALS = ["0ms", "0ms", "30ms", "200ms"]
HEAD_EVERY = ["1", "4", "32"]


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--opal", required=True)
    flags.add_argument("--folder", required=True)
    flags.add_argument("--kills", type=int, default=15)
    flags.add_argument("--blocks", type=int, default=120)
    flags.add_argument("--longest", type=float, default=2.0, help="seconds between kills")
    flags.add_argument("--seed", type=int)
    options = flags.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    try:
        check(options, random.Random(seed))
    except Failure as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


def check(options, dice):
    opal, folder = options.opal, options.folder
    chain, genesis, last = make_chain(opal, folder, options.blocks)
    origin = os.path.join(folder, "origin")
    must(opal, "db", "verify", "--datadir", origin)
    datadir, log = os.path.join(folder, "killed"), os.path.join(folder, "import.log")
    begin(opal, datadir, genesis)
    kills = completions = lost_most = progressed = 0
    height = 0
    while kills < options.kills:
        interval, every = dice.choice(FLUSH_INTERVALS), dice.choice(HEAD_EVERY)
        flags = ["--db.flush-interval", interval, "--log.level", "opal_engine=debug,info"]
        command = [opal, "engine", *flags, "import", chain, "--datadir", datadir, "--head-every", every]
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
            life = dice.uniform(0.02, options.longest)
            try:
                process.wait(timeout=life)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.returncode == 0:
            completions += 1
            if flushed_head(opal, datadir) != (options.blocks, last):
                raise Failure(f"the import ended at {flushed_head(opal, datadir)}, not at {last}")
            must(opal, "db", "verify", "--datadir", datadir)
            begin(opal, datadir, genesis)
            height = 0
            continue
        if process.returncode > 0:
            with open(log, errors="replace") as said:
                raise Failure(f"the import ended with {process.returncode}:\n{said.read()}")
        kills += 1
        must(opal, "db", "verify", "--datadir", datadir)
        now, _ = flushed_head(opal, datadir)
        reached = max([height, *heads(log)])
        lost = reached - now
        if now < height or not 0 <= lost <= UNFLUSHED_MAX:
            raise Failure(f"at block {reached} when killed, {height} on disk before, {now} after")
        progressed += now > height
        lost_most = max(lost_most, lost)
        print(
            f"kill {kills:3}: {life:.2f} s, flush every {interval}: at block {reached} of {options.blocks}, "
            f"sound at {now} after it, {lost} lost",
            flush=True,
        )
        height = now
    must(opal, "import", chain, "--datadir", datadir)
    if flushed_head(opal, datadir) != (options.blocks, last):
        raise Failure("the last import did not arrive at the chain's last block")
    must(opal, "db", "verify", "--datadir", datadir)
    if progressed == 0:
        raise Failure("no import came anywhere before it was killed: the check checks nothing")
    print(
        f"ok: {kills} kills, {progressed} of them with progress, {completions} imports that ended before; "
        f"every directory sound, at most {lost_most} blocks lost"
    )


def begin(opal, datadir, genesis):
    shutil.rmtree(datadir, ignore_errors=True)
    must(opal, "init", "--datadir", datadir, genesis)


def heads(log):
    """Heights that the import made head, from its log."""
    with open(log, errors="replace") as file:
        text = re.sub(r"\x1b\[[0-9;]*m", "", file.read())
    return [int(number) for number in re.findall(r" head number=(\d+)", text)]


if __name__ == "__main__":
    began = time.monotonic()
    status = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(status)
