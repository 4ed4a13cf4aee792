//! Own secrets and the certificates of others.
