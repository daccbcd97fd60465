//! What the demo shows: one good token and several bad ones, and why.

use serde_json::Value;

use crate::cli::dev_issuer::MintRequest;
use crate::cli::output::{self, Paint};

use super::client::{self, Reply};
use super::stage::Stage;

/// One exchange, or an attempt at one.
pub(super) struct Scene {
    title: &'static str,
    story: &'static str,
    token: TokenOf,
    expected: &'static str,
}

/// Which token is presented.
enum TokenOf {
    Fresh,
    Previous,
    FeatureBranch,
    Expired,
    Forged,
}

/// In this order: the second presents the token of the first again.
pub(super) const SCENES: [Scene; 5] = [
    Scene {
        title: "A release branch deploys",
        story: "The job's token says repository_id 604417739, environment production, ref refs/heads/release-1.2: all three conditions hold.",
        token: TokenOf::Fresh,
        expected: "issued",
    },
    Scene {
        title: "The same token again",
        story: "Somebody took it from the job's memory. GitHub tokens may be exchanged once.",
        token: TokenOf::Previous,
        expected: "replayed",
    },
    Scene {
        title: "A feature branch tries to deploy",
        story: "Same repository, same environment, but ref refs/heads/feature-x. The caller learns which claim differs, the owner also what was expected.",
        token: TokenOf::FeatureBranch,
        expected: "condition_failed",
    },
    Scene { title: "An expired token", story: "It ended ten minutes ago.", token: TokenOf::Expired, expected: "expired" },
    Scene {
        title: "A forged token",
        story: "All claims are right and the key id is the issuer's, but the signature is somebody else's.",
        token: TokenOf::Forged,
        expected: "bad_signature",
    },
];

impl Scene {
    /// Plays it and prints request, answer and decision. Whether it ended as it should.
    pub(super) async fn play(&self, stage: &Stage, number: usize, paint: Paint) -> anyhow::Result<bool> {
        let token = self.token(stage)?;
        output::line(format!("\n{}", paint.bold(format!("{number}. {}", self.title))));
        output::line(format!("   {}\n", self.story));
        output::line(format!("   {} POST {}", paint.dim("request "), stage.token_endpoint()));
        output::line("            subject_token=<the token>  audience=https://deploy.example.com  scope=deploy:web");
        let reply = client::exchange(stage.token_endpoint(), &token).await?;
        print_reply(&reply, paint);
        let decision = stage.decision(reply.decision()).await?;
        print_decision(&decision, paint);
        let ended = decision["reason"].as_str().unwrap_or_else(|| decision["outcome"].as_str().unwrap_or_default());
        let as_expected = ended == self.expected;
        if !as_expected {
            output::line(paint.red(format!("   this should have ended as {}", self.expected)));
        }
        Ok(as_expected)
    }

    fn token(&self, stage: &Stage) -> anyhow::Result<String> {
        let release = MintRequest::of("github-actions").with("ref", "refs/heads/release-1.2");
        match self.token {
            TokenOf::Fresh => stage.mint(&release),
            TokenOf::Previous => stage.previous(),
            TokenOf::FeatureBranch => stage.mint(&release.with("ref", "refs/heads/feature-x")),
            TokenOf::Expired => stage.mint(&MintRequest { expires_in: Some(-600), ..release }),
            TokenOf::Forged => stage.forge(&release),
        }
    }
}

fn print_reply(reply: &Reply, paint: Paint) {
    let status = if reply.status == 200 { paint.green(reply.status) } else { paint.red(reply.status) };
    output::line(format!("   {} {status}", paint.dim("answer  ")));
    for (name, value) in reply.body.as_object().into_iter().flatten() {
        let shown = match value.as_str() {
            Some(token) if name == "access_token" => format!("{}… ({} bytes)", &token[..token.len().min(24)], token.len()),
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        output::line(format!("            {name}: {shown}"));
    }
    if let Some(claims) = client::claims_of(&reply.body) {
        output::line(format!("   {} {claims}", paint.dim("claims  ")));
    }
}

fn print_decision(decision: &Value, paint: Paint) {
    let mut words = vec![decision["outcome"].as_str().unwrap_or_default().to_owned()];
    for (name, label) in [("reason", ""), ("relationship", "by "), ("nearest", "nearest ")] {
        words.extend(decision[name].as_str().map(|text| format!("{label}{text}")));
    }
    output::line(format!("   {} {}: {}", paint.dim("decision"), decision["decision"].as_str().unwrap_or_default(), words.join(", ")));
    for failed in decision["failed"].as_array().into_iter().flatten() {
        let text = |name: &str| failed[name].as_str().map_or_else(|| failed[name].to_string(), str::to_owned);
        output::line(format!("            {}: expected {}, the token says {}", text("claim"), text("expected"), text("actual")));
    }
}
