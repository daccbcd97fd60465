//! `cambist log verify`: beside a running server, and against everything that can be done to a log.

use std::fs;

use crate::support::{LocalIssuer, Server, ServerOptions};

/// Verifies these bytes as though they were the log, against the head that the store keeps or another one.
fn verify(server: &Server, content: &[u8], head: Option<&str>) -> (Option<i32>, String) {
    let copy = server.folder.path().join("copy.jsonl");
    fs::write(&copy, content).unwrap();
    let mut arguments = vec!["log", "verify", copy.to_str().unwrap()];
    if let Some(head) = head {
        arguments.extend(["--head", head]);
    }
    server.command(&arguments)
}

fn head_in(said: &str) -> String {
    said.lines().find_map(|line| line.strip_prefix("head ")).expect("the head is printed").to_owned()
}

#[test]
fn a_log_is_clean_while_it_is_written_and_every_change_to_it_is_found() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    server.until_signed();
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut client = server.client();
            for _ in 0..300 {
                assert_eq!(client.exchange(&issuer.token()).unwrap().status, 200);
            }
        });
        while !load.is_finished() {
            let (code, said) = server.command(&["log", "verify"]);
            assert_eq!(code, Some(0), "beside a running server: {said}");
        }
    });
    let early = head_in(&server.command(&["log", "verify"]).1);
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    assert_eq!(server.terminate(), Some(0));

    let content = fs::read(server.log_file()).unwrap();
    let (code, said) = verify(&server, &content, None);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("301 decisions") && said.contains("\nclean"), "{said}");
    let late = head_in(&said);
    let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    let edited = String::from_utf8(content.clone()).unwrap().replacen("\"outcome\":\"issued\"", "\"outcome\":\"denied\"", 1).into_bytes();
    let removed = [&lines[..10], &lines[11..]].concat().concat();
    let swapped = [&lines[..10], &[lines[11], lines[10]], &lines[12..]].concat().concat();
    let cut = lines[..lines.len() - 1].concat();
    for (content, head, expected, why) in [
        (&content, Some(&*late), "clean", "its own head"),
        (&content, Some(&*early), "clean", "an earlier head"),
        (&content, Some("00".repeat(32).as_str()), "expected head", "another log's head"),
        (&edited, None, "copy.jsonl:4:", "an edit, named by the line after it"),
        (&removed, None, "copy.jsonl:11:", "a removal"),
        (&swapped, None, "copy.jsonl:11:", "an exchange"),
        (&cut, None, "expected head", "a truncation, against the stored head"),
        (&cut, Some(&*late), "expected head", "a truncation, against a given head"),
        (&cut, Some(&*early), "clean", "the head from before says nothing about what was cut"),
    ] {
        let (code, said) = verify(&server, content, head);
        assert_eq!(code, Some(i32::from(expected != "clean")), "{why}: {said}");
        assert!(said.contains(expected), "{why}: {said}");
    }
    let (code, said) = server.command(&["log", "verify", "--head", "abc"]);
    assert_eq!(code, Some(1), "{said}");
}
