//! Servers and witnesses: what they hold, name and lose.

use super::super::reference::{Data, Server};
use super::walk::Walk;
use super::worlds::{Place, WITNESSES};

/// A server and its surroundings.
pub(super) struct Host {
    pub(super) server: Server,
    /// Seconds by which its clock is ahead of the slowest.
    pub(super) ahead: u64,
    /// Whose replica it is.
    pub(super) follows: usize,
    /// A copy of its data, put aside at some time.
    copy: Data,
}

/// Whom a witness names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct View {
    pub(super) server: usize,
    pub(super) epoch: u64,
}

impl Host {
    pub(super) fn all(place: Place, ahead: impl FnMut() -> u64) -> Vec<Self> {
        let host = |ahead| Self { server: Server::new(0), ahead, follows: 0, copy: Data::default() };
        let mut hosts: Vec<Self> = std::iter::repeat_with(ahead).take(place.servers()).map(host).collect();
        hosts.iter_mut().skip(1).for_each(|host| host.server.is_master = false);
        hosts
    }
}

impl Walk {
    fn new_replid(&mut self) -> u64 {
        self.replids += 1;
        self.replids
    }

    /// A replica takes over what its master holds; until then it lags.
    pub(super) fn catch_up(&mut self) {
        let replica = self.below(self.hosts.len());
        let master = self.hosts[replica].follows;
        let source = &self.hosts[master].server;
        if master == replica || self.hosts[replica].server.is_master || !source.is_master {
            return;
        }
        let (data, replid) = (source.data.clone(), source.replid);
        self.hosts[replica].server.data = data;
        self.hosts[replica].server.replid = replid;
        self.note(|| format!("server {replica} catches up with {master}"));
    }

    /// A new process: another history id, and all, none or some older data.
    pub(super) fn restart(&mut self) {
        if !self.afford() {
            return;
        }
        let (at, replid) = (self.below(self.hosts.len()), self.new_replid());
        let left = self.below(3);
        let host = &mut self.hosts[at];
        match left {
            0 => {}
            1 => host.server.data = Data::default(),
            _ => host.server.data = host.copy.clone(),
        }
        host.server.evicted = 0;
        if host.server.is_master {
            host.server.replid = replid;
        }
        self.note(|| format!("server {at} restarts with {}", ["its data", "nothing", "older data"][left]));
    }

    pub(super) fn copy(&mut self) {
        let at = self.below(self.hosts.len());
        self.hosts[at].copy = self.hosts[at].server.data.clone();
        self.note(|| format!("the data of server {at} is put aside"));
    }

    pub(super) fn flush(&mut self) {
        if self.afford() {
            let at = self.below(self.hosts.len());
            self.hosts[at].server.data = Data::default();
            self.note(|| format!("server {at} is flushed"));
        }
    }

    pub(super) fn evict(&mut self) {
        if self.afford() {
            let at = self.below(self.hosts.len());
            self.hosts[at].server.evict();
            self.note(|| format!("server {at} evicts what it holds"));
        }
    }

    /// Somebody promotes a server. A vote takes an epoch above all; by force it may collide with another.
    pub(super) fn fail_over(&mut self) {
        let (to, leader, by_force) = (self.below(self.hosts.len()), self.below(WITNESSES), self.below(2) == 0);
        let last = self.witnesses[leader];
        if last.server == to {
            return;
        }
        let highest = self.witnesses.iter().map(|view| view.epoch).max().unwrap_or(0);
        let named = self.witnesses.iter().filter(|view| view.server == last.server).count();
        if !by_force && named * 2 <= WITNESSES || !self.afford() {
            return;
        }
        let epoch = 1 + if by_force { last.epoch } else { highest };
        self.witnesses[leader] = View { server: to, epoch };
        let replid = self.new_replid();
        // One that never heard that it was no master any more goes on as it is.
        if !self.hosts[to].server.is_master {
            self.hosts[to].server.is_master = true;
            self.hosts[to].server.replid = replid;
        }
        self.note(|| format!("witness {leader} names server {to} in epoch {epoch}{}", if by_force { ", by force" } else { "" }));
    }

    /// A failover that everybody and some node hears of at once.
    pub(super) fn switch_over(&mut self) {
        self.fail_over();
        self.gossip_to_all();
        self.ask_all_witnesses();
    }

    /// A cluster raises an epoch without a failover.
    pub(super) fn raise_epoch(&mut self) {
        if self.afford() {
            let at = self.below(WITNESSES);
            self.witnesses[at].epoch += 1;
            self.note(|| format!("witness {at} hears of a higher epoch of the same server"));
        }
    }

    /// A witness hears of a later epoch. None ever goes back.
    pub(super) fn gossip(&mut self) {
        let (from, to) = (self.below(WITNESSES), self.below(WITNESSES));
        if self.witnesses[from].epoch > self.witnesses[to].epoch {
            self.witnesses[to] = self.witnesses[from];
            self.note(|| format!("witness {to} learns from {from}"));
        }
    }

    /// Every witness hears of the latest epoch.
    pub(super) fn gossip_to_all(&mut self) {
        if let Some(latest) = self.witnesses.iter().copied().max_by_key(|view| view.epoch) {
            for witness in self.witnesses.iter_mut().filter(|view| view.epoch < latest.epoch) {
                *witness = latest;
            }
            self.note(|| format!("every witness knows of server {} in epoch {}", latest.server, latest.epoch));
        }
    }

    /// A server hears that it follows another one.
    pub(super) fn demote(&mut self) {
        let (at, witness) = (self.below(self.hosts.len()), self.below(WITNESSES));
        let named = self.witnesses[witness].server;
        if named != at && self.hosts[named].server.is_master && self.hosts[at].follows != named {
            self.hosts[at].server.is_master = false;
            self.hosts[at].follows = named;
            self.note(|| format!("server {at} is made a replica of {named}"));
        }
    }
}
