//! Scenarios that need no Redis: other tests hold them. Here stands which, and that they are still there.

use std::fs;
use std::path::Path;

use crate::plan::{Case, ELSEWHERE, Plan};

pub(crate) fn run(plan: &mut Plan) {
    plan.cases(ELSEWHERE, CASES);
}

const CASES: &[Case] = &[
    case("24", "SQLite: kill -9 between commit and answer, 200 times", || {
        held("tests/it/processes/crashes.rs", &["no_crash_doubles_a_token_or_loses_the_line_of_one"]);
    }),
    case("24", "SQLite: torn, foreign, deleted, copied back, full disk", || {
        held("src/store/sqlite/tests/opening.rs", &["a_file_that_is_not_our_store_is_refused_and_left_as_it_is"]);
        held("tests/it/processes/replay.rs", &["a_database_that_is_deleted_while_the_server_runs_opens_no_replay"]);
        held("tests/it/restored_store.rs", &["a_store_that_is_older_than_the_log_starts_with_a_fence"]);
        held("src/store/sqlite/tests/jobs.rs", &["a_commit_that_fails_fails_every_job_and_leaves_nothing"]);
    }),
    case("25", "failures between spend, record and release", || {
        held("src/release/record/tests/failing.rs", &["a_full_disk_stops_releases_until_there_is_room_again"]);
        held("tests/it/token_endpoint/responses.rs", &["a_store_that_cannot_tell_lets_nothing_out"]);
    }),
    case("26", "an issuer that is down, for a moment and for hours", || {
        let here = ["known_keys_keep_working_while_their_issuer_is_down", "an_issuer_that_was_never_reached_is_unavailable_and_says_so"];
        held("tests/it/processes/issuers.rs", &here);
        let there = ["stale_keys_are_used_for_twelve_hours_and_no_longer", "nobody_waits_for_an_issuer_that_is_known_to_be_down"];
        held("src/issuers/tests/cache.rs", &there);
    }),
];

const fn case(number: &'static str, title: &'static str, run: fn()) -> Case {
    Case { number, title, core: false, run }
}

/// `cargo test` runs these tests of that file; here it is only seen that they are there.
fn held(file: &str, tests: &[&str]) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    for test in tests {
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test `{test}` any more");
    }
}
