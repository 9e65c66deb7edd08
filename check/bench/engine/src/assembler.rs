//! A tiny assembler, so that the contracts of the mixes can be read.
//!
//! Words are separated by white space: names of opcodes, numbers (`7`, `0x1f`) that are pushed,
//! `:label` to define a jump target, and `@label` to push it.

use std::collections::HashMap;

const JUMPDEST: u8 = 0x5b;
const PUSH0: u8 = 0x5f;
const PUSH2: u8 = 0x61;

fn opcode(name: &str) -> u8 {
    match name {
        "STOP" => 0x00,
        "ADD" => 0x01,
        "MUL" => 0x02,
        "SUB" => 0x03,
        "DIV" => 0x04,
        "MOD" => 0x06,
        "LT" => 0x10,
        "GT" => 0x11,
        "ISZERO" => 0x15,
        "XOR" => 0x18,
        "KECCAK256" => 0x20,
        "ADDRESS" => 0x30,
        "BALANCE" => 0x31,
        "CALLER" => 0x33,
        "CALLDATALOAD" => 0x35,
        "POP" => 0x50,
        "MLOAD" => 0x51,
        "MSTORE" => 0x52,
        "SLOAD" => 0x54,
        "SSTORE" => 0x55,
        "JUMP" => 0x56,
        "JUMPI" => 0x57,
        "GAS" => 0x5a,
        "DUP1" => 0x80,
        "DUP2" => 0x81,
        "DUP3" => 0x82,
        "DUP4" => 0x83,
        "DUP5" => 0x84,
        "SWAP1" => 0x90,
        "SWAP2" => 0x91,
        "SWAP3" => 0x92,
        "LOG2" => 0xa2,
        "LOG3" => 0xa3,
        "CALL" => 0xf1,
        "RETURN" => 0xf3,
        "REVERT" => 0xfd,
        other => panic!("the assembler does not know {other}"),
    }
}

/// The bytes of a push of `word`: a decimal number, or any number of bytes in hex.
fn push(word: &str, code: &mut Vec<u8>) {
    let bytes = match word.strip_prefix("0x") {
        Some(hex) => (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
            .collect(),
        None => {
            let number: u64 = word.parse().unwrap_or_else(|_| panic!("no word: {word}"));
            let bytes = number.to_be_bytes();
            let first = bytes.iter().position(|b| *b != 0).unwrap_or(8);
            bytes[first..].to_vec()
        }
    };
    code.push(PUSH0 + u8::try_from(bytes.len()).expect("at most 32 bytes"));
    code.extend(bytes);
}

/// Bytecode of `source`.
pub fn assemble(source: &str) -> Vec<u8> {
    let mut code = Vec::new();
    let mut labels = HashMap::new();
    let mut uses = Vec::new();
    for word in source.split_whitespace() {
        if let Some(label) = word.strip_prefix(':') {
            labels.insert(label, u16::try_from(code.len()).expect("short code"));
            code.push(JUMPDEST);
        } else if let Some(label) = word.strip_prefix('@') {
            code.push(PUSH2);
            uses.push((label, code.len()));
            code.extend([0, 0]);
        } else if word.starts_with(|c: char| c.is_ascii_digit()) {
            push(word, &mut code);
        } else {
            code.push(opcode(word));
        }
    }
    for (label, at) in uses {
        code[at..at + 2].copy_from_slice(&labels[label].to_be_bytes());
    }
    code
}
