//! The size of the pages that the system gives this process.

/// Asks the system for pages of 4 KiB where it would give 2 MiB at once. Every page is cleared before
/// it is given, and an engine touches its memory in small pieces here and there: measured, clearing
/// large pages took a tenth of an import and half of a block of new slots. For `main`, before anything
/// large is allocated; a system that has no such choice, or denies it, costs nothing but time.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    let _denied = nix::sys::prctl::set_thp_disable(true);
}
