//! The guard's script once more, as plain Rust: small enough to be believed, held against real servers by `differential`, and what
//! `argument` reasons about.

use std::collections::BTreeMap;

/// The numbers of the script, and what it looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// D, in seconds.
    pub(super) bound: u64,
    /// M, in seconds.
    pub(super) margin: u64,
    /// Seconds that a record is kept beyond its token.
    pub(super) keep: u64,
    /// Seconds for which a request can be repeated.
    pub(super) repeat_for: u64,
    /// What nothing but a test switches off.
    pub(super) looks_at: LooksAt,
}

#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one line of the script that a mutant lacks")]
pub(super) struct LooksAt {
    pub(super) clocks: bool,
    pub(super) epoch: bool,
    pub(super) evicted: bool,
    pub(super) replid: bool,
    pub(super) role: bool,
}

impl LooksAt {
    pub(super) const EVERYTHING: Self = Self { clocks: true, epoch: true, evicted: true, replid: true, role: true };
}

/// What a server holds: what it loses, saves and copies to its replicas.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Data {
    pub(super) fence: Option<Fence>,
    /// By token.
    pub(super) records: BTreeMap<u64, Record>,
    /// What handles stand for, by the token that was spent for them: the last millisecond of each.
    pub(super) handles: BTreeMap<u64, u64>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fence {
    replid: u64,
    epoch: u64,
    evicted: u64,
    until: u64,
    latest: u64,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record {
    owner: u64,
    spent_at: u64,
    released: Option<(u64, u64)>,
    /// The last millisecond at which it is there.
    until_millis: u64,
}

/// One server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) is_master: bool,
    /// Ids of histories are numbers here; only whether two are equal matters.
    pub(super) replid: u64,
    pub(super) evicted: u64,
    pub(super) data: Data,
}

/// What a script is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) epoch: u64,
    /// The node's clock, in seconds.
    pub(super) sent: u64,
    /// The history that must answer; none where any may.
    pub(super) expected: Option<u64>,
    /// None for a look.
    pub(super) spend: Option<Spend>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Spend {
    pub(super) token: u64,
    pub(super) issued_at: u64,
    pub(super) refused_from: u64,
    pub(super) owner: u64,
    /// `iat` and `exp` of what would be released, of a request that can be repeated.
    pub(super) released: Option<(u64, u64)>,
    /// When the token ends that would be released, if that is opaque.
    pub(super) handle_until: Option<u64>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) said: Said,
    pub(super) offset: i64,
    pub(super) armed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Said {
    Clock,
    Expired,
    Fenced(u64),
    Fresh,
    Look(u64),
    NotMaster,
    NotStored,
    OwnRetry,
    Repeat(u64, u64),
    Replayed(u64),
}

impl Server {
    pub(super) fn new(replid: u64) -> Self {
        Self { is_master: true, replid, evicted: 0, data: Data::default() }
    }

    /// The script. `now` is the server's clock, in milliseconds.
    pub(super) fn call(&mut self, now: u64, call: &Call, rules: &Rules) -> Answer {
        self.expire(now);
        let (seconds, sent) = (now / 1_000, call.sent);
        let offset = i64::try_from(seconds).unwrap() - i64::try_from(sent).unwrap();
        let answer = |said, armed| Answer { said, offset, armed };
        if rules.looks_at.role && !self.is_master {
            return answer(Said::NotMaster, false);
        }
        if rules.looks_at.clocks && offset.unsigned_abs() > rules.bound {
            if let Some(fence) = &mut self.data.fence {
                fence.latest = fence.latest.max(seconds);
            }
            return answer(Said::Clock, false);
        }
        let armed = !self.history_is_known(seconds, call, rules);
        let before = self.data.fence.as_ref().map_or(0, |fence| fence.until);
        if armed {
            let until = before.max(seconds.max(sent) + rules.margin);
            self.data.fence = Some(Fence { replid: self.replid, epoch: call.epoch, evicted: self.evicted, until, latest: seconds });
        }
        let fence = self.data.fence.as_mut().unwrap();
        let Some(spend) = call.spend else {
            fence.latest = fence.latest.max(seconds);
            return answer(Said::Look(fence.until), armed);
        };
        if seconds >= spend.refused_from {
            return answer(Said::Expired, armed);
        }
        if spend.issued_at <= fence.until {
            return answer(Said::Fenced(fence.until), armed);
        }
        answer(self.record(now, &spend, rules), armed)
    }

    fn history_is_known(&self, seconds: u64, call: &Call, rules: &Rules) -> bool {
        let looks_at = rules.looks_at;
        self.data.fence.as_ref().is_some_and(|fence| {
            (fence.replid == self.replid || !looks_at.replid)
                && (fence.epoch == call.epoch || !looks_at.epoch)
                && (fence.evicted == self.evicted || !looks_at.evicted)
                && seconds + rules.bound >= fence.latest
                && call.expected.is_none_or(|expected| expected == self.replid)
        })
    }

    fn record(&mut self, now: u64, spend: &Spend, rules: &Rules) -> Said {
        let seconds = now / 1_000;
        if let Some(found) = self.data.records.get(&spend.token) {
            if found.owner != spend.owner {
                return Said::Replayed(found.spent_at);
            }
            let again = match (spend.released, found.released) {
                (None, _) => Said::OwnRetry,
                (Some(_), Some((iat, exp))) if seconds <= found.spent_at + rules.repeat_for => Said::Repeat(iat, exp),
                (Some(_), _) => return Said::Replayed(found.spent_at),
            };
            let is_kept = self.data.handles.get(&spend.token).is_some_and(|until| now < *until);
            return if spend.handle_until.is_some() && !is_kept { Said::NotStored } else { again };
        }
        let until_millis = (spend.refused_from + rules.keep) * 1_000;
        let record = Record { owner: spend.owner, spent_at: seconds, released: spend.released, until_millis };
        self.data.records.insert(spend.token, record);
        self.data.handles.extend(spend.handle_until.map(|until| (spend.token, until * 1_000)));
        Said::Fresh
    }

    /// Forgets what its time has come for.
    pub(super) fn expire(&mut self, now: u64) {
        self.data.records.retain(|_, record| now <= record.until_millis);
        self.data.handles.retain(|_, until| now <= *until);
    }

    /// Drops every record to make room.
    pub(super) fn evict(&mut self) {
        self.evicted += (self.data.records.len() + self.data.handles.len()) as u64;
        self.data.records.clear();
        self.data.handles.clear();
    }
}
