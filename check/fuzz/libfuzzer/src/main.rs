//! Runs one target under libFuzzer: the one that `OPAL_FUZZ_TARGET` names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opal_fuzz::{TARGETS, Target, memory, target};
use std::sync::OnceLock;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn choose() -> Target {
    let name = std::env::var("OPAL_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| {
        let known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("OPAL_FUZZ_TARGET is {name:?}, must be one of {}", known.join(", "));
        std::process::exit(2)
    })
}

fuzz_target!(|data: &[u8]| memory::run(*CHOSEN.get_or_init(choose), data));
