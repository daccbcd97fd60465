//! The page behind every `error_uri`: `docs/errors.md`, rendered once.

use std::collections::BTreeSet;

use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::{MethodRouter, get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html};

use crate::domain::{Digest256, Seconds};

use super::{Answers, Document};

/// `GET` and `HEAD` of `/errors`. `/errors#condition_failed` is the paragraph of that reason.
pub fn errors_route(answers: Answers) -> MethodRouter {
    let others = answers.clone();
    let document = Document::new(render(ERRORS).into_bytes().into(), "text/html; charset=utf-8", Seconds(300));
    // Nothing loads, runs, submits or frames this page; the one style is named by its digest.
    let digest = STANDARD.encode(Digest256::of(STYLE.as_bytes()).as_bytes());
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let handler = async move |request: HeaderMap| {
        let mut response = answers.document(&document, &request);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy.clone());
        response
    };
    get(handler).fallback(async move || others.method_not_allowed("GET, HEAD"))
}

/// The whole page.
fn render(markdown: &str) -> String {
    let mut body = String::new();
    html::push_html(&mut body, with_heading_ids(markdown).into_iter());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>cambist: errors</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// Every heading gets the slug of its text as id; raw HTML becomes text, so that the page holds only what Markdown can say.
fn with_heading_ids(markdown: &str) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut taken = BTreeSet::new();
    for event in Parser::new(markdown) {
        match (&event, &mut open) {
            (Event::Start(Tag::Heading { .. }), _) => open = Some((events.len(), String::new())),
            (Event::Text(text) | Event::Code(text), Some((_, heading))) => heading.push_str(text),
            (Event::End(TagEnd::Heading(_)), _) => {
                if let Some((at, heading)) = open.take()
                    && let Event::Start(Tag::Heading { id, .. }) = &mut events[at]
                {
                    let slug = slug(&heading);
                    *id = taken.insert(slug.clone()).then(|| CowStr::from(slug));
                }
            }
            _ => {}
        }
        events.push(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            other => other,
        });
    }
    events
}

/// Lower case; letters, digits, `_` and `-` stay, spaces become `-`, the rest goes.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '_' | '-' => Some(character),
        other => other.is_alphanumeric().then_some(other),
    });
    kept.flat_map(char::to_lowercase).collect()
}

const ERRORS: &str = include_str!("../../docs/errors.md");

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0;color:#1b1b1b;background:#fff}\
main{max-width:44rem;margin:0 auto;padding:1.5rem}\
h2{margin-top:2.5rem;border-bottom:1px solid #ccc}\
h3{font-family:ui-monospace,monospace;margin-bottom:.25rem}\
h3:target{background:#ffefb0}\
code{background:#f2f2f2;padding:0 .2em}\
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}h3:target{background:#5a4a00}code{background:#2a2a2a}}";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::super::testing::transcript;
    use super::*;
    use crate::domain::{IssuerUrl, Timestamp};
    use crate::token::{RejectedToken, Unusable};

    fn reasons() -> Vec<&'static str> {
        ERRORS.lines().filter_map(|line| line.strip_prefix("### ")).collect()
    }

    #[test]
    fn every_reason_stands_once_and_is_its_own_anchor() {
        let mut seen = BTreeMap::new();
        for reason in reasons() {
            *seen.entry(slug(reason)).or_insert(0) += 1;
            assert_eq!(slug(reason), reason, "a reason is its own slug");
            assert!(render(ERRORS).contains(&format!("<h3 id=\"{reason}\">")), "{reason} has no anchor");
        }
        let repeated: Vec<_> = seen.into_iter().filter(|(_, count)| *count > 1).collect();
        assert!(repeated.is_empty(), "reasons that stand twice: {repeated:?}");
    }

    #[test]
    fn every_reason_says_who_must_act() {
        for section in ERRORS.split("\n### ").skip(1) {
            let (reason, text) = section.split_once('\n').unwrap();
            assert!(text.contains("**Who must act:**"), "{reason} does not say who must act");
        }
    }

    #[test]
    fn every_rejection_of_a_token_is_explained() {
        for rejection in REJECTIONS {
            assert!(reasons().contains(&rejection.reason()), "docs/errors.md does not explain {}", rejection.reason());
        }
    }

    #[test]
    fn headings_become_anchors_and_html_becomes_text() {
        let page = render("## The `token` is *bad*\n\n### a_b\n\n<script>x</script>\n");
        assert!(page.contains("<h2 id=\"the-token-is-bad\">"), "{page}");
        assert!(page.contains("<h3 id=\"a_b\">"), "{page}");
        assert!(page.contains("&lt;script&gt;"), "{page}");
    }

    #[tokio::test]
    async fn the_page_loads_nothing() {
        let answers = Answers::new(&IssuerUrl::parse("https://sts.test").unwrap());
        let response = errors_route(answers).with_state(()).oneshot(Request::new(Body::empty())).await.unwrap();
        let page = transcript(response).await;
        let head = page.split("\n\n").next().unwrap();
        let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let digest = STANDARD.encode(Digest256::of(style.as_bytes()).as_bytes());
        assert!(head.contains(&format!("content-security-policy: default-src 'none'; style-src 'sha256-{digest}'")), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        assert!(!page.contains("<script") && !page.contains("style=\""), "nothing inline but the one style");
    }

    const EPOCH: Timestamp = Timestamp::from_unix(0);

    const REJECTIONS: &[RejectedToken] = &[
        RejectedToken::ActorInvalid,
        RejectedToken::AlgorithmMissing,
        RejectedToken::AlgorithmMismatch,
        RejectedToken::AlgorithmNotAllowed,
        RejectedToken::AudienceInvalid,
        RejectedToken::AudienceMismatch,
        RejectedToken::AudienceMissing,
        RejectedToken::AudienceMultiple,
        RejectedToken::B64Unsupported,
        RejectedToken::BadSignature,
        RejectedToken::CritUnsupported,
        RejectedToken::DuplicateMember,
        RejectedToken::Encrypted,
        RejectedToken::Expired { at: EPOCH },
        RejectedToken::ExpiryInvalid,
        RejectedToken::ExpiryMissing,
        RejectedToken::ForbiddenHeader,
        RejectedToken::IssuedInFuture { at: EPOCH },
        RejectedToken::IssuedAtInvalid,
        RejectedToken::IssuedAtMissing,
        RejectedToken::IssuerInvalid,
        RejectedToken::IssuerMissing,
        RejectedToken::KeyAmbiguous,
        RejectedToken::KeyIdInvalid,
        RejectedToken::KeyNotFound,
        RejectedToken::KeyUnusable(Unusable::NotForSigning),
        RejectedToken::KeyUnusable(Unusable::Weak),
        RejectedToken::KeyUnusable(Unusable::Malformed),
        RejectedToken::KeyUnusable(Unusable::Unsupported),
        RejectedToken::LifetimeExceeded,
        RejectedToken::MalformedJson,
        RejectedToken::MalformedToken,
        RejectedToken::MayActInvalid,
        RejectedToken::NotBeforeInvalid,
        RejectedToken::NotYetValid { from: EPOCH },
        RejectedToken::PopRequired,
        RejectedToken::SubjectInvalid,
        RejectedToken::SubjectMissing,
        RejectedToken::TokenIdInvalid,
        RejectedToken::TooComplex,
        RejectedToken::TooLarge,
        RejectedToken::TooOld,
        RejectedToken::TypeMismatch,
        RejectedToken::UnknownIssuer,
    ];
}
