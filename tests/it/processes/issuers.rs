//! Issuers that are down, slow, flooded, or change their keys.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::kids_of;
use crate::support::{Answer, LocalIssuer, OWN_ISSUER, ScriptedIssuer, Server, ServerOptions, Trail, eventually, now, trust_in};

/// `cambist dev-issuer`, as a process.
struct IssuerProcess {
    child: Child,
    url: String,
}

impl IssuerProcess {
    fn start(preset: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cambist"));
        command.args(["dev-issuer", "--listen", "127.0.0.1:0", "--audience", OWN_ISSUER, "--preset", preset]);
        let mut child = command.stdout(Stdio::piped()).stderr(Trail::log_file("dev-issuer")).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let url = first.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, url }
    }

    fn mint(&self, claims: &str) -> String {
        let head = format!("POST /mint HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", claims.len());
        let answer = self.client().send(format!("{head}{claims}").as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        Trail::token(answer.text.trim());
        answer.text.trim().into()
    }

    fn client(&self) -> crate::support::Client {
        crate::support::Client::of(self.url.strip_prefix("http://").unwrap())
    }
}

impl Drop for IssuerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn known_keys_keep_working_while_their_issuer_is_down() {
    let (issuer, other) = (IssuerProcess::start("github-actions"), ScriptedIssuer::start());
    let trust = trust_in(&issuer.url) + &other.trust("other");
    let server = Server::start(&ServerOptions::trusting(&trust));
    assert_eq!(kids_of(&issuer.client().get("/jwks").unwrap().json()).len(), 4);
    let tokens: Vec<_> = (0..3).map(|_| issuer.mint(r#"{"ref":"refs/heads/release-7"}"#)).collect();
    assert_eq!(server.exchange(&tokens[0]).status, 200);
    drop(issuer);
    for token in &tokens[1..] {
        assert_eq!(server.exchange(token).status, 200, "its keys are known");
    }
    assert_eq!(server.exchange(&other.token()).status, 200, "another issuer has nothing to do with it");
    assert_eq!(server.exchange(&tokens[1]).reason(), "rejected: replayed");
}

#[test]
fn a_trust_domain_is_known_by_its_bundle_while_it_is_down() {
    let mesh = IssuerProcess::start("spiffe");
    let identity = "preset = \"spiffe\"\ntrust_domain = \"acme.example\"\nowner = \"o\"\nnetwork = \"loopback\"";
    let endpoint = format!("bundle_endpoint = \"{}/bundle\"", mesh.url);
    let about = "owner = \"o\"\npurpose = \"p\"\nreview_by = 2099-12-31\nwhen = { sub = \"spiffe://acme.example/ns/payments/sa/ledger\" }";
    let grant = "target = \"deploy\"\nscopes = [\"deploy:web\"]";
    let trust =
        format!("\n[issuer.mesh]\n{identity}\n{endpoint}\n[trust.ledger]\nissuer = \"mesh\"\n{about}\n[[trust.ledger.grant]]\n{grant}\n");
    let other = LocalIssuer::start();
    let server = Server::start(&ServerOptions::trusting(&(other.trust() + &trust)));
    let token = mesh.mint("");
    let stranger = mesh.mint(r#"{"sub":"spiffe://evil.example/ns/payments/sa/ledger"}"#);
    assert_eq!(server.exchange(&token).status, 200);
    drop(mesh);
    assert_eq!(server.exchange(&token).status, 200, "its keys are known, and a JWT-SVID is reusable");
    assert_eq!(server.exchange(&stranger).reason(), "rejected: unknown_issuer");
}

#[test]
fn a_flood_of_unknown_kids_causes_at_most_the_budgeted_fetches() {
    const FLOOD: usize = 300;
    let (flooded, other) = (ScriptedIssuer::start(), LocalIssuer::start());
    let server = Server::start(&ServerOptions::trusting(&(other.trust() + &flooded.trust("flooded"))));
    assert_eq!(server.exchange(&flooded.token()).status, 200);
    let (before, began) = (flooded.key_fetches(), now());
    assert_eq!(before, 1, "one fetch at the start, and none for a known key");

    let tokens: Vec<_> = (0..FLOOD).map(|at| flooded.token_naming(&format!("unknown-{at}"), &flooded.url())).collect();
    std::thread::scope(|scope| {
        for part in tokens.chunks(FLOOD / 4) {
            let mut client = server.client();
            scope.spawn(move || {
                for token in part {
                    assert_eq!(client.exchange(token).unwrap().reason(), "rejected: key_not_found");
                }
            });
        }
        for _ in 0..20 {
            assert_eq!(server.exchange(&other.token()).status, 200, "another issuer is not affected");
            assert_eq!(server.exchange(&flooded.token()).status, 200, "nor are known keys of this one");
        }
    });
    // Three at once, and one for each half minute that went by.
    let budget = 3 + usize::try_from(began.elapsed().as_secs() / 30).unwrap();
    let fetches = flooded.key_fetches() - before;
    assert!((1..=budget).contains(&fetches), "{fetches} fetches");
    assert_eq!(server.exchange(&flooded.token_naming("unknown", "http://127.0.0.1:9")).reason(), "rejected: unknown_issuer");
}

#[test]
fn a_key_that_is_rotated_one_second_after_a_fetch_is_accepted_at_once() {
    let issuer = ScriptedIssuer::start();
    let local = LocalIssuer::start();
    let server = Server::start(&ServerOptions::trusting(&(local.trust() + &issuer.trust("rotating"))));
    assert_eq!(server.exchange(&issuer.token()).status, 200);
    let old = issuer.token();
    std::thread::sleep(Duration::from_secs(1));
    issuer.rotate("second");
    let answer = server.exchange(&issuer.token());
    assert_eq!(answer.status, 200, "the first token of the new key: {answer:?}");
    assert_eq!(issuer.key_fetches(), 2);
    assert_eq!(server.exchange(&old).reason(), "rejected: key_not_found", "a key that is gone is gone with that fetch");
}

#[test]
fn an_unregistered_issuer_is_never_asked_for_anything() {
    let (stranger, issuer) = (ScriptedIssuer::start(), LocalIssuer::start());
    let server = Server::start(&ServerOptions::trusting(&issuer.trust()));
    let mut client = server.client();
    let mut reject = |token: &str| -> Answer { client.exchange(token).unwrap() };
    for kid in ["first", "another"] {
        let slash = format!("{}/", stranger.url());
        for issuer in [stranger.url(), slash] {
            assert_eq!(reject(&stranger.token_naming(kid, &issuer)).reason(), "rejected: unknown_issuer");
        }
    }
    // Under the name of a registered issuer and of its key, but signed by the stranger.
    let header = issuer.token().split('.').next().map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let kid = serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned();
    assert_eq!(reject(&stranger.token_naming(&kid, issuer.url())).reason(), "rejected: bad_signature");
    let audience = exchange_for(&server, &issuer.token(), &stranger.url());
    assert_eq!(audience.status, 400, "a URL in a parameter is not followed either");
    assert_eq!(stranger.connections(), 0);
}

fn exchange_for(server: &Server, token: &str, audience: &str) -> Answer {
    let body = crate::support::exchange_request(token);
    let (_, body) = body.split_once("\r\n\r\n").unwrap();
    let resource: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("resource", audience).finish();
    let body = format!("{body}&{resource}");
    let head = "POST /token HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    server.client().send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).unwrap()
}

#[test]
fn an_issuer_that_was_never_reached_is_unavailable_and_says_so() {
    let issuer = LocalIssuer::start();
    let gone = ScriptedIssuer::start();
    let nobody = crate::support::free_address();
    let trust = issuer.trust() + &gone.trust("gone").replace(&gone.url(), &format!("http://{nobody}"));
    let server = Server::start(&ServerOptions::trusting(&trust));
    let answer = server.exchange(&gone.token_naming("first", &format!("http://{nobody}")));
    assert_eq!((answer.status.as_u16(), answer.reason().as_str()), (503, "unavailable: issuer_keys_unavailable"));
    assert_ne!(answer.header("retry-after"), "");
    eventually("the health says so", || server.degraded() == ["issuer_keys_unavailable"]);
    assert_eq!(server.exchange(&issuer.token()).status, 200);
}

#[test]
fn keys_are_logged_as_those_of_an_issuer_or_of_a_client() {
    let issuer = LocalIssuer::start();
    let client = "\n[client.deploy-api]\nowner = \"o\"\njwks_file = \"deploy-api.jwks\"\n";
    let mut server = Server::prepare(&ServerOptions::trusting(&(issuer.trust() + client)));
    let odd = r#"{"keys": [{"kty": "EC", "crv": "P-224", "kid": "odd-1", "x": "AA", "y": "AA"}]}"#;
    std::fs::write(server.trust_file().with_file_name("deploy-api.jwks"), odd).unwrap();
    server.restart();
    let lines = |name: &str, value: &str| -> Vec<Value> {
        let log = server.process_log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line[name] == value).collect()
    };
    eventually("both are logged", || !lines("client.name", "deploy-api").is_empty() && !lines("issuer.name", "github").is_empty());
    assert!(lines("issuer.name", "github").iter().any(|line| line["message"] == "the issuer's keys are in use"));
    let of_client = lines("client.name", "deploy-api");
    assert!(of_client.iter().all(|line| line.get("issuer.name").is_none()), "{of_client:?}");
    assert!(of_client[0]["message"].as_str().unwrap().starts_with("the client's key set holds no usable key"), "{of_client:?}");
    eventually("its key is named", || lines("key.id", "odd-1").iter().any(|line| line["message"] == "a key of the client cannot be used"));
}
