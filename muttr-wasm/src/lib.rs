//! A seed in a tab.
