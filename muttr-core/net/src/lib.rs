//! The libp2p behaviours that both shells share.
