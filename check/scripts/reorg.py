"""Troubles the L1 of a running devnet and checks that both nodes end on the same chain.

Called by reorg.sh. Each trouble is given to the L1 by its control methods; then the verifier's safe
head must pass the sequencer's newest block of that moment, and both nodes must have equal hashes at
every height up to there.
"""

import sys
import time

from devnet import Devnet, Failure, check, compare, parser, wait_for_safe

STALL = 6  # seconds without L1 blocks, or without blobs
TROUBLES = {
    "a reorg of 3 blocks": lambda devnet: order(devnet, "dev_reorg", 3),
    "a reorg of 8 blocks that loses its transactions": lambda devnet: order(
        devnet, "dev_reorg", 8, True
    ),
    "a stalled L1": lambda devnet: for_a_while(devnet, "dev_stall"),
    "blobs held back": lambda devnet: for_a_while(devnet, "dev_withholdBlobs"),
    "a second reorg behind the first": lambda devnet: (
        order(devnet, "dev_reorg", 4, True),
        time.sleep(1.5),
        order(devnet, "dev_reorg", 6),
    ),
}


def main():
    options = parser(__doc__).parse_args()
    return check(lambda devnets: run(options, devnets), options)


def run(options, devnets):
    devnet = Devnet(options)
    devnets.append(devnet)
    wait_for_safe(devnet, 10, {})
    for name, trouble in TROUBLES.items():
        trouble(devnet)
        goal = unsafe_head(devnet) + 1
        safe = wait_for_safe(devnet, goal, {})
        compare(devnet, {}, safe)
        print(f"{name}: safe at {safe}, equal on both nodes", flush=True)
    status = devnet.interrupt()
    if status != 0:
        raise Failure(f"after SIGINT the devnet ended with {status}, not 0")
    print(f"ok: {len(TROUBLES)} troubles on L1, one chain on L2")


def order(devnet, method, *params):
    if devnet.control(method, *params) is None:
        raise Failure(f"the L1 refuses {method}{params}")


def for_a_while(devnet, method):
    order(devnet, method, True)
    time.sleep(STALL)
    order(devnet, method, False)


def unsafe_head(devnet):
    status = devnet.call("sequencer", "node", "optimism_syncStatus")
    if status is None:
        raise Failure("the sequencer does not answer")
    return status["unsafe_l2"]["number"]


if __name__ == "__main__":
    sys.exit(main())
