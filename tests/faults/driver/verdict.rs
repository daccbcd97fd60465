//! The invariants I1 to I6, and the line of the table.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ledger::{Cause, Outcome, Record};
use super::round::{Calm, Fence, Round, Stage};
use super::subject::{KeyChoice, Kind, Subject, TARGETS};

/// What one scenario came to.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Requests of clients, tokens for them, and those that got none.
    pub(crate) exchanges: usize,
    pub(crate) issued: usize,
    pub(crate) refused: usize,
    pub(crate) replays: usize,
    pub(crate) accepted: usize,
    /// The longest time between two tokens for clients.
    pub(crate) outage: Duration,
    /// From the end of the fault to the next token.
    pub(crate) recovery: Duration,
    /// How far beyond the end of the fault the fence stands, in seconds, where it went up.
    pub(crate) fence: Option<i64>,
    pub(crate) p99: Duration,
    /// Of fresh tokens at the end: how many there were, and how many were exchanged.
    pub(crate) fresh: (usize, usize),
    /// What refused clients and thieves read, and how often.
    pub(crate) reasons: BTreeMap<String, usize>,
}

/// I4: nobody waits for longer than this. The goal is 1.5 s on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// I5: the first token after a fault comes so soon.
const RECOVERY: Duration = Duration::from_secs(15);

/// Panics where an invariant is broken.
pub(super) fn judge(round: &Round, stage: &impl Stage) -> Row {
    let (subjects, records) = (round.load.ledger().subjects(), round.load.ledger().records());
    let own = &records[round.first_record..];
    let accepted = at_most_one_token_each(&subjects, &records);
    every_token_has_its_line_and_no_line_is_without(&subjects, &records, stage);
    answers_are_proper(own);
    let calm = round.calm.expect("judged when calm");
    let healed = round.healed.expect("judged when healed");
    let mut row = Row { accepted, fresh: fresh_tokens_are_exchanged(&subjects, own, calm), ..count(own, round.began) };
    row.recovery = first_issued(own, healed.at).map_or(Duration::MAX, |at| at - healed.at);
    assert!(row.recovery <= RECOVERY, "I5: the first token came {:?} after the fault was over", row.recovery);
    row.p99 = p99(own, &round.stopped);
    assert!(row.p99 <= PATIENCE, "I4: one answer in a hundred took {:?}", row.p99);
    match round.fence {
        Fence::MustGoUp => assert!(calm.armed, "history may be lost, and the fence did not go up"),
        Fence::MustStay => assert!(!calm.armed, "the fence went up to {}, and nothing was lost", calm.fence),
        Fence::MayGoUp => {}
    }
    if calm.armed {
        let beyond = calm.fence.cast_signed() - healed.unix.cast_signed();
        let bound = stage.margin().cast_signed() + 2;
        // The fault ended within the second that the clock showed.
        assert!(beyond <= bound + 1, "I5: the fence stands {beyond} s beyond the end of the fault, at most {bound} s");
        row.fence = Some(beyond);
    }
    row
}

/// I1. Of every token and target there is at most one token; where there are several answers with it, all were given to its client.
fn at_most_one_token_each(subjects: &[Arc<Subject>], records: &[Record]) -> usize {
    let mut tokens = HashMap::<_, Vec<(&str, &Record)>>::new();
    for record in records {
        if let Outcome::Issued(jti) = &record.outcome
            && record.kind != Kind::Reusable
        {
            tokens.entry((record.post.subject, record.post.target)).or_default().push((jti, record));
        }
    }
    let mut second = Vec::new();
    for ((subject, target), answers) in &tokens {
        let (first, others) = answers.split_first().expect("made with its first answer");
        let may_repeat = subjects[*subject].kind == Kind::Keyed;
        let honest = |(jti, record): &(&str, &Record)| may_repeat && *jti == first.0 && record.post.key == KeyChoice::Own;
        if !others.iter().all(honest) || (!others.is_empty() && first.1.post.key != KeyChoice::Own) {
            second.push(format!("{:?} {} for {}: {answers:?}", subjects[*subject].kind, subjects[*subject].digest(), TARGETS[*target]));
        }
    }
    assert!(second.is_empty(), "I1: two tokens for one:\n{}", second.join("\n"));
    second.len()
}

/// I2. Decision logs and answers speak of the same tokens. Whoever got no answer may find a line.
fn every_token_has_its_line_and_no_line_is_without(subjects: &[Arc<Subject>], records: &[Record], stage: &impl Stage) {
    let secrets: HashSet<&str> = subjects.iter().flat_map(|subject| subject.secrets()).collect();
    let mut answered = HashMap::<(String, &str), Vec<&str>>::new();
    let mut unanswered = HashSet::new();
    let digests: Vec<_> = subjects.iter().map(|subject| subject.digest()).collect();
    for record in records {
        let request = (digests[record.post.subject].clone(), TARGETS[record.post.target]);
        match &record.outcome {
            Outcome::Issued(jti) => answered.entry(request).or_default().push(jti),
            Outcome::Silence => drop(unanswered.insert(request)),
            Outcome::Refused(..) => {}
        }
    }
    let mut lines = stage.bench().written.lock().unwrap();
    for logs in &mut *stage.bench().logs.lock().unwrap() {
        lines.extend(logs.issued(&secrets));
        logs.process_is_well(&secrets);
    }
    let mut written = HashMap::<(String, &str), Vec<&str>>::new();
    for line in &*lines {
        written.entry((line.input.clone(), &*line.audience)).or_default().push(&line.jti);
    }
    for (request, jtis) in &mut answered {
        let lines = written.get_mut(request).map(std::mem::take).unwrap_or_default();
        let (answers, lines) = (jtis.iter().collect::<BTreeSet<_>>(), lines.iter().collect::<BTreeSet<_>>());
        let extra = !unanswered.contains(request) && lines != answers;
        assert!(answers.is_subset(&lines) && !extra, "I2: {request:?}: answered {answers:?}, written {lines:?}");
    }
    let orphan = written.iter().find(|(request, lines)| !lines.is_empty() && !unanswered.contains(request));
    assert!(orphan.is_none(), "I2: a line, and every answer was another: {orphan:?}");
}

/// I3. Refusals have a status and a reason that `docs/errors.md` explains.
fn answers_are_proper(records: &[Record]) {
    let reasons: HashSet<&str> = include_str!("../../../docs/errors.md").lines().filter_map(|line| line.strip_prefix("### ")).collect();
    for record in records {
        if let Outcome::Refused(status, text) = &record.outcome {
            let reason = text.split_once(": ").map_or("", |(_, reason)| reason);
            let proper = matches!(status, 400 | 401 | 403 | 429 | 503) && reasons.contains(reason);
            assert!(proper, "I3: {status} {text}");
        }
    }
}

/// I5. Tokens from after the fence are exchanged.
fn fresh_tokens_are_exchanged(subjects: &[Arc<Subject>], records: &[Record], calm: Calm) -> (usize, usize) {
    let is_fresh = |record: &&Record| {
        let subject = &subjects[record.post.subject];
        record.is_clients() && record.sent >= calm.from && (!calm.armed || subject.issued_at > calm.fence)
    };
    let fresh: Vec<_> = records.iter().filter(is_fresh).collect();
    let (asked, issued) = (fresh.len(), fresh.iter().filter(|record| record.is_issued()).count());
    let others: Vec<_> = fresh.iter().filter(|record| !record.is_issued()).take(5).collect();
    assert!(asked >= 40, "I5: only {asked} fresh tokens were tried");
    assert!(issued * 100 >= asked * 99, "I5: of {asked} fresh tokens {issued} were exchanged: {others:?}");
    (asked, issued)
}

fn count(records: &[Record], began: Instant) -> Row {
    let mut row = Row::default();
    let mut last_issued = began;
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort_by_key(|record| record.sent + record.took);
    for record in sorted {
        if record.post.cause == Cause::Replay {
            row.replays += 1;
        } else {
            row.exchanges += 1;
            row.issued += usize::from(record.is_issued());
            row.refused += usize::from(!record.is_issued() && record.post.cause == Cause::First);
        }
        if record.is_issued() && record.kind != Kind::Reusable && record.post.cause != Cause::Repeat {
            let at = record.sent + record.took;
            row.outage = row.outage.max(at.saturating_duration_since(last_issued));
            last_issued = at;
        }
        match &record.outcome {
            Outcome::Issued(_) => {}
            Outcome::Refused(_, reason) => *row.reasons.entry(reason.to_string()).or_default() += 1,
            Outcome::Silence => *row.reasons.entry("no answer".into()).or_default() += 1,
        }
    }
    row
}

fn first_issued(records: &[Record], since: Instant) -> Option<Instant> {
    let issued = records.iter().filter(|record| record.is_clients() && record.is_issued() && record.sent >= since);
    issued.map(|record| record.sent + record.took).min()
}

fn p99(records: &[Record], stopped: &[usize]) -> Duration {
    let answered = |record: &&Record| record.outcome != Outcome::Silence && !stopped.contains(&record.post.node);
    let mut times: Vec<_> = records.iter().filter(answered).map(|record| record.took).collect();
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
}
