//! What fills the blocks.

use crate::{
    contracts::{ADDER, HASHER, MOVE_NOTHING, POOLS, TOKEN_A, WRITER, pool_address, words},
    world::World,
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use rayon::prelude::*;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// ERC-20 transfers between random holders.
    Tokens,
    /// Swaps by random holders: two slots of a pool, four of two tokens, three logs.
    Swaps,
    /// New storage slots.
    Slots,
    /// A loop of multiplications.
    Arithmetic,
    /// A loop of hashes.
    Hashes,
}

impl Mix {
    pub const ALL: [Self; 5] = [
        Self::Tokens,
        Self::Swaps,
        Self::Slots,
        Self::Arithmetic,
        Self::Hashes,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "a tokens",
            Self::Swaps => "b swaps",
            Self::Slots => "c new slots",
            Self::Arithmetic => "d arithmetic",
            Self::Hashes => "d keccak",
        }
    }

    /// Transactions that fill a block of 30M gas.
    const fn per_block(self) -> u64 {
        match self {
            Self::Tokens => 780,
            Self::Swaps => 350,
            Self::Slots => 6,
            Self::Arithmetic | Self::Hashes => 6,
        }
    }

    /// What a transaction calls, with which limit. `seed` is new for each.
    fn call(self, world: &World, seed: u64) -> (Address, u64, Bytes) {
        let random = u64::from_be_bytes(keccak256(seed.to_be_bytes())[..8].try_into().expect("8"));
        let word = |n: u64| U256::from(n);
        match self {
            Self::Tokens => {
                let to = world.holder(random % world.holders);
                let to = U256::from_be_slice(to.as_slice());
                (TOKEN_A, 100_000, words(&[MOVE_NOTHING, to, word(7)]))
            }
            Self::Swaps => {
                let amount = word(1_000_000 + random % 1_000_000);
                (pool_address(random % POOLS), 200_000, words(&[amount]))
            }
            Self::Slots => {
                let start: U256 = keccak256(seed.to_be_bytes()).into();
                (WRITER, 5_000_000, words(&[start >> 1, word(219)]))
            }
            Self::Arithmetic => (ADDER, 5_000_000, words(&[word(64_000)])),
            Self::Hashes => (HASHER, 5_000_000, words(&[word(61_000)])),
        }
    }
}

/// Makes blocks; every sender sends once per block at most.
#[derive(Debug)]
pub struct Filler<'a> {
    world: &'a World,
    next: u64,
}

impl<'a> Filler<'a> {
    pub const fn new(world: &'a World) -> Self {
        Self { world, next: 0 }
    }

    /// Signed transactions for one block.
    pub fn block(&mut self, mix: Mix) -> Vec<Bytes> {
        self.some(mix, mix.per_block())
    }

    /// So many signed transactions.
    pub fn some(&mut self, mix: Mix, count: u64) -> Vec<Bytes> {
        let first = self.next;
        self.next += count;
        let users = self.world.users.len() as u64;
        (first..self.next)
            .into_par_iter()
            .map(|i| {
                let (to, gas_limit, input) = mix.call(self.world, i);
                let user = &self.world.users[(i % users) as usize];
                user.call(i / users, gas_limit, to, input)
            })
            .collect()
    }
}
