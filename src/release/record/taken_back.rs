//! The line of a token that was taken back by being shown.

use std::net::IpAddr;

use crate::token::VerifiedToken;

use super::body::Body;
use super::log::{DecisionLog, LogUnavailable};

/// A token of ours that counts for nothing any more, because somebody showed it for that (RFC 7009).
#[derive(Clone, Copy, Debug)]
pub struct TakenBack<'a> {
    /// The token.
    pub token: &'a VerifiedToken,
    /// Who showed it: the relationship or client that authenticated. None: holding the token was enough.
    pub caller: Option<&'a str>,
    /// From where.
    pub peer: Option<IpAddr>,
}

impl DecisionLog {
    /// Records that a token was taken back, and waits for the line.
    ///
    /// It is taken back already, and stays so: a kill switch does not wait for a log.
    pub async fn taken_back(&self, taken: TakenBack<'_>) -> Result<(), LogUnavailable> {
        let room = self.reserve()?;
        let body = self.begin("revocation");
        self.append(room, self.entry(line(body, taken))).await
    }
}

/// At most some 3 KiB: no name in a token of ours is longer than here.
fn line(mut body: Body, TakenBack { token, caller, peer }: TakenBack<'_>) -> Vec<u8> {
    let said = |name| token.claims().text(name);
    body.optional("jti", token.token_id(), 64);
    body.optional("root_jti", said("root_jti"), 64);
    body.text("subject", token.subject(), 2048);
    body.optional("relationship", said("client_id"), 64);
    body.optional("audience", said("aud"), 1024);
    body.optional("caller", caller, 64);
    body.digest("input_sha256", Some(token.digest()));
    if let Some(peer) = peer {
        body.plain("peer", peer);
    }
    body.end()
}
