//! What is stored where, who signed for it, how it is found again.
