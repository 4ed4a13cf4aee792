//! What a host is.
