//! A whole node against a made-up L1 (over HTTP) and a made-up engine (in process).

mod engine;
mod l1;
mod node;
mod refusals;
mod world;
