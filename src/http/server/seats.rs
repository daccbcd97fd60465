//! Who may stay when there is no room for everybody.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::activity::Activity;

/// The connections that are served. When they are too many, the one that has been idle for longest makes room for the newcomer.
#[derive(Debug)]
pub(super) struct Seats {
    max: usize,
    /// Of one peer. `None` where proxies connect for everybody.
    max_per_peer: Option<usize>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    by_number: BTreeMap<u64, Sitting>,
}

#[derive(Debug)]
struct Sitting {
    /// `None` for peers that are not counted.
    peer: Option<IpAddr>,
    activity: Arc<Activity>,
}

/// Given back when it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    number: u64,
}

impl Seats {
    /// A quarter of the seats is the most that one peer gets, unless all peers are proxies.
    pub(super) fn new(max: usize, behind_proxy: bool) -> Arc<Self> {
        let max_per_peer = (!behind_proxy).then_some((max / 4).max(1));
        Arc::new(Self { max, max_per_peer, taken: Mutex::default() })
    }

    /// A seat for a new connection. `None` when every connection that could make room has a request in progress.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr, activity: &Arc<Activity>) -> Option<Seat> {
        let peer = counted(peer);
        let mut taken = self.lock();
        if let (Some(peer), Some(max)) = (peer, self.max_per_peer)
            && taken.by_number.values().filter(|sitting| sitting.peer == Some(peer)).count() >= max
        {
            taken.make_room(|sitting| sitting.peer == Some(peer))?;
        }
        if taken.by_number.len() >= self.max {
            taken.make_room(|_| true)?;
        }
        let number = taken.next;
        taken.next += 1;
        taken.by_number.insert(number, Sitting { peer, activity: Arc::clone(activity) });
        Some(Seat { seats: Arc::clone(self), number })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Evicts the one that has been idle for longest.
    fn make_room(&mut self, may_go: impl Fn(&Sitting) -> bool) -> Option<()> {
        loop {
            let idle = self.by_number.iter().filter(|(_, sitting)| may_go(sitting));
            let idle = idle.filter_map(|(number, sitting)| Some((sitting.activity.idle_since()?, *number)));
            let (_, number) = idle.min()?;
            // A request may have begun in between; then it is no longer idle, and the next one is found.
            if self.by_number.get(&number).is_some_and(|sitting| sitting.activity.evict()) {
                self.by_number.remove(&number);
                return Some(());
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().by_number.remove(&self.number);
    }
}

/// As whom a peer counts: an IPv6 network of 64 bits is one customer. Not at all on this machine, where a proxy may stand for everybody.
fn counted(peer: IpAddr) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if peer.is_loopback() {
        return None;
    }
    match peer {
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()),
        IpAddr::V4(_) => Some(peer),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Version;
    use tokio::time::Instant;

    use super::super::DEADLINES;
    use super::*;

    /// Comes in with a request in progress, or idle.
    fn enter(seats: &Arc<Seats>, peer: &str) -> Option<(Seat, Arc<Activity>)> {
        let activity = Activity::new(DEADLINES, Instant::now());
        Some((seats.take(peer.parse().unwrap(), &activity)?, activity))
    }

    #[test]
    fn the_longest_idle_makes_room_and_the_busy_do_not() {
        let seats = Seats::new(3, true);
        let (_busy_seat, busy) = enter(&seats, "192.0.2.1").unwrap();
        let running = busy.begin(Version::HTTP_11);
        let (_first_seat, first) = enter(&seats, "192.0.2.1").unwrap();
        let (_second_seat, second) = enter(&seats, "192.0.2.1").unwrap();
        let (_third_seat, third) = enter(&seats, "192.0.2.1").unwrap();
        assert_eq!([&busy, &first, &second, &third].map(|activity| activity.is_evicted()), [false, true, false, false]);
        let all_busy = [second, third].map(|activity| activity.begin(Version::HTTP_11));
        assert!(enter(&seats, "192.0.2.1").is_none());
        drop(all_busy);
        assert!(enter(&seats, "192.0.2.1").is_some());
        drop(running);
    }

    #[test]
    fn one_peer_gets_a_quarter_and_no_seat_of_another() {
        for (peer, other, behind_proxy, capped, why) in [
            ("192.0.2.1", "192.0.2.2", false, true, "a stranger"),
            ("::ffff:192.0.2.1", "192.0.2.2", false, true, "in disguise"),
            ("2001:db8::1", "2001:db8:0:1::1", false, true, "IPv6"),
            ("192.0.2.1", "192.0.2.2", true, false, "a proxy"),
            ("127.0.0.1", "192.0.2.2", false, false, "this machine"),
            ("::1", "192.0.2.2", false, false, "this machine"),
        ] {
            let seats = Seats::new(8, behind_proxy);
            let (_seat, others) = enter(&seats, other).unwrap();
            let mine = [(); 2].map(|()| enter(&seats, peer).unwrap());
            let busy = mine.each_ref().map(|(_, activity)| activity.begin(Version::HTTP_11));
            assert_eq!(enter(&seats, peer).is_none(), capped, "{why}");
            assert!(!others.is_evicted(), "{why}");
            drop(busy);
            assert!(enter(&seats, peer).is_some(), "{why}: its own idle one makes room");
            assert_eq!(mine[0].1.is_evicted(), capped, "{why}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        assert_eq!(counted("2001:db8::1".parse().unwrap()), counted("2001:db8::ffff:0:0:2".parse().unwrap()));
        assert_ne!(counted("2001:db8::1".parse().unwrap()), counted("2001:db8:0:1::1".parse().unwrap()));
    }
}
