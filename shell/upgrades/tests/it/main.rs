//! Tests of the networks' bundles.

mod built_in;
mod common;
mod files;
mod schedule;
