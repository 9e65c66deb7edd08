//! Tables of what goes in and what comes out, and scenes played in a small world of virtual time.

mod consolidation;
mod finality;
mod following;
mod origin;
mod sequencing;
mod sync_start;
mod world;
