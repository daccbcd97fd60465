//! A directory that changes while it is watched.

use std::os::unix::fs::symlink;

use super::*;
use crate::domain::{RelationshipName, Seconds};

/// Long after every change of the test, so that file times are settled.
fn later() -> Timestamp {
    use crate::domain::{Clock as _, SystemClock};
    SystemClock::new().now() + Seconds(60)
}

fn started(trust: &Trust) -> Reloader {
    Reloader::start(trust.settings(), later()).unwrap().0
}

fn outcome(outcome: &ReloadOutcome) -> String {
    match outcome {
        ReloadOutcome::Unchanged => "unchanged".into(),
        ReloadOutcome::Changed { trust, removed } => {
            let mut names: Vec<_> = trust.policy.relationships().map(|rule| rule.name.as_str().to_owned()).collect();
            names.sort();
            let removed: Vec<_> = removed.iter().map(RelationshipName::as_str).collect();
            format!("changed [{}] removed [{}]", names.join(" "), removed.join(" "))
        }
        ReloadOutcome::Refused(diagnostics) => format!("refused, {} diagnostics", diagnostics.len()),
    }
}

#[test]
fn a_change_is_taken_whole_or_not_at_all() {
    let trust = Trust::of(&[("base.toml", BASE), ("web.toml", WEB)]);
    let mut reloader = started(&trust);
    let poll = |reloader: &mut Reloader| outcome(&reloader.poll(later()));
    assert_eq!(poll(&mut reloader), "unchanged");

    trust.write("more/shop.toml", &WEB.replace("trust.web", "trust.shop"));
    assert_eq!(poll(&mut reloader), "changed [shop web] removed []");
    assert_eq!(poll(&mut reloader), "unchanged");

    trust.write("web.toml", &WEB.replace("owner", "ownr"));
    assert_eq!(poll(&mut reloader), "refused, 2 diagnostics");
    assert!(reloader.is_refused());
    assert_eq!(poll(&mut reloader), "unchanged", "a refusal is said once");
    assert_eq!(outcome(&reloader.force(later())), "refused, 2 diagnostics", "and again to whoever asks");

    trust.write("web.toml", WEB);
    assert_eq!(poll(&mut reloader), "unchanged", "what is in force is written again");
    assert!(!reloader.is_refused());

    fs::remove_file(trust.path("web.toml")).unwrap();
    assert_eq!(poll(&mut reloader), "changed [shop] removed [web]");
    trust.write("more/shop.toml", &format!("# a word\n{}", WEB.replace("trust.web", "trust.shop")));
    assert_eq!(poll(&mut reloader), "changed [shop] removed []");
}

#[test]
fn a_change_that_could_not_be_put_in_force_is_brought_again() {
    let trust = Trust::of(&[("base.toml", BASE), ("web.toml", WEB), ("shop.toml", &WEB.replace("trust.web", "trust.shop"))]);
    let mut reloader = started(&trust);
    fs::remove_file(trust.path("web.toml")).unwrap();
    for retry in [true, true, false] {
        let ReloadOutcome::Changed { removed, .. } = reloader.poll(later()) else { panic!("the removal is not brought") };
        assert_eq!(removed.len(), 1, "and is told each time");
        reloader.not_in_force(removed, retry);
    }
    assert_eq!(outcome(&reloader.poll(later())), "unchanged", "without a retry it waits for another change");
    assert_eq!(outcome(&reloader.force(later())), "changed [shop] removed [web]", "or for whoever asks");
}

#[test]
fn a_directory_that_is_emptied_or_gone_changes_nothing() {
    let trust = Trust::of(&[("base.toml", BASE), ("web.toml", WEB)]);
    let mut reloader = started(&trust);
    fs::remove_file(trust.path("base.toml")).unwrap();
    fs::remove_file(trust.path("web.toml")).unwrap();
    assert_eq!(outcome(&reloader.poll(later())), "refused, 1 diagnostics");
    fs::remove_dir(trust.0.path()).unwrap();
    assert_eq!(outcome(&reloader.poll(later())), "refused, 1 diagnostics");
    assert_eq!(outcome(&reloader.poll(later())), "unchanged");
    assert!(reloader.is_refused());
    trust.write("base.toml", BASE);
    trust.write("web.toml", WEB);
    assert_eq!(outcome(&reloader.poll(later())), "unchanged");
    assert!(!reloader.is_refused());
}

#[test]
fn a_swap_of_a_kubernetes_volume_is_one_change() {
    let trust = Trust::of(&[("..1/base.toml", BASE), ("..1/web.toml", WEB)]);
    symlink("..1", trust.path("..data")).unwrap();
    symlink("..data/base.toml", trust.path("base.toml")).unwrap();
    symlink("..data/web.toml", trust.path("web.toml")).unwrap();
    let mut reloader = started(&trust);

    trust.write("..2/base.toml", BASE);
    trust.write("..2/web.toml", &WEB.replace("trust.web", "trust.shop"));
    assert_eq!(outcome(&reloader.poll(later())), "unchanged", "nothing points there yet");
    symlink("..2", trust.path("..data_tmp")).unwrap();
    fs::rename(trust.path("..data_tmp"), trust.path("..data")).unwrap();
    assert_eq!(outcome(&reloader.poll(later())), "changed [shop] removed [web]");

    trust.write("..3/base.toml", BASE);
    trust.write("..3/web.toml", &WEB.replace("trust.web", "trust.shop"));
    symlink("..3", trust.path("..data_tmp")).unwrap();
    fs::rename(trust.path("..data_tmp"), trust.path("..data")).unwrap();
    assert_eq!(outcome(&reloader.poll(later())), "unchanged", "the same contents under another name");
}

#[test]
fn a_change_that_leaves_size_and_date_alone_is_seen() {
    let trust = Trust::of(&[("base.toml", BASE), ("web.toml", WEB)]);
    let mut reloader = started(&trust);
    let path = trust.path("web.toml");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    trust.write("web.toml", &WEB.replace("\"1\"", "\"2\""));
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(outcome(&reloader.poll(later())), "changed [web] removed []");
}

#[test]
fn a_file_that_was_written_a_moment_ago_is_read_whatever_its_date_says() {
    use crate::domain::{Clock as _, SystemClock};
    let trust = Trust::of(&[("base.toml", BASE), ("web.toml", WEB)]);
    let now = SystemClock::new().now();
    let (mut reloader, _) = Reloader::start(trust.settings(), now).unwrap();
    // Two writes within one tick of the file system's clock are told apart by what they wrote.
    trust.write("web.toml", &WEB.replace("\"1\"", "\"2\""));
    assert_eq!(outcome(&reloader.poll(now)), "changed [web] removed []");
}
