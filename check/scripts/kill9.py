"""Kills a devnet with SIGKILL at random moments and checks that nothing safe is ever lost.

Called by kill9.sh. Phases:
1. KILLS times: start the devnet on one data directory, watch it for a random while, kill it; every
   third time while it starts, else while it works. Every safe block seen on the verifier is
   remembered by height and hash.
2. Start it once more; the safe head must pass the highest one seen by GROWTH blocks. Both nodes must
   have every remembered hash, and equal hashes at every height up to the safe head.
3. Stop it with SIGINT, which must end it with success; then `--until-safe` must succeed, too.
"""

import random
import subprocess
import sys
import time

from devnet import (
    LOOK_INTERVAL,
    PATIENCE,
    Devnet,
    Failure,
    check,
    compare,
    note,
    parser,
    wait_for_safe,
    wait_for_start,
)

GROWTH = 10  # blocks the safe head must advance after the last crash
LONGEST_START = 2.0  # seconds within which a kill counts as one during the start


def main():
    flags = parser(__doc__)
    flags.add_argument("--kills", type=int, default=20)
    flags.add_argument("--longest", type=float, default=6.0, help="seconds between kills")
    flags.add_argument("--seed", type=int)
    options = flags.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    return check(lambda devnets: run(options, random.Random(seed), devnets), options)


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


def watch(devnet, life, seen):
    """Notes safe heads for `life` seconds."""
    end = time.monotonic() + life
    while time.monotonic() < end:
        if devnet.ended():
            raise Failure(f"the devnet ended by itself with {devnet.process.returncode}")
        note(devnet.safe_head(), seen)
        time.sleep(max(0.0, min(LOOK_INTERVAL, end - time.monotonic())))


if __name__ == "__main__":
    sys.exit(main())
