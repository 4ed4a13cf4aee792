//! What a developer finds in the console: what another seed did wrong, never who, nor with what.

/// Notes it for whoever looks at verbose messages.
pub(crate) fn debug(what: &str) {
    web_sys::console::debug_1(&format!("muttr: {what}").into());
}
