use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::counts::Counts;
use super::*;
use crate::domain::{Clock, ManualClock, Seconds, Timestamp};

fn rate(text: &str, burst: u32) -> Rate {
    Rate::parse(text).unwrap().with_burst(NonZeroU32::new(burst).unwrap())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)))
}

fn counts(rate: Rate, clock: &Arc<ManualClock>) -> Counts {
    Counts::new(LimitKind::Peer, rate, Arc::clone(clock) as Arc<dyn Clock>)
}

fn limits(settings: LimitsSettings) -> (Limits, Arc<ManualClock>) {
    let clock = clock();
    (Limits::new(&settings, &(Arc::clone(&clock) as Arc<dyn Clock>)), clock)
}

/// How many of `attempts` pass at once.
fn passing<T>(attempts: usize, mut attempt: impl FnMut() -> Result<T, Limited>) -> usize {
    (0..attempts).filter(|_| attempt().is_ok()).count()
}

#[test]
fn a_rate_has_a_number_and_a_unit() {
    for (text, interval, why) in [
        ("50/s", Some(20_000), "a second"),
        ("600/m", Some(100_000), "a minute"),
        ("1000/h", Some(3_600_000), "an hour"),
        ("1000000/s", Some(1), "the most"),
        ("1000001/s", None, "more than that"),
        ("0/s", None, "nothing at all would pass"),
        ("-1/s", None, "negative"),
        ("+1/s", None, "with a sign"),
        ("5", None, "without a unit"),
        ("5/d", None, "another unit"),
        ("5 /s", None, "with a space"),
        ("/s", None, "without a number"),
        ("1/2/s", None, "twice divided"),
    ] {
        let parsed = Rate::parse(text).ok().map(|rate| rate.interval().as_micros());
        assert_eq!(parsed, interval, "{why}: {text}");
    }
}

#[test]
fn a_burst_passes_at_once_and_then_as_much_as_the_rate_allows() {
    let clock = clock();
    let counts = counts(rate("2/s", 5), &clock);
    assert_eq!(passing(20, || counts.admit("a")), 5, "the burst");
    assert_eq!(passing(20, || counts.admit("b")), 5, "another caller has its own");
    clock.advance(Seconds(1));
    assert_eq!(passing(20, || counts.admit("a")), 2, "what a second brings");
    clock.advance(Seconds(100));
    assert_eq!(passing(20, || counts.admit("a")), 5, "never more than the burst");
}

#[test]
fn whoever_is_refused_is_told_when_to_come_back() {
    for (text, burst, retry_after, policy, state) in [
        ("50/s", 200, 1, "\"peer\";q=200;w=4", "\"peer\";r=0;t=1"),
        ("6/m", 1, 10, "\"peer\";q=1;w=10", "\"peer\";r=0;t=10"),
        ("1/h", 3, 3_600, "\"peer\";q=3;w=10800", "\"peer\";r=0;t=3600"),
    ] {
        let clock = clock();
        let counts = counts(rate(text, burst), &clock);
        let limited = (0..=burst).find_map(|_| counts.admit("a").err()).unwrap();
        assert_eq!((limited.retry_after, &*limited.policy_header(), &*limited.header()), (Seconds(retry_after), policy, state), "{text}");
        clock.advance(limited.retry_after);
        assert!(counts.admit("a").is_ok(), "{text}: and then it passes");
    }
}

#[test]
fn whoever_passes_is_told_what_is_left() {
    for (text, burst, first, second) in [
        ("50/s", 200, "\"peer\";r=199;t=1", "\"peer\";r=198;t=1"),
        ("6/m", 2, "\"peer\";r=1;t=10", "\"peer\";r=0;t=10"),
        ("1/h", 3, "\"peer\";r=2;t=3600", "\"peer\";r=1;t=3600"),
    ] {
        let counts = counts(rate(text, burst), &clock());
        assert_eq!([counts.admit("a"), counts.admit("a")].map(|left| left.unwrap().header()), [first, second], "{text}");
        assert_eq!(counts.admit("b").unwrap().header(), first, "{text}: another caller");
    }
    let clock = clock();
    let counts = counts(rate("6/m", 2), &clock);
    let left = counts.admit("a").and(counts.admit("a")).unwrap();
    assert_eq!((left.attempts, left.policy_header().as_str()), (0, "\"peer\";q=2;w=20"));
    clock.advance(Seconds(10));
    assert_eq!(counts.admit("a").map(|left| left.attempts), Ok(0), "one came back");
    clock.advance(Seconds(100));
    assert_eq!(counts.admit("a").map(|left| left.attempts), Ok(1), "the whole burst");
}

#[test]
fn memory_is_bounded_and_whoever_finds_no_room_passes() {
    let clock = clock();
    let counts = counts(rate("1/s", 2), &clock);
    assert_eq!(passing(9, || counts.admit("known")), 2);
    for stranger in 0..MAX_COUNTED {
        counts.admit(stranger).unwrap();
    }
    assert_eq!(counts.len(), MAX_COUNTED);
    assert_eq!(passing(9, || counts.admit("newcomer")), 9, "there is no room to count it");
    assert_eq!(passing(9, || counts.admit("known")), 0, "whoever is counted stays counted");
    counts.sweep();
    assert_eq!(counts.len(), MAX_COUNTED, "nothing may be forgotten yet");
    clock.advance(Seconds(3));
    counts.sweep();
    assert_eq!(counts.len(), 0);
    assert_eq!(passing(9, || counts.admit("newcomer")), 2, "and everybody is counted again");
}

#[test]
fn a_peer_is_an_address_or_an_ipv6_network() {
    let limit = PeerLimit { rate: rate("1/s", 2), loopback: false };
    let settings = LimitsSettings { per_peer: Some(limit), ..LimitsSettings::default() };
    for (first, second, same, why) in [
        ("192.0.2.1", "192.0.2.1", true, "one address"),
        ("192.0.2.1", "192.0.2.2", false, "two addresses"),
        ("192.0.2.1", "::ffff:192.0.2.1", true, "the same in disguise"),
        ("2001:db8::1", "2001:db8::ffff:0:0:2", true, "one network"),
        ("2001:db8::1", "2001:db8:0:1::1", false, "two networks"),
    ] {
        let (limits, _) = limits(settings);
        let peer = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(passing(9, || limits.admit_peer(peer(first))), 2, "{why}");
        assert_eq!(passing(9, || limits.admit_peer(peer(second))), if same { 0 } else { 2 }, "{why}");
    }
    for (loopback, expected) in [(false, 9), (true, 2)] {
        let (limits, _) = limits(LimitsSettings { per_peer: Some(PeerLimit { loopback, ..limit }), ..settings });
        for peer in ["127.0.0.1", "::1"] {
            assert_eq!(passing(9, || limits.admit_peer(peer.parse().ok())), expected, "{peer}");
        }
    }
    let (unlimited, _) = limits(LimitsSettings { per_peer: None, ..settings });
    assert_eq!(passing(500, || unlimited.admit_peer("192.0.2.1".parse().ok())), 500);
}

#[test]
fn failures_are_counted_by_address() {
    let (limits, clock) = limits(LimitsSettings::default());
    let peer = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(passing(50, || limits.note_failure(peer("192.0.2.1"))), 10);
    assert_eq!(passing(50, || limits.note_failure(peer("192.0.2.2"))), 10, "from another address");
    assert_eq!(limits.counted(), 2);
    clock.advance(Seconds(11));
    limits.sweep();
    assert_eq!(limits.counted(), 0);
}

#[test]
fn an_address_of_this_machine_is_counted_where_proxies_report_it() {
    let local: Option<IpAddr> = Some("127.0.0.1".parse().unwrap());
    for (settings, failures, why) in [
        (LimitsSettings::default(), 50, "this machine is no peer"),
        (LimitsSettings::default().behind_proxies(), 10, "a header says so, and anybody can write it"),
        (LimitsSettings { per_peer: None, ..LimitsSettings::default() }, 50, "nothing is counted by address"),
    ] {
        let (limits, _) = limits(settings);
        assert_eq!(passing(50, || limits.note_failure(local)), failures, "{why}");
        assert_eq!(limits.admit_peer(local).unwrap().is_some(), failures == 10, "{why}");
    }
}
