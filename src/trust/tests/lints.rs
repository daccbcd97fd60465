//! What is allowed, and still said.

use insta::assert_snapshot;

use super::*;

fn lints(base: &str, when: &str) -> String {
    Trust::of(&[("base.toml", base), ("t.toml", &WEB.replace("repository_id = \"1\"", when))]).report()
}

#[test]
fn names_are_given_to_somebody_else_one_day() {
    assert_snapshot!(lints(BASE, "repository_owner_id = \"1\"\nrepository = \"a/b\"\nactor = \"x\"\nref = \"refs/heads/main\""), @"t.toml:9:14: warning[names-without-ids]: trust.web.when: `actor`, `repository` can be given to somebody else one day: pin `actor_id`, `repository_id` as well");
    assert_eq!(lints(BASE, "repository_id = \"1\"\nrepository = \"a/b\"\nrepository_owner = \"a\"\nsub = \"x\""), "", "the id is pinned");
    assert_eq!(lints(BASE, "repository_owner_id = \"1\"\nrepository_owner = \"a\""), "", "the owner's id is pinned");
    let cluster = BASE.replace("preset = \"github-actions\"", "preset = \"kubernetes\"\nurl = \"https://k.example\"");
    let account = "\"/kubernetes.io/namespace\" = \"a\"\n\"/kubernetes.io/serviceaccount/name\" = \"b\"";
    assert_snapshot!(lints(&cluster, account), @"t.toml:8:30: warning[names-without-ids]: trust.web.when: `/kubernetes.io/namespace`, `/kubernetes.io/serviceaccount/name` can be given to somebody else one day: pin `/kubernetes.io/serviceaccount/uid` as well");
    assert_eq!(lints(&cluster, &format!("{account}\n\"/kubernetes.io/serviceaccount/uid\" = \"c\"")), "");
}

#[test]
fn a_claim_that_the_workload_chooses_keeps_nobody_out() {
    assert_snapshot!(lints(BASE, "repository_id = \"1\"\nworkflow = \"deploy\"\nhead_ref = { glob = \"release-*\" }"), @"t.toml:9:12: warning[user-controlled-claim-alone]: trust.web.when: whoever starts the workload chooses `head_ref`, `workflow`, so nobody is kept out by it: add a condition on something they cannot choose, or leave it out");
    assert_eq!(lints(BASE, "repository_id = \"1\"\nworkflow = \"deploy\"\nref = \"refs/heads/main\""), "", "the branch keeps somebody out");
    assert_eq!(lints(BASE, "repository_id = \"1\""), "", "the whole repository was meant");
}

#[test]
fn a_review_is_due_until_the_end_of_its_day() {
    let on = |date: &str| report_with_base(&WEB.replace("2027-06-30", date));
    assert_snapshot!(on("2026-11-30"), @"t.toml:6:13: warning[review-overdue]: trust.web.review_by: the review was due by 2026-11-30T23:59:59Z: ask the owner whether it is still needed, then move the date or remove it");
    assert_eq!(on("2026-12-01"), "", "today is early enough");
}

#[test]
fn narrowing_is_of_no_use_where_a_token_can_never_be_shown_again() {
    let key = r#"encryption_key = { kty = "EC", crv = "P-256", x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }"#;
    for (target, narrow, expected, why) in [
        ("", "narrow = true", "", "a token that is signed"),
        ("token_format = \"opaque\"", "narrow = true", "", "a handle"),
        ("authorization_server = true", "narrow = true", "authorization server", "a grant"),
        (key, "narrow = true", "encryption_key", "a token that only its target can read"),
        ("authorization_server = true", "narrow = false", "", "nobody may"),
        (key, "", "", "nor without a word"),
    ] {
        let base = BASE.replace("owner = \"deploy\"", &format!("owner = \"deploy\"\n{target}"));
        let said = Trust::of(&[("base.toml", &base), ("t.toml", &format!("{WEB}{narrow}\n"))]).report();
        assert_eq!(
            said.contains("t.toml:12:10: warning[narrow-in-vain]: trust.web.grant.narrow: target `deploy`"),
            !expected.is_empty(),
            "{why}: {said}"
        );
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{why}: {said}");
    }
}

#[test]
fn warnings_are_no_errors() {
    let trust = Trust::of(&[("base.toml", BASE), ("t.toml", &WEB.replace("2027-06-30", "2026-01-01"))]);
    assert_eq!(trust.load().unwrap().warnings.len(), 1);
}
