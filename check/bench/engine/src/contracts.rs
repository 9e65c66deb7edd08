//! The contracts of the mixes. Written for this benchmark; as small as what they stand for allows.

use crate::assembler::assemble;
use alloy_primitives::{Address, Bytes, U256, address, keccak256};

pub const TOKEN_A: Address = address!("00000000000000000000000000000000000a0001");
pub const TOKEN_B: Address = address!("00000000000000000000000000000000000a0002");
pub const WRITER: Address = address!("00000000000000000000000000000000000a0003");
pub const ADDER: Address = address!("00000000000000000000000000000000000a0004");
pub const HASHER: Address = address!("00000000000000000000000000000000000a0005");

/// Pools that trade token A for token B.
pub const POOLS: u64 = 8;

pub fn pool_address(i: u64) -> Address {
    Address::left_padding_from(&(0xb0000 + i).to_be_bytes())
}

/// First word of the calldata of a transfer by the caller.
pub const MOVE_NOTHING: U256 = U256::ZERO;

/// First word of the calldata of a move between two named accounts; else the caller pays.
const MOVE: &str = "0x4d4f5645";

/// A token: a mapping of balances in slot 0 and an event, as ERC-20 has it.
/// `transfer(to, amount)` takes words 0, to, amount; `move(from, to, amount)` takes four words.
/// Nobody asks who may move what.
pub fn token() -> Bytes {
    let topic = keccak256("Transfer(address,address,uint256)");
    assemble(&format!(
        "CALLER
         0 CALLDATALOAD {MOVE} XOR @from_known JUMPI
         POP 96 CALLDATALOAD
         :from_known
         DUP1 0 MSTORE 64 0 KECCAK256
         DUP1 SLOAD
         64 CALLDATALOAD
         DUP2 DUP2 GT @fail JUMPI
         DUP1 SWAP2 SUB
         SWAP1 SWAP2 SSTORE
         32 CALLDATALOAD 0 MSTORE 64 0 KECCAK256
         DUP1 SLOAD DUP3 ADD SWAP1 SSTORE
         0 MSTORE
         32 CALLDATALOAD SWAP1 {topic} 32 0 LOG3
         1 0 MSTORE 32 0 RETURN
         :fail 0 0 REVERT"
    ))
    .into()
}

/// A pool with its reserves in slots 0 and 1. Word 0 of the calldata is the amount of token A that
/// the caller sells.
pub fn pool() -> Bytes {
    let topic = keccak256("Swap(address,uint256,uint256)");
    assemble(&format!(
        "0 SLOAD 1 SLOAD 0 CALLDATALOAD
         DUP1 DUP4 ADD
         DUP2 DUP4 MUL
         DIV
         DUP2 DUP5 ADD 0 SSTORE
         DUP1 DUP4 SUB 1 SSTORE
         {MOVE} 0 MSTORE ADDRESS 32 MSTORE DUP2 64 MSTORE CALLER 96 MSTORE
         0 0 128 0 0 {TOKEN_A} GAS CALL ISZERO @fail JUMPI
         CALLER 32 MSTORE DUP1 64 MSTORE ADDRESS 96 MSTORE
         0 0 128 0 0 {TOKEN_B} GAS CALL ISZERO @fail JUMPI
         0 MSTORE 32 MSTORE
         CALLER {topic} 64 0 LOG2
         STOP
         :fail 0 0 REVERT"
    ))
    .into()
}

/// Sets the slots from word 0 of the calldata on, as many as word 1 says.
pub fn writer() -> Bytes {
    assemble(
        "32 CALLDATALOAD 0 CALLDATALOAD
         :loop
         1 DUP2 SSTORE
         1 ADD
         SWAP1 1 SWAP1 SUB SWAP1
         DUP2 @loop JUMPI
         STOP",
    )
    .into()
}

/// Multiplies, adds and reduces as often as word 0 of the calldata says.
pub fn adder() -> Bytes {
    assemble(
        "7 0 CALLDATALOAD
         :loop
         SWAP1 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f
         SWAP1 DUP1 MUL 13 ADD MOD
         SWAP1 1 SWAP1 SUB
         DUP1 @loop JUMPI
         STOP",
    )
    .into()
}

/// Hashes two words over and over, as often as word 0 of the calldata says.
pub fn hasher() -> Bytes {
    assemble(
        "0 CALLDATALOAD
         :loop
         64 0 KECCAK256 0 MSTORE
         1 SWAP1 SUB
         DUP1 @loop JUMPI
         STOP",
    )
    .into()
}

/// Where a token keeps the balance of `holder`.
pub fn balance_slot(holder: Address) -> U256 {
    let mut key = [0; 64];
    key[12..32].copy_from_slice(holder.as_slice());
    keccak256(key).into()
}

/// Calldata of so many words.
pub fn words(list: &[U256]) -> Bytes {
    list.iter()
        .flat_map(|w| w.to_be_bytes::<32>())
        .collect::<Vec<u8>>()
        .into()
}
