"""A small OP chain and whoever drives an `opal engine` on it. For the scripts of this folder.

Blocks hold deposits alone, which need no signature. A contract that writes, changes and deletes
storage makes them heavy.
"""

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time

PATIENCE = 120  # seconds to wait for anything
CHAIN_ID = 901
GENESIS_TIME = 1_700_000_000
GAS_LIMIT = 30_000_000
SLOTS = 300  # slots that one call writes
WRITERS = [f"0x{0xC0DE0000 + i:040x}" for i in range(4)]
DEPOSITOR = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001"
L1_BLOCK = "0x4200000000000000000000000000000000000015"
FEE_VAULT = "0x4200000000000000000000000000000000000011"
# for i in SLOTS..1: storage[keccak(calldata[0:32] ++ i)] = i * calldata[32:64]
WRITER_CODE = "0x5f355f5261%04x5b80602052602035810260405f205560019003806007575f5ff3" % SLOTS


class Failure(Exception):
    """Something is not as it must be."""


def genesis():
    """The chain's genesis file, every fork active."""
    forks = "regolith canyon ecotone fjord granite holocene isthmus jovian karst".split()
    return {
        "config": {
            "chainId": CHAIN_ID,
            "terminalTotalDifficulty": 0,
            "optimism": {"eip1559Elasticity": 6, "eip1559Denominator": 50, "eip1559DenominatorCanyon": 250},
            **{f"{fork}Time": 0 for fork in forks},
        },
        "timestamp": hex(GENESIS_TIME),
        "gasLimit": hex(GAS_LIMIT),
        "extraData": "0x01" + "000000fa" + "00000006" + "00" * 8,
        "baseFeePerGas": hex(10**9),
        "difficulty": "0x0",
        "alloc": {writer: {"balance": "0x0", "code": WRITER_CODE} for writer in WRITERS},
    }


def rlp(item):
    """RLP of nested lists of bytes."""
    if isinstance(item, list):
        payload, short, long = b"".join(rlp(part) for part in item), 0xC0, 0xF7
    else:
        if len(item) == 1 and item[0] < 0x80:
            return item
        payload, short, long = item, 0x80, 0xB7
    if len(payload) <= 55:
        return bytes([short + len(payload)]) + payload
    length = number(len(payload))
    return bytes([long + len(length)]) + length + payload


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def raw(text):
    return bytes.fromhex(text[2:])


def deposit(name, sender, to, gas, data=b"", mint=0):
    """A deposit transaction; `name` makes it unique."""
    source = hashlib.sha256(name.encode()).digest()
    fields = [source, raw(sender), raw(to), number(mint), b"", number(gas), b"", data]
    return "0x7e" + rlp(fields).hex()


def heavy(height):
    """The transactions of a block: new slots, changed slots, deleted slots, new accounts."""
    txs = [deposit(f"l1 {height}", DEPOSITOR, L1_BLOCK, 1_000_000)]
    for i, writer in enumerate(WRITERS):
        age, factor = (0, 1)
        if height > 20 and (height + i) % 3 == 1:
            age, factor = (10, height)  # change what was written ten blocks ago
        elif height > 20 and (height + i) % 3 == 2:
            age, factor = (15, 0)  # delete what was written fifteen blocks ago
        seed = hashlib.sha256(f"{height - age} {i}".encode()).digest()
        data = seed + factor.to_bytes(32, "big")
        sender = "0x" + hashlib.sha256(f"sender {height} {i}".encode()).hexdigest()[:40]
        txs.append(deposit(f"{height} {i}", sender, writer, 7_000_000, data, mint=10**18))
    return txs


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Engine:
    """An `opal engine` process with an HTTP and an Engine API port."""

    def __init__(self, opal, datadir, log, flags=(), popen=None):
        self.http_port, self.auth_port = free_port(), free_port()
        self.datadir, self.log = datadir, open(log, "ab")
        command = [opal, "engine", "--datadir", datadir, "--http", "--http.port", str(self.http_port)]
        command += ["--http.api", "eth,net,web3,debug,admin", "--authrpc.port", str(self.auth_port), "--ipcdisable"]
        if "--health.max-age" not in flags:
            command += ["--health.max-age", "0"]
        command += flags
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, **(popen or {}))
        self.connections = {}

    def wait(self):
        """Waits until it answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failure(f"the engine ended with {self.process.returncode}; its log is {self.log.name}")
            try:
                return self.call("eth_chainId")
            except OSError:
                time.sleep(0.05)
        raise Failure("the engine does not answer")

    def get(self, path):
        """Status and text of a GET on the HTTP port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def call(self, method, *params):
        """A JSON-RPC call; `engine_` methods go to the port that wants a token."""
        auth = method.startswith("engine_")
        port = self.auth_port if auth else self.http_port
        headers = {"content-type": "application/json"}
        if auth:
            headers["authorization"] = f"Bearer {self.token()}"
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        if port not in self.connections:
            self.connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection = self.connections[port]
        try:
            connection.request("POST", "/", body, headers)
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException) as error:
            del self.connections[port]
            raise OSError(str(error)) from error
        if "error" in answer:
            raise Failure(f"{method}: {answer['error']}")
        return answer["result"]

    def token(self):
        with open(os.path.join(self.datadir, "jwtsecret")) as file:
            secret = bytes.fromhex(file.read().strip())
        part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
        text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps({"iat": int(time.time())}).encode())
        return (text + b"." + part(hmac.new(secret, text, hashlib.sha256).digest())).decode()

    def head(self):
        block = self.call("eth_getBlockByNumber", "latest", False)
        return int(block["number"], 16), block["hash"], int(block["timestamp"], 16)

    def set_head(self, head, attributes=None):
        zero = "0x" + "00" * 32
        state = {"headBlockHash": head, "safeBlockHash": zero, "finalizedBlockHash": zero}
        return self.call("engine_forkchoiceUpdatedV3", state, attributes)

    def build(self, light=False):
        """Builds the next block and makes it head; answers with its height and hash."""
        height, head, time_ = self.head()
        attributes = {
            "timestamp": hex(time_ + 2),
            "prevRandao": "0x" + "03" * 32,
            "suggestedFeeRecipient": FEE_VAULT,
            "withdrawals": [],
            "parentBeaconBlockRoot": "0x" + "04" * 32,
            "transactions": heavy(height + 1)[: 1 if light else None],
            "noTxPool": True,
            "gasLimit": hex(GAS_LIMIT),
            "eip1559Params": "0x" + "00" * 8,
            "minBaseFee": 0,
        }
        started = self.set_head(head, attributes)
        envelope = self.call("engine_getPayloadV5", started["payloadId"])
        payload = envelope["executionPayload"]
        verdict = self.call("engine_newPayloadV4", payload, [], envelope["parentBeaconBlockRoot"], [])
        if verdict["status"] != "VALID":
            raise Failure(f"our own block is {verdict}")
        self.set_head(payload["blockHash"])
        return height + 1, payload["blockHash"]

    def stop(self, how=signal.SIGTERM):
        """Stops it and answers with its exit status."""
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE)


def run(opal, *arguments):
    """Runs `opal engine …` to its end; answers with status and everything it said."""
    done = subprocess.run([opal, "engine", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def must(opal, *arguments):
    """The same, and it must succeed."""
    status, said = run(opal, *arguments)
    if status != 0:
        raise Failure(f"opal engine {' '.join(arguments)} ended with {status}:\n{said}")
    return said


def flushed_head(opal, datadir):
    """Height and hash of the block on disk."""
    found = re.search(r"^head +(\d+) (0x[0-9a-f]{64})", must(opal, "db", "stat", "--datadir", datadir), re.M)
    return int(found[1]), found[2]


def make_chain(opal, folder, blocks):
    """Makes a chain of heavy blocks; answers with its file, its genesis file and its last hash."""
    genesis_file = os.path.join(folder, "genesis.json")
    with open(genesis_file, "w") as file:
        json.dump(genesis(), file)
    datadir = os.path.join(folder, "origin")
    engine = Engine(opal, datadir, os.path.join(folder, "origin.log"), ["--genesis", genesis_file])
    try:
        engine.wait()
        for _ in range(blocks):
            height, last = engine.build()
        began = time.monotonic()
        status = engine.stop()
    finally:
        engine.process.kill()
    if status != 0:
        raise Failure(f"after SIGTERM the engine ended with {status}")
    print(f"{height} blocks made; stopped within {time.monotonic() - began:.1f} s", flush=True)
    chain_file = os.path.join(folder, "chain.rlp")
    must(opal, "export", "--datadir", datadir, chain_file)
    return chain_file, genesis_file, last
