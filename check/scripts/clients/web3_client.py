"""web3.py sends, traces, filters and subscribes."""

import asyncio
import os

from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import Web3RPCError

RPC = os.environ["OPAL_RPC"]
TOPIC = os.environ["OPAL_TOPIC"]
NOBODY = Web3.to_checksum_address("0x00000000000000000000000000000000000000aa")


def word(n):
    return "0x" + n.to_bytes(32, "big").hex()


def check(name, found, expected):
    if found != expected:
        raise SystemExit(f"{name}: found {found}, expected {expected}")


def send(w3, account, **fields):
    tx = {
        "from": account.address,
        "chainId": w3.eth.chain_id,
        "nonce": w3.eth.get_transaction_count(account.address, "pending"),
        "maxFeePerGas": w3.eth.gas_price * 2,
        "maxPriorityFeePerGas": w3.eth.max_priority_fee,
        **fields,
    }
    tx["gas"] = w3.eth.estimate_gas(tx)
    tx.pop("from")
    raw = account.sign_transaction(tx).raw_transaction
    return w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(raw), timeout=20, poll_latency=0.2
    )


async def live(w3, account, address):
    """Subscribes to heads, logs and pending transactions, and sends something for each."""
    async with AsyncWeb3(WebSocketProvider(RPC.replace("http", "ws", 1))) as socket:
        names = {}
        for name, filters in [
            ("newHeads", ()),
            ("logs", ({"address": address},)),
            ("newPendingTransactions", ()),
        ]:
            names[await socket.eth.subscribe(name, *filters)] = name
        receipt = await asyncio.to_thread(send, w3, account, to=address, data=word(10))
        seen = {}
        async for message in socket.socket.process_subscriptions():
            seen[names[message["subscription"]]] = message["result"]
            if len(seen) == len(names):
                break
        check("subscription", seen["logs"]["transactionHash"], receipt["transactionHash"])
        return receipt


def main():
    w3 = Web3(Web3.HTTPProvider(RPC))
    account = w3.eth.account.from_key(os.environ["OPAL_KEY"])
    check("chain id", w3.eth.chain_id, int(os.environ["OPAL_CHAIN_ID"]))
    check("client", w3.client_version.startswith("opal/"), True)
    receipt = send(w3, account, to=NOBODY, value=10**15)
    check("transfer", receipt["status"], 1)
    address = send(w3, account, data=os.environ["OPAL_CONTRACT"])["contractAddress"]
    check("call", w3.eth.call({"to": address, "data": word(9)}).hex(), word(9)[2:])

    log_filter = w3.eth.filter({"address": address, "topics": [TOPIC]})
    block_filter = w3.eth.filter("latest")
    receipt = send(w3, account, to=address, data=word(9))
    check("log", receipt["logs"][0]["topics"][0].hex(), TOPIC[2:])
    (log,) = log_filter.get_new_entries()
    check("filter", log["transactionHash"], receipt["transactionHash"])
    check("blocks", receipt["blockHash"] in block_filter.get_new_entries(), True)
    number = receipt["blockNumber"]
    query = {"address": address, "fromBlock": number, "toBlock": number}
    check("getLogs", len(w3.eth.get_logs(query)), 1)
    check("storage", w3.eth.get_storage_at(address, 0).hex(), word(9)[2:])

    receipt = asyncio.run(asyncio.wait_for(live(w3, account, address), 30))
    trace = w3.provider.make_request(
        "debug_traceTransaction",
        [Web3.to_hex(receipt["transactionHash"]), {"tracer": "callTracer"}],
    )
    check("trace", trace["result"]["to"], address.lower())
    block = w3.eth.get_block(number, full_transactions=True)
    check("deposit", block["transactions"][0]["type"], 0x7E)
    proof = w3.eth.get_proof(address, [0])
    check("proof", proof["storageProof"][0]["value"].hex(), "0a")
    history = w3.eth.fee_history(4, "latest", [50])
    check("fee history", len(history["reward"]), min(4, history["oldestBlock"] + 4))
    try:
        w3.eth.send_raw_transaction("0x7e00")
    except Web3RPCError as error:
        check("refusal", "not supported" in str(error), True)
    else:
        raise SystemExit("a deposit was taken as a transaction")
    print("web3.py: ok")


main()
