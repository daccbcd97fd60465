//! Signing: the key ring and the sealed token.
