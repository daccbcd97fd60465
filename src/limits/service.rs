//! All limits of a server.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::Clock;
use crate::policy::Permit;

use super::counts::Counts;
use super::spent::KnownSpent;
use super::{LimitKind, Limited, Rate, Remaining, Spendable, Spendables};

/// How the limits are set. None is no limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LimitsSettings {
    /// Requests of one address, or of one IPv6 network of 64 bits.
    pub per_peer: Option<PeerLimit>,
    /// Exchanges that one relationship permits.
    pub per_relationship: Option<Rate>,
    /// Exchanges of one subject.
    pub per_subject: Option<Rate>,
}

impl LimitsSettings {
    /// The same where declared proxies say whom requests come from: an address of this machine is then what somebody wrote into a header.
    #[must_use]
    pub fn behind_proxies(self) -> Self {
        Self { per_peer: self.per_peer.map(|limit| PeerLimit { loopback: true, ..limit }), ..self }
    }
}

/// How peers are limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerLimit {
    /// The rate of each.
    pub rate: Rate,
    /// Whether this machine itself is limited as well. A proxy on it that nobody declared would stand for everybody.
    pub loopback: bool,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        Self {
            per_peer: Some(PeerLimit { rate: per_second(50, 200), loopback: false }),
            per_relationship: Some(per_second(200, 2_000)),
            per_subject: Some(per_second(50, 500)),
        }
    }
}

/// Counts attempts, and refuses those that are too many.
pub struct Limits {
    clock: Arc<dyn Clock>,
    peer: Option<Counts>,
    loopback: bool,
    relationship: Option<Counts>,
    subject: Option<Counts>,
    failures: Counts,
    spent: KnownSpent,
}

impl Limits {
    /// Nobody has asked for anything yet. Time is the clock's monotonic one.
    #[must_use]
    pub fn new(settings: &LimitsSettings, clock: &Arc<dyn Clock>) -> Self {
        let counts = |kind, rate| Counts::new(kind, rate, Arc::clone(clock));
        Self {
            clock: Arc::clone(clock),
            peer: settings.per_peer.map(|limit| counts(LimitKind::Peer, limit.rate)),
            loopback: settings.per_peer.is_some_and(|limit| limit.loopback),
            relationship: settings.per_relationship.map(|rate| counts(LimitKind::Relationship, rate)),
            subject: settings.per_subject.map(|rate| counts(LimitKind::Subject, rate)),
            failures: counts(LimitKind::Client, per_second(1, 10)),
            spent: KnownSpent::default(),
        }
    }

    /// Counts a request of this address. To be asked before anything of the request is read. What is left to it; none when it is not counted.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn admit_peer(&self, peer: Option<IpAddr>) -> Result<Option<Remaining>, Limited> {
        let (Some(counts), Some(peer)) = (&self.peer, peer.filter(|peer| self.is_counted(*peer))) else { return Ok(None) };
        counts.admit(network(peer)).map(Some)
    }

    /// Counts an exchange that is permitted. To be asked before anything is spent for it: who is told to come back must be able to.
    ///
    /// With something that is known to be spent it counts for its address only, which was asked first: the guard refuses it anyway, and
    /// whoever found a used token must not use up the share of its owner.
    ///
    /// # Errors
    /// When it is one too many of its subject, or of its relationship.
    pub fn admit_permit(&self, permit: &Permit, presented: &Spendables) -> Result<(), Limited> {
        if self.spent.knows_any(presented) {
            return Ok(());
        }
        // The subject first: a busy workload must not use up what belongs to the others of its relationship.
        if let Some(counts) = &self.subject {
            counts.admit(permit.subject())?;
        }
        self.relationship.as_ref().map_or(Ok(()), |counts| counts.admit(permit.relationship()).map(drop))
    }

    /// Remembers that the guard refused this for good: it was used before, or issued before a fence.
    pub fn note_spent(&self, spent: Spendable) {
        self.spent.note(spent);
    }

    /// Counts a failed authentication from this address, in whose name ever: counts by name would tell which names are registered.
    ///
    /// Only failures are counted, and only failures are refused: nobody can lock a client out by failing in its name, not even from the
    /// address it comes from (RFC 6749 §2.3.1 asks for protection against guessing).
    ///
    /// # Errors
    /// When it is one too many.
    pub fn note_failure(&self, peer: Option<IpAddr>) -> Result<(), Limited> {
        if peer.is_some_and(|peer| !self.is_counted(peer)) {
            return Ok(());
        }
        self.failures.admit(peer.map(network)).map(drop)
    }

    /// This machine itself is no peer, unless a limit of peers was written down.
    fn is_counted(&self, peer: IpAddr) -> bool {
        self.loopback || !peer.to_canonical().is_loopback()
    }

    /// Forgets who has been silent for long enough, and what is over. Call it every few seconds.
    pub fn sweep(&self) {
        for counts in [&self.peer, &self.relationship, &self.subject].into_iter().flatten() {
            counts.sweep();
        }
        self.failures.sweep();
        self.spent.sweep(self.clock.now());
    }

    /// Counts a token that its holder ends: it is kept as long as an exchange is, and its subject and relationship have one share for both.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn admit_revocation(&self, subject: &str, relationship: &str) -> Result<(), Limited> {
        if let Some(counts) = &self.subject {
            counts.admit(subject)?;
        }
        self.relationship.as_ref().map_or(Ok(()), |counts| counts.admit(relationship).map(drop))
    }

    /// How many callers are counted, by all limits.
    #[must_use]
    pub fn counted(&self) -> usize {
        let kinds = [&self.peer, &self.relationship, &self.subject].into_iter().flatten();
        kinds.map(Counts::len).sum::<usize>() + self.failures.len()
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("counted", &self.counted()).finish_non_exhaustive()
    }
}

/// As whom an address counts: an IPv6 network of 64 bits is one customer.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address => address,
    }
}

const fn per_second(count: u32, burst: u32) -> Rate {
    Rate::per_second(at_least_one(count), at_least_one(burst))
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}
