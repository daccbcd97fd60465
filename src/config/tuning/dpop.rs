//! `[dpop]`: what proofs of possession must hold.

use crate::document::Table;

/// How DPoP proofs are made fresh (RFC 9449).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DpopSection {
    /// Whether each proof must hold a nonce of this server.
    pub nonce: DpopNonce,
}

/// Whether proofs must hold a nonce (RFC 9449 §8).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DpopNonce {
    /// A proof is as fresh as its `iat` says, by the clock of the client.
    #[default]
    Off,
    /// A proof was made after this server gave out its nonce, whatever the clock of the client says.
    Required,
}

impl DpopSection {
    pub(in crate::config) fn read(mut table: Table<'_>) -> Self {
        let nonce = table.parsed("nonce", |text| match text {
            "off" => Ok(DpopNonce::Off),
            "required" => Ok(DpopNonce::Required),
            _ => Err("expected \"off\" or \"required\""),
        });
        table.finish();
        Self { nonce: nonce.map_or_else(DpopNonce::default, |nonce| nonce.value) }
    }
}
