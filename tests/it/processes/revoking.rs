//! Taking back with one server and its database.

use crate::support::{LocalIssuer, Server, ServerOptions, eventually};

#[test]
fn what_is_revoked_beside_a_running_server_is_refused_when_the_command_ends() {
    let issuer = LocalIssuer::start();
    let mut server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    let (code, said) = server.command(&["block", "--relationship", "web-shop", "--reason", "its repository was taken over"]);
    assert!(code == Some(0) && said.contains("effective on 1 of 1 nodes after"), "{said}");
    let answer = server.exchange(&issuer.token());
    assert_eq!((answer.status.as_u16(), &*answer.reason()), (400, "denied: revoked"));
    assert_eq!(answer.json()["error"], "invalid_request");
    let (_, said) = server.command(&["revocations"]);
    assert!(said.contains("relationship web-shop") && said.contains("its repository was taken over"), "{said}");

    assert_eq!(server.terminate(), Some(0));
    let (code, said) = server.command(&["revoke", "--all", "--reason", "to be sure"]);
    assert!(code == Some(0) && said.contains("no node is running; the next one starts with it"), "{said}");
    server.restart();
    eventually("it answers", || server.exchange(&issuer.token()).reason() == "denied: revoked");
    let (_, said) = server.command(&["revocations"]);
    let id_of = |kind: &str| said.lines().find(|line| line.contains(kind)).unwrap().split(' ').next().unwrap().to_owned();
    let (id, cut_off) = (id_of("  block  "), id_of("  cut-off  "));
    let (code, said) = server.command(&["unblock", &cut_off]);
    assert!(code == Some(1) && said.contains("Nothing needs to be done: what it selects expires"), "{said}");
    assert!(said.contains("is forgotten on 20"), "it says when it ends: {said}");
    let (code, said) = server.command(&["unblock", &id]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = server.command(&["unblock", &id]);
    assert!(code == Some(1) && said.contains("there is no block"), "{said}");
}

#[test]
fn a_name_that_nobody_has_revokes_nothing() {
    let server = Server::prepare(&ServerOptions::trusting(&crate::support::trust_in("http://127.0.0.1:1")));
    for (selected, expected) in [
        (&["--issuer", "gihtub"][..], "no issuer is called `gihtub`: did you mean `github`?"),
        (&["--relationship", "web-shopp"], "no relationship or client is called `web-shopp`: did you mean `web-shop`?"),
        (&["--target", "zzzzzzzz"], "no target is called `zzzzzzzz`: known are deploy"),
        (&["--subject", "githab:x"], "did you mean `github`?"),
        (&["--subject", "github:repo:acme/web:ref:refs/heads/main"], "they look like github:repository_id=<value>. Nothing was revoked"),
        (
            &["--subject", "github:repo:a b"],
            "--claim repository_id=<value> --issuer github; or for what is presented with it, --claim 'sub=repo:a b'",
        ),
        (&["--subject", "x"], "--subject is written <issuer name>:<subject>"),
        (&["--claim", "repository_id"], "--claim is written NAME=VALUE"),
        (&["--claim", "repository_id=1", "--issuer", "gitlab"], "no issuer is called `gitlab`"),
    ] {
        let (code, said) = server.command(&[&["block", "--reason", "r"], selected].concat());
        assert!(code == Some(1) && said.contains(expected), "{selected:?}: {said}");
    }
    for selected in
        [&[][..], &["--all", "--jti", "x"], &["--issuer", "github", "--relationship", "web-shop"], &["--all", "--issuer", "github"]]
    {
        let (code, said) = server.command(&[&["revoke", "--reason", "r"], selected].concat());
        assert_eq!(code, Some(2), "{selected:?}: {said}");
    }
    let (_, said) = server.command(&["revocations"]);
    assert!(said.contains("nothing is revoked"), "{said}");
    for selected in [
        &["--issuer", "gone"][..],
        &["--subject", "github:repo:a"],
        &["--target", "https://gone.example.com"],
        &["--jti", "-Y8LJUHQFaA6vkPB"],
        &["--kid", "-Y8LJUHQ"],
    ] {
        let (code, said) = server.command(&[&["revoke", "--reason", "r", "--force"], selected].concat());
        assert_eq!(code, Some(0), "{selected:?}: {said}");
    }
}

#[test]
fn a_whole_token_is_refused_unwritten_where_an_id_belongs() {
    let server = Server::prepare(&ServerOptions::trusting(&crate::support::trust_in("http://127.0.0.1:1")));
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiJydW4tMSJ9.c2lnbmF0dXJl";
    let encrypted = "eyJhbGciOiJFQ0RILUVTIn0..aXY.dGV4dA.c2lnbmF0dXJl";
    let handle = "cmb_9wcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH2Njq1p";
    let in_claim = format!("jti={token}");
    for (selected, expected) in [
        (&["--jti", token][..], "--jti run-1 --reason 'it leaked' --config "),
        (&["--jti", token, "--force"], "Its `jti` is run-1"),
        (&["--subject", token], "--subject holds a whole token"),
        (&["--claim", &in_claim], "--claim holds a whole token"),
        (&["--kid", encrypted], "No `jti` can be read in it"),
        (&["--jti", handle], "`POST /revoke`"),
        (&["--jti", ""], "--jti: it is empty"),
        (&["--jti", &"x".repeat(513)], "--jti: it is longer than 512 bytes"),
        (&["--jti", "a\nb"], "--jti: it holds a control character"),
    ] {
        for command in ["block", "revoke"] {
            let (code, said) = server.command(&[&[command, "--reason", "it leaked"], selected].concat());
            assert!(code == Some(2) && said.contains(expected), "{command} {selected:?}: {code:?} {said}");
            assert!(!expected.contains("--config") || said.contains(&format!("cambist {command} --jti")), "{said}");
            assert!(!said.contains("c2lnbmF0dXJl") && !said.contains("cmb_"), "the token is not shown: {said}");
        }
    }
    let (code, said) = server.command(&["block", "--all", "--reason", token]);
    assert!(code == Some(2) && said.contains("--reason holds a whole token") && !said.contains(token), "{said}");
    let (code, said) = server.command(&["unblock", token]);
    assert!(code == Some(2) && said.contains("not the id of a block") && !said.contains(token), "{said}");
    let (_, said) = server.command(&["revocations"]);
    assert!(said.contains("nothing is revoked"), "{said}");
}

#[test]
fn a_claim_that_no_issued_token_is_marked_with_is_not_called_taken_back() {
    let about = "owner = \"o\"\npurpose = \"p\"\nreview_by = 2099-12-31\nwhen = { repository_id = \"7\" }";
    let grant = "target = \"deploy\"\nscopes = [\"deploy:web\"]";
    let other = |name: &str| {
        let issuer = format!("url = \"http://127.0.0.1:1/{name}\"\npreset = \"github-actions\"\nnetwork = \"loopback\"\nowner = \"o\"");
        format!("\n[issuer.{name}]\n{issuer}\n[trust.{name}]\nissuer = \"{name}\"\n{about}\n[[trust.{name}.grant]]\n{grant}\n")
    };
    let others = ["e", "b", "d", "a", "c"].map(other).concat();
    let server = Server::prepare(&ServerOptions::trusting(&(crate::support::trust_in("http://127.0.0.1:1") + &others)));
    for (selected, code, expected) in [
        (&["--claim", "ref=refs/heads/main"][..], 0, "issued by a, b, c, d, e carry no mark"),
        (&["--claim", "color=red"], 3, "none that were issued: no relationship marks this claim"),
        (&["--claim", "repository_id=821093847"], 0, "no node is running"),
        (&["--claim", "/repository_id=821093847", "--issuer", "github"], 0, "no node is running"),
    ] {
        let (ended, said) = server.command(&[&["block", "--reason", "r"], selected].concat());
        assert!(ended == Some(code) && said.contains(expected), "{selected:?}: {ended:?} {said}");
        assert_eq!(said.contains("Take those back by --relationship"), code == 3, "{said}");
    }
    let (_, said) = server.command(&["revocations"]);
    assert!(said.contains("claim color=red"), "what is presented is refused all the same: {said}");
}
