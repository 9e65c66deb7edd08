//! Tracing: known programs by hand, and blocks whose traces must agree with their receipts.

use crate::support::*;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use opal_execution::{
    VerifiedTx,
    call::{BlockOverrides, CallEnv, CallSetup, StateOverride, TransactionRequest},
    trace::{
        TraceBudget, TraceError, TraceOptions, TracedBlock, create_access_list, trace_call,
        trace_call_within,
    },
};
use opal_protocol::Fork;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const CALLEE: Address = address!("ca11ee0000000000000000000000000000000004");
const MEGABYTE: u64 = 1 << 20;

fn options(json: Value) -> TraceOptions {
    serde_json::from_value(json).unwrap()
}

/// A block on `parent`, for tracing.
fn traced<'a>(parent: &'a World, sealed: &'a Sealed) -> TracedBlock<'a, &'a Memory> {
    TracedBlock {
        chain: &parent.chain,
        parent_time: parent.head.timestamp,
        header: &sealed.block.header,
        hash: sealed.block.hash,
        transactions: &sealed.block.transactions,
        reader: &parent.state,
    }
}

fn one(parent: &World, sealed: &Sealed, index: usize, of: Value) -> Result<Value, TraceError> {
    let mut budget = TraceBudget::new(64 * MEGABYTE);
    let trace = traced(parent, sealed).trace_one(index, &options(of), &mut budget)?;
    Ok(serde_json::from_str(trace.get()).unwrap())
}

fn all(parent: &World, sealed: &Sealed, of: Value) -> Vec<Value> {
    let mut budget = TraceBudget::new(64 * MEGABYTE);
    let traces = traced(parent, sealed)
        .trace_all(&options(of), &mut budget)
        .unwrap();
    traces
        .iter()
        .map(|(_, trace)| serde_json::from_str(trace.get()).unwrap())
        .collect()
}

/// A world whose blocks cost L1 and operator fees, and a block of it.
fn world_with(fork: Fork, contracts: &[(Address, Vec<u8>)]) -> World {
    let mut world = World::new(op_chain(fork));
    world.set_l1_fees(&L1Fees {
        base_fee: 1_000_000_000,
        blob_base_fee: 1_000_000,
        overhead: 188,
        scalar: 684_000,
        base_fee_scalar: 5_000,
        blob_base_fee_scalar: 800_000,
        operator_scalar: 7_000_000,
        operator_constant: 11,
        da_scalar: 400,
    });
    for (address, code) in contracts {
        world.state.deploy(*address, code.clone());
    }
    world.head.state_root = world.state.roots().state_root;
    let (number, hash) = (world.head.number, world.head.hash_slow());
    world.state.hashes.insert(number, hash);
    world
}

/// Calls `to` with four bytes `0xaabbccdd` and one wei, and drops the result.
fn call_code(to: Address) -> Vec<u8> {
    let mut code = vec![0x63, 0xaa, 0xbb, 0xcc, 0xdd, 0x60, 0xe0, 0x1b]; // push4, shl 224
    code.extend([0x60, 0, 0x52]); // mstore(0)
    code.extend([0x60, 0, 0x60, 0, 0x60, 4, 0x60, 0, 0x60, 1, 0x73]);
    code.extend(to.as_slice());
    code.extend([0x5a, 0xf1, 0x50]); // call, pop
    code
}

/// Reverts with `Error("no")`.
fn revert_code() -> Vec<u8> {
    let mut data = vec![0x08, 0xc3, 0x79, 0xa0];
    data.extend(U256::from(32).to_be_bytes::<32>());
    data.extend(U256::from(2).to_be_bytes::<32>());
    data.extend(b"no");
    data.resize(100, 0);
    // Its own code from byte 12 on is the data: codecopy(0, 12, 100), revert(0, 100).
    let mut code = vec![0x60, 100, 0x60, 12, 0x60, 0, 0x39, 0x60, 100, 0x60, 0, 0xfd];
    code.extend(data);
    code
}

#[test]
fn struct_logs_of_a_small_program() {
    // 2 + 3 to slot 0, read it again.
    let program = [
        0x60, 2, 0x60, 3, 0x01, 0x60, 0, 0x55, 0x60, 0, 0x54, 0x50, 0x00,
    ];
    let parent = world_with(Fork::Karst, &[(CONTRACT, program.to_vec())]);
    let tx = user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new());
    let sealed = parent.clone().seal(vec![l1_info()], &[tx]);
    let trace = one(&parent, &sealed, 1, json!({})).unwrap();
    let zero = B256::ZERO.to_string();
    let five = B256::with_last_byte(5).to_string();
    let slots = json!({ zero: five });
    let expected = json!({
        "gas": 43_217, "failed": false, "returnValue": "0x",
        "structLogs": [
            { "pc": 0, "op": "PUSH1", "gas": 79_000, "gasCost": 3, "depth": 1, "stack": [] },
            { "pc": 2, "op": "PUSH1", "gas": 78_997, "gasCost": 3, "depth": 1, "stack": ["0x2"] },
            { "pc": 4, "op": "ADD", "gas": 78_994, "gasCost": 3, "depth": 1, "stack": ["0x2", "0x3"] },
            { "pc": 5, "op": "PUSH1", "gas": 78_991, "gasCost": 3, "depth": 1, "stack": ["0x5"] },
            { "pc": 7, "op": "SSTORE", "gas": 78_988, "gasCost": 22_100, "depth": 1,
              "stack": ["0x5", "0x0"], "storage": slots },
            { "pc": 8, "op": "PUSH1", "gas": 56_888, "gasCost": 3, "depth": 1, "stack": [] },
            { "pc": 10, "op": "SLOAD", "gas": 56_885, "gasCost": 100, "depth": 1,
              "stack": ["0x0"], "storage": slots },
            { "pc": 11, "op": "POP", "gas": 56_785, "gasCost": 2, "depth": 1, "stack": ["0x5"] },
            { "pc": 12, "op": "STOP", "gas": 56_783, "gasCost": 0, "depth": 1, "stack": [] },
        ],
    });
    assert_eq!(trace, expected);
    let bare = json!({ "disableStack": true, "disableStorage": true, "enableMemory": true });
    let bare = one(&parent, &sealed, 1, bare).unwrap();
    for step in bare["structLogs"].as_array().unwrap() {
        assert!(
            step.get("stack").is_none() && step.get("storage").is_none(),
            "{step}"
        );
        assert!(
            step.get("memory").is_none(),
            "it never touches memory: {step}"
        );
    }
    let cut = one(&parent, &sealed, 1, json!({ "limit": 150 })).unwrap();
    assert_eq!(cut["structLogs"].as_array().unwrap().len(), 3);
    assert_eq!(cut["gas"], 43_217);
}

#[test]
fn struct_logs_show_memory_return_data_refunds_and_faults() {
    // Clears slot 1 (a refund), calls, then runs out of gas in an endless loop.
    let mut program = vec![0x60, 0, 0x60, 1, 0x55];
    program.extend(call_code(CALLEE));
    program.extend([0x5b, 0x60, program.len() as u8, 0x56]);
    let mut parent = world_with(Fork::Karst, &[(CONTRACT, program), (CALLEE, revert_code())]);
    parent.state.set_slot(CONTRACT, 1, U256::from(9));
    parent.head.state_root = parent.state.roots().state_root;
    let tx = user_tx(0, TxKind::Call(CONTRACT), 60_000, Bytes::new());
    let sealed = parent.clone().seal(vec![l1_info()], &[tx]);
    let all_on = json!({ "enableMemory": true, "enableReturnData": true });
    let trace = one(&parent, &sealed, 1, all_on).unwrap();
    assert_eq!(trace["failed"], true);
    assert_eq!(trace["returnValue"], "0x");
    assert_eq!(trace["gas"], 60_000);
    let steps = trace["structLogs"].as_array().unwrap();
    let inner: Vec<&Value> = steps.iter().filter(|s| s["depth"] == 2).collect();
    assert_eq!(inner.len(), 7, "the callee's steps");
    assert!(
        inner.iter().all(|s| s["refund"] == 4_800),
        "the caller's refund counts"
    );
    let after = steps
        .iter()
        .position(|s| s["op"] == "CALL")
        .map(|i| &steps[i + 8])
        .unwrap();
    assert_eq!((&after["op"], &after["depth"]), (&json!("POP"), &json!(1)));
    assert_eq!(after["stack"], json!(["0x0"]), "the call failed");
    assert!(
        after["returnData"]
            .as_str()
            .unwrap()
            .starts_with("0x08c379a0")
    );
    let memory = json!([format!("0xaabbccdd{}", "0".repeat(56))]);
    assert_eq!(after["memory"], memory);
    let last = steps.last().unwrap();
    assert_eq!(last["error"], "out of gas");
}

#[test]
fn the_call_tree_shows_what_failed() {
    // log1(0, 0, 7), then the call that reverts, then a plain transfer of its one wei.
    let mut program = vec![0x60, 7, 0x60, 0, 0x60, 0, 0xa1];
    program.extend(call_code(CALLEE));
    program.extend(call_code(BOB));
    let parent = world_with(Fork::Karst, &[(CONTRACT, program), (CALLEE, revert_code())]);
    let tx = user_tx(0, TxKind::Call(CONTRACT), 200_000, vec![1, 2]);
    let sealed = parent.clone().seal(vec![l1_info()], &[tx]);
    let used = sealed.block.executed.receipts[1].cumulative_gas_used
        - sealed.block.executed.receipts[0].cumulative_gas_used;
    let of = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
    let trace = one(&parent, &sealed, 1, of).unwrap();
    assert_eq!(trace["type"], "CALL");
    assert_eq!(trace["from"], json!(ALICE));
    assert_eq!(trace["to"], json!(CONTRACT));
    assert_eq!(
        (&trace["value"], &trace["input"]),
        (&json!("0x5"), &json!("0x0102"))
    );
    assert_eq!(trace["gas"], json!(U256::from(200_000)));
    assert_eq!(trace["gasUsed"], json!(U256::from(used)));
    assert!(trace.get("error").is_none());
    assert_eq!(trace["logs"][0]["topics"], json!([B256::with_last_byte(7)]));
    assert_eq!(trace["logs"][0]["position"], "0x0");
    let calls = trace["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["to"], json!(CALLEE));
    assert_eq!(calls[0]["error"], "execution reverted");
    assert_eq!(calls[0]["revertReason"], "no");
    assert!(
        calls[0]["output"]
            .as_str()
            .unwrap()
            .starts_with("0x08c379a0")
    );
    assert_eq!(calls[1]["to"], json!(BOB));
    assert_eq!(
        (&calls[1]["value"], &calls[1]["input"]),
        (&json!("0x1"), &json!("0xaabbccdd"))
    );
    let top = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    let top = one(&parent, &sealed, 1, top).unwrap();
    assert!(top.get("calls").is_none() && top.get("logs").is_none());
    let four = one(&parent, &sealed, 1, json!({ "tracer": "4byteTracer" })).unwrap();
    assert_eq!(four, json!({ "0xaabbccdd-0": 2 }));
    let flat = one(&parent, &sealed, 1, json!({ "tracer": "flatCallTracer" })).unwrap();
    let flat = flat.as_array().unwrap();
    assert_eq!(flat.len(), 3);
    assert_eq!(flat[0]["subtraces"], 2);
    assert_eq!(flat[1]["traceAddress"], json!([0]));
    assert_eq!(flat[1]["error"], "Reverted");
    assert_eq!(flat[2]["action"]["to"], json!(BOB));
    assert_eq!(flat[0]["transactionPosition"], 1);
    assert_eq!(flat[0]["blockHash"], json!(sealed.block.hash));
    let noop = one(&parent, &sealed, 1, json!({ "tracer": "noopTracer" })).unwrap();
    assert_eq!(noop, json!({}));
}

#[test]
fn selfdestructs_and_creations_are_in_the_tree() {
    // create(3, 0, 0) of nothing, then selfdestruct to Bob.
    let mut program = vec![0x60, 0, 0x60, 0, 0x60, 3, 0xf0, 0x50, 0x73];
    program.extend(BOB.as_slice());
    program.push(0xff);
    let parent = world_with(Fork::Granite, &[(CONTRACT, program)]);
    let tx = user_tx(0, TxKind::Call(CONTRACT), 200_000, Bytes::new());
    let sealed = parent.clone().seal(vec![l1_info()], &[tx]);
    let trace = one(&parent, &sealed, 1, json!({ "tracer": "callTracer" })).unwrap();
    let calls = trace["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2, "{trace}");
    assert_eq!(
        (&calls[0]["type"], &calls[0]["value"]),
        (&json!("CREATE"), &json!("0x3"))
    );
    assert_eq!(
        (&calls[1]["type"], &calls[1]["value"]),
        (&json!("SELFDESTRUCT"), &json!("0x2"))
    );
    assert_eq!(calls[1]["to"], json!(BOB));
}

/// A block with everything: deposits that mint, fail and create, calls that revert, creations.
fn busy_block(fork: Fork) -> (World, Sealed) {
    let mut caller = vec![0x60, 7, 0x60, 3, 0x55, 0x60, 0, 0x60, 1, 0x55];
    caller.extend(call_code(CALLEE));
    let mut parent = world_with(fork, &[(CONTRACT, caller), (CALLEE, revert_code())]);
    parent.state.set_slot(CONTRACT, 1, U256::from(9));
    parent.head.state_root = parent.state.roots().state_root;
    let minter = address!("3333000000000000000000000000000000000033");
    let init = vec![0x60, 1, 0x60, 0, 0x55, 0x60, 1, 0x60, 0, 0xf3]; // sstore(0, 1); return 1 byte
    let mut creating = deposit(BOB, TxKind::Create, 0, U256::from(4), 300_000);
    creating.input = init.clone().into();
    let deposits = vec![
        l1_info(),
        deposit_tx(deposit(
            minter,
            TxKind::Call(BOB),
            1_000,
            U256::from(400),
            50_000,
        )),
        // Cannot pay its value: fails, but mints and counts.
        deposit_tx(deposit(
            minter,
            TxKind::Call(BOB),
            1,
            U256::from(4_000),
            50_000,
        )),
        deposit_tx(deposit(BOB, TxKind::Call(CALLEE), 0, U256::ZERO, 70_000)),
        deposit_tx(creating),
    ];
    let user = [
        user_tx(0, TxKind::Call(CONTRACT), 200_000, Bytes::new()),
        user_tx(1, TxKind::Create, 200_000, init),
        user_tx(2, TxKind::Call(CALLEE), 100_000, Bytes::new()),
        transfer(3),
    ];
    let sealed = parent.clone().seal(deposits, &user);
    assert!(sealed.pool.iter().all(Result::is_ok), "{:?}", sealed.pool);
    (parent, sealed)
}

const ERAS: [Fork; 7] = [
    Fork::Bedrock,
    Fork::Regolith,
    Fork::Canyon,
    Fork::Ecotone,
    Fork::Fjord,
    Fork::Isthmus,
    Fork::Karst,
];

#[test]
fn traces_agree_with_receipts_in_every_era() {
    for fork in ERAS {
        let (parent, sealed) = busy_block(fork);
        let receipts = &sealed.block.executed.receipts;
        let steps = all(&parent, &sealed, json!({}));
        let calls = all(&parent, &sealed, json!({ "tracer": "callTracer" }));
        assert_eq!((steps.len(), calls.len()), (receipts.len(), receipts.len()));
        let mut before = 0;
        for (index, receipt) in receipts.iter().enumerate() {
            let used = receipt.cumulative_gas_used - before;
            before = receipt.cumulative_gas_used;
            let context = format!("{fork}, transaction {index}");
            assert_eq!(steps[index]["gas"], used, "{context}");
            assert_eq!(steps[index]["failed"], !receipt.success, "{context}");
            assert_eq!(
                calls[index]["gasUsed"],
                json!(U256::from(used)),
                "{context}"
            );
            let failed = calls[index].get("error").is_some();
            assert_eq!(failed, !receipt.success, "{context}: {}", calls[index]);
            // One by one is the same as all together.
            let alone = one(&parent, &sealed, index, json!({ "tracer": "callTracer" }));
            assert_eq!(alone.as_ref(), Ok(&calls[index]), "{context}");
        }
    }
}

/// Balance, nonce, code and storage.
type Plain = (U256, u64, B256, std::collections::BTreeMap<B256, B256>);

fn plain(state: &Memory) -> std::collections::BTreeMap<Address, Plain> {
    state
        .accounts
        .iter()
        .map(|(address, (account, slots))| {
            let slots = slots.iter().map(|(k, v)| (B256::from(*k), B256::from(*v)));
            let plain = (
                account.balance,
                account.nonce,
                account.code_hash,
                slots.collect(),
            );
            (*address, plain)
        })
        .collect()
}

fn code_hash(account: &Value) -> Option<B256> {
    let code: Bytes = serde_json::from_value(account.get("code")?.clone()).unwrap();
    Some(keccak256(code))
}

#[test]
fn prestate_diffs_lead_from_the_parents_state_to_the_blocks() {
    for fork in ERAS {
        let (parent, sealed) = busy_block(fork);
        let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
        let mut model = plain(&parent.state);
        for trace in all(&parent, &sealed, diff) {
            let (pre, post) = (&trace["pre"], &trace["post"]);
            for (address, before) in pre.as_object().unwrap() {
                let address: Address = address.parse().unwrap();
                let account = model.get_mut(&address).unwrap();
                assert_eq!(before["balance"], json!(account.0), "{fork} {address}");
                let nonce = before.get("nonce").map_or(Some(0), Value::as_u64);
                assert_eq!(nonce, Some(account.1), "{fork} {address}");
                let code = code_hash(before).unwrap_or(opal_trie::EMPTY_CODE_HASH);
                assert_eq!(code, account.2, "{fork} {address}");
                let slots = before.get("storage").and_then(Value::as_object);
                for (slot, value) in slots.into_iter().flatten() {
                    let slot: B256 = slot.parse().unwrap();
                    assert_eq!(json!(account.3[&slot]), *value);
                    account.3.remove(&slot);
                }
                if post.get(address.to_string().to_lowercase()).is_none() {
                    model.remove(&address);
                }
            }
            for (address, after) in post.as_object().unwrap() {
                let address: Address = address.parse().unwrap();
                let account = model.entry(address).or_insert_with(|| {
                    (
                        U256::ZERO,
                        0,
                        opal_trie::EMPTY_CODE_HASH,
                        Default::default(),
                    )
                });
                if let Some(balance) = after.get("balance") {
                    account.0 = serde_json::from_value(balance.clone()).unwrap();
                }
                if let Some(nonce) = after.get("nonce") {
                    account.1 = nonce.as_u64().unwrap();
                }
                account.2 = code_hash(after).unwrap_or(account.2);
                let slots = after.get("storage").and_then(Value::as_object);
                for (slot, value) in slots.into_iter().flatten() {
                    let value = serde_json::from_value(value.clone()).unwrap();
                    account.3.insert(slot.parse().unwrap(), value);
                }
            }
        }
        let mut after = parent.clone();
        after.import(&sealed.block);
        assert_eq!(model, plain(&after.state), "{fork}");
    }
}

#[test]
fn the_prestate_is_all_that_a_transaction_needs() {
    let (parent, sealed) = busy_block(Fork::Karst);
    let index = 5; // the user's call
    let trace = one(
        &parent,
        &sealed,
        index,
        json!({ "tracer": "prestateTracer" }),
    )
    .unwrap();
    let contract = &trace[CONTRACT.to_string().to_lowercase()];
    assert_eq!(contract["nonce"], 1);
    assert_eq!(
        code_hash(contract),
        Some(parent.state.accounts[&CONTRACT].0.code_hash)
    );
    let slots = json!({ B256::with_last_byte(1).to_string(): B256::with_last_byte(9),
        B256::with_last_byte(3).to_string(): B256::ZERO });
    assert_eq!(contract["storage"], slots);
    let alice = &trace[ALICE.to_string().to_lowercase()];
    assert_eq!(alice["balance"], json!(parent.state.balance(ALICE)));
    let of = json!({ "tracer": "prestateTracer",
        "tracerConfig": { "disableCode": true, "disableStorage": true } });
    let bare = one(&parent, &sealed, index, of).unwrap();
    let contract = &bare[CONTRACT.to_string().to_lowercase()];
    assert!(contract.get("code").is_none() && contract.get("storage").is_none());
}

#[test]
fn a_mux_is_its_parts() {
    let (parent, sealed) = busy_block(Fork::Karst);
    let parts = json!({ "callTracer": { "withLog": true }, "prestateTracer": { "diffMode": true },
        "4byteTracer": null, "noopTracer": {}, "flatCallTracer": {} });
    let of = json!({ "tracer": "muxTracer", "tracerConfig": parts });
    for index in 0..sealed.block.transactions.len() {
        let mux = one(&parent, &sealed, index, of.clone()).unwrap();
        for (name, config) in parts.as_object().unwrap() {
            let of = json!({ "tracer": name, "tracerConfig": config });
            assert_eq!(
                mux[name],
                one(&parent, &sealed, index, of).unwrap(),
                "{name}"
            );
        }
    }
}

#[test]
fn a_budget_holds() {
    // An endless loop with calls in it: 30 million gas of steps.
    let mut program = vec![0x5b];
    program.extend(call_code(BOB));
    program.extend([0x60, 0, 0x56]);
    let mut parent = world_with(Fork::Granite, &[(CONTRACT, program)]);
    parent.state.fund(CONTRACT, ETHER);
    parent.head.state_root = parent.state.roots().state_root;
    let tx = user_tx(0, TxKind::Call(CONTRACT), 30_000_000, Bytes::new());
    let sealed = parent.clone().seal(vec![l1_info()], &[tx]);
    for tracer in [
        json!({}),
        json!({ "disableStack": true, "disableStorage": true }),
        json!({ "tracer": "callTracer" }),
        json!({ "tracer": "flatCallTracer" }),
        json!({ "tracer": "muxTracer", "tracerConfig": { "callTracer": {} } }),
    ] {
        let mut budget = TraceBudget::new(100_000);
        let result = traced(&parent, &sealed).trace_one(1, &options(tracer.clone()), &mut budget);
        assert_eq!(
            result.unwrap_err(),
            TraceError::TooLarge(100_000),
            "{tracer}"
        );
        let mut budget = TraceBudget::new(64 * MEGABYTE);
        budget.stop.store(true, Ordering::Relaxed);
        let result = traced(&parent, &sealed).trace_all(&options(tracer.clone()), &mut budget);
        assert_eq!(result.unwrap_err(), TraceError::Stopped, "{tracer}");
    }
    // A limit of the caller's own keeps the trace within the budget.
    let mut budget = TraceBudget::new(100_000);
    let limited = options(json!({ "limit": 50_000 }));
    let trace = traced(&parent, &sealed)
        .trace_one(1, &limited, &mut budget)
        .unwrap();
    assert!(budget.bytes < 50_000 && trace.get().len() > 50_000);
}

fn request(to: Address) -> TransactionRequest {
    TransactionRequest {
        from: Some(BOB),
        to: Some(TxKind::Call(to)),
        ..Default::default()
    }
}

#[test]
fn calls_are_traced_with_overrides_and_between_transactions() {
    let (parent, sealed) = busy_block(Fork::Karst);
    let env = CallEnv {
        chain: &parent.chain,
        header: &parent.head,
        reader: &parent.state,
        gas_cap: 50_000_000,
    };
    // Returns slot 3 and the block's number: sload(3) at 0, number at 32.
    let code = [
        0x60, 3, 0x54, 0x60, 0, 0x52, 0x43, 0x60, 32, 0x52, 0x60, 64, 0x60, 0, 0xf3,
    ];
    let account = alloy_rpc_types_eth::state::AccountOverride {
        code: Some(code.to_vec().into()),
        ..Default::default()
    };
    let overrides = StateOverride::from_iter([(CONTRACT, account)]);
    let words = |trace: &Value| -> (U256, U256) {
        let output: Bytes = serde_json::from_value(trace["output"].clone()).unwrap();
        let word = |at: usize| U256::from_be_slice(&output[at..at + 32]);
        (word(0), word(32))
    };
    let of = options(json!({ "tracer": "callTracer" }));
    let asked = request(CONTRACT);
    let setup = CallSetup {
        request: &asked,
        state: Some(overrides.clone()),
        block: Some(BlockOverrides {
            number: Some(U256::from(99)),
            ..Default::default()
        }),
    };
    let mut budget = TraceBudget::new(MEGABYTE);
    let trace = trace_call(&env, setup, &of, &mut budget).unwrap();
    let trace: Value = serde_json::from_str(trace.get()).unwrap();
    assert_eq!(words(&trace), (U256::ZERO, U256::from(99)));
    // Alice's call, the sixth transaction, writes 7 to slot 3.
    for (index, slot) in [(5, 0), (6, 7)] {
        let setup = CallSetup {
            request: &asked,
            state: Some(overrides.clone()),
            block: None,
        };
        let block = traced(&parent, &sealed);
        let trace = trace_call_within(&block, index, 1 << 24, setup, &of, &mut budget).unwrap();
        let trace: Value = serde_json::from_str(trace.get()).unwrap();
        let number = sealed.block.header.number;
        assert_eq!(words(&trace), (U256::from(slot), U256::from(number)));
    }
}

#[test]
fn precompiles_move_and_give_way() {
    let world = world_with(Fork::Karst, &[]);
    let env = CallEnv {
        chain: &world.chain,
        header: &world.head,
        reader: &world.state,
        gas_cap: 1_000_000,
    };
    let identity = Address::with_last_byte(4);
    let over = |json: Value| -> StateOverride { serde_json::from_value(json).unwrap() };
    let run = |to: Address, overrides: StateOverride| {
        let mut asked = request(to);
        asked.input.input = Some(vec![1, 2, 3].into());
        opal_execution::call::call(&env, &asked, Some(overrides), None)
    };
    let moved = json!({ identity.to_string(): { "movePrecompileToAddress": CALLEE } });
    assert_eq!(
        run(CALLEE, over(moved.clone())).unwrap().output,
        Bytes::from_static(&[1, 2, 3])
    );
    assert!(run(identity, over(moved)).unwrap().output.is_empty());
    let code = json!({ identity.to_string(): { "code": "0x60aa60005360016000f3" } });
    assert_eq!(
        run(identity, over(code)).unwrap().output,
        Bytes::from_static(&[0xaa])
    );
    for bad in [
        json!({ identity.to_string(): { "movePrecompileToAddress": identity } }),
        json!({ BOB.to_string(): { "movePrecompileToAddress": CALLEE } }),
        json!({ identity.to_string(): { "movePrecompileToAddress": CALLEE },
            Address::with_last_byte(2).to_string(): { "movePrecompileToAddress": CALLEE } }),
        json!({ identity.to_string(): { "movePrecompileToAddress": CALLEE },
            CALLEE.to_string(): { "balance": "0x1" } }),
        json!({ BOB.to_string(): { "state": {}, "stateDiff": {} } }),
        json!({ BOB.to_string(): { "code": "0xef01" } }),
    ] {
        assert!(run(CALLEE, over(bad.clone())).is_err(), "{bad}");
    }
}

#[test]
fn access_lists_name_what_is_touched() {
    // sload(2), balance(CALLEE), call(CALLEE), which reads its slot 1 and fails.
    let mut program = vec![0x60, 2, 0x54, 0x50, 0x73];
    program.extend(CALLEE.as_slice());
    program.extend([0x31, 0x50]);
    program.extend(call_code(CALLEE));
    let callee = vec![0x60, 1, 0x54, 0xfe];
    let world = world_with(Fork::Karst, &[(CONTRACT, program), (CALLEE, callee)]);
    let env = CallEnv {
        chain: &world.chain,
        header: &world.head,
        reader: &world.state,
        gas_cap: 1_000_000,
    };
    let mut asked = request(CONTRACT);
    asked.value = Some(U256::from(10));
    let budget = TraceBudget::new(MEGABYTE);
    let touched = create_access_list(&env, CallSetup::new(&asked), &budget).unwrap();
    let expected = json!([
        { "address": CONTRACT, "storageKeys": [B256::with_last_byte(2)] },
        { "address": CALLEE, "storageKeys": [B256::with_last_byte(1)] },
    ]);
    assert_eq!(json!(touched.list), expected);
    assert_eq!(touched.error, None);
    // With the list the call costs what was said.
    asked.access_list = Some(touched.list);
    let outcome = opal_execution::call::call(&env, &asked, None, None).unwrap();
    assert_eq!(outcome.gas_used, touched.gas_used);
    let nothing = create_access_list(&env, CallSetup::new(&request(ALICE)), &budget).unwrap();
    assert_eq!((nothing.list.0.len(), nothing.gas_used), (0, 21_000));
    let failing = create_access_list(&env, CallSetup::new(&request(CALLEE)), &budget).unwrap();
    assert!(failing.error.is_some());
}

#[test]
fn ethereum_blocks_are_traced_too() {
    let mut parent = World::new(eth_chain());
    parent.state.deploy(CONTRACT, call_code(BOB));
    parent.head.state_root = parent.state.roots().state_root;
    let txs: Vec<VerifiedTx> = vec![
        user_tx(0, TxKind::Call(CONTRACT), 100_000, Bytes::new()),
        transfer(1),
    ];
    let sealed = parent.clone().seal(Vec::new(), &txs);
    let calls = all(&parent, &sealed, json!({ "tracer": "callTracer" }));
    assert_eq!(calls[0]["calls"][0]["to"], json!(BOB));
    assert_eq!(calls[1]["gasUsed"], "0x5208");
}
