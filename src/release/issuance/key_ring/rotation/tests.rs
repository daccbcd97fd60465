use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_unix(1_800_000_000);
const DAY: Seconds = Seconds(86_400);

/// The rules never look at the kind of a key, and Ed25519 keys are cheap to make.
fn make(_: Algorithm) -> Result<SigningKey, SigningFailed> {
    SigningKey::generate(Algorithm::EdDsa)
}

fn begun() -> Lines {
    begin(START, &make).unwrap()
}

/// A ring whose next keys a server publishes since `START`.
fn served() -> Lines {
    keep(&begun(), START, DAY, &make).unwrap().unwrap()
}

fn kids(lines: &Lines) -> BTreeSet<String> {
    lines.iter().flat_map(Line::keys).map(|key| key.kid().to_owned()).collect()
}

fn places(line: &Line) -> (String, String, Vec<String>) {
    let kid = |key: &SigningKey| key.kid().to_owned();
    (kid(&line.current.key), kid(&line.next.key), line.retired.iter().map(|retired| kid(&retired.key)).collect())
}

#[test]
fn a_ring_rotates_when_its_keys_are_old_and_known() {
    for (age, rotate_every, published, rotates, why) in [
        (Seconds(899), Seconds(900), true, false, "too young by age, and next too new"),
        (Seconds(900), Seconds(900), true, true, "the first instant"),
        (Seconds(899), Seconds(60), true, false, "old enough, but next is too new to sign"),
        (Seconds(900), Seconds(60), true, true, "next was published for three times the max-age"),
        (Seconds(900), Seconds(901), true, false, "not old enough"),
        (DAY, Seconds(900), false, false, "nobody has published next"),
    ] {
        let before = if published { served() } else { begun() };
        let after = keep(&before, START + age, rotate_every, &make).unwrap().unwrap_or_else(|| before.clone());
        for (before, after) in before.iter().zip(&after) {
            let (current, next, _) = places(before);
            let (now_current, now_next, retired) = places(after);
            if rotates {
                assert_eq!((now_current, retired), (next.clone(), vec![current]), "{why}");
                assert_ne!(now_next, next, "{why}");
                assert_eq!((after.current.since, after.next.published), (START + age, None), "{why}");
            } else {
                assert_eq!((now_current, now_next, retired.len()), (current, next, 0), "{why}");
            }
        }
    }
}

#[test]
fn nothing_is_due_between_two_events() {
    let lines = served();
    assert!(keep(&lines, START + Seconds(899), Seconds(900), &make).unwrap().is_none());
    assert!(keep(&lines, START - DAY, Seconds(900), &make).unwrap().is_none(), "a clock that steps back does nothing");
    let rotated = rotate(&lines, START + Seconds(900), &make).unwrap();
    let stamped = keep(&rotated, START + Seconds(901), DAY, &make).unwrap().unwrap();
    assert!(stamped.iter().all(|line| line.next.published == Some(START + Seconds(901))));
}

#[test]
fn a_retired_key_leaves_when_its_last_token_has_expired() {
    let rotated = rotate(&served(), START + Seconds(900), &make).unwrap();
    let until = START + Seconds(900) + RETIRED_FOR;
    let lines = keep(&rotated, until - Seconds(1), DAY, &make).unwrap().unwrap();
    assert!(lines.iter().all(|line| line.retired.len() == 1));
    let lines = keep(&lines, until, DAY, &make).unwrap().unwrap();
    assert!(lines.iter().all(|line| line.retired.is_empty()));
    assert!(RETIRED_FOR >= Seconds(3_600 + 60), "the ceiling of every lifetime and a minute");
}

#[test]
fn a_command_cannot_rotate_to_a_key_that_caches_may_not_know() {
    let unpublished = rotate(&begun(), START + DAY, &make).unwrap_err().to_string();
    assert!(unpublished.contains("has not been published yet"), "{unpublished}");
    let too_new = rotate(&served(), START + Seconds(899), &make).unwrap_err().to_string();
    assert!(too_new.contains("possible from 2027-01-15T08:15:00Z"), "{too_new}");
    assert!(rotate(&served(), START + Seconds(900), &make).is_ok());
}

#[test]
fn a_compromised_ring_is_replaced_whole() {
    let before = rotate(&served(), START + Seconds(900), &make).unwrap();
    let after = drop_compromised(&before, None, START + Seconds(901), &make).unwrap();
    assert!(kids(&before).is_disjoint(&kids(&after)));
    assert!(after.iter().all(|line| line.retired.is_empty() && line.current.since == START + Seconds(901)));
}

#[test]
fn a_compromised_key_is_dropped_alone_and_at_once() {
    let before = rotate(&served(), START + Seconds(900), &make).unwrap();
    let now = START + Seconds(901);
    let (current, next, retired) = places(&before[1]);
    for (kid, why) in [(&current, "it signs"), (&next, "it is next"), (&retired[0], "it is retired")] {
        let after = drop_compromised(&before, Some(kid), now, &make).unwrap();
        assert!(!kids(&after).contains(kid), "{why}");
        let lost: Vec<_> = kids(&before).difference(&kids(&after)).cloned().collect();
        assert_eq!(lost, std::slice::from_ref(kid), "{why}: every other key stays");
        let (now_current, now_next, now_retired) = places(&after[1]);
        let expected_current = if *kid == current { &next } else { &current };
        assert_eq!(now_current, *expected_current, "{why}");
        assert_eq!(now_next == next, *kid == retired[0], "{why}: a new next unless it stayed");
        assert_eq!(now_retired.is_empty(), *kid == retired[0], "{why}");
    }
    let unknown = drop_compromised(&before, Some("nobody"), now, &make).unwrap_err().to_string();
    assert!(unknown.contains("`nobody`") && unknown.contains("cambist keys list"), "{unknown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Three days pass. Keys rotate by age and by command; the server is stopped now and then, long enough for two refreshes of the
    /// verifier to fail, and commands run meanwhile. The verifier is a resource server that fetches the key set every 300 seconds and
    /// otherwise trusts its copy.
    #[test]
    fn no_verifier_ever_meets_an_unknown_key(
        rotate_every in 600_u64..100_000,
        phase in 0_u64..15,
        command_every in 10_u64..1_000,
        stops in proptest::collection::vec((900_u64..50_000, 20_u64..600), 0..6),
    ) {
        const STEP: u64 = 20;
        let mut ends = 0;
        let stops: Vec<_> = stops.into_iter().map(|(gap, long)| { let from = ends + gap; ends = from + long; from..ends }).collect();
        let mut lines = begun();
        let mut known = kids(&lines);
        let mut tokens: BTreeMap<String, Timestamp> = BTreeMap::new();
        for step in 1..(259_200 / STEP) {
            let now = START + Seconds(step * STEP);
            if step % command_every == 0 {
                lines = rotate(&lines, now, &make).unwrap_or(lines);
            }
            if stops.iter().any(|stop| stop.contains(&(step * STEP))) {
                continue;
            }
            // The worst order: the copy is made just before the ring changes.
            if step % (super::super::JWKS_MAX_AGE.0 / STEP) == phase {
                known = kids(&lines);
            }
            lines = keep(&lines, now, Seconds(rotate_every), &make).unwrap().unwrap_or(lines);
            for line in &lines {
                tokens.insert(line.current.key.kid().to_owned(), now + Seconds(3_600 + 60));
            }
            tokens.retain(|_, refused_from| *refused_from > now);
            for kid in tokens.keys() {
                prop_assert!(known.contains(kid), "at {now}: {kid} is unknown");
            }
        }
    }
}
