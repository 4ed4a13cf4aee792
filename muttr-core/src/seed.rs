//! What a tab is.
