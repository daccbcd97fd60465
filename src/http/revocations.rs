//! What is revoked, for whoever verifies our tokens without asking us.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::routing::{MethodRouter, get};

use crate::exchange::Unavailable;
use crate::release::notice::{NOTICE_MAX_AGE, NoNotice, Notices};

use super::token::retry_after;
use super::{Answers, Document, OauthError};

/// `GET` and `HEAD` of the notice. 503 while this node does not know what is revoked, never an old notice.
pub fn revocations_route(answers: Answers, notices: Arc<Notices>) -> MethodRouter {
    let others = answers.clone();
    let handler = async move |request: HeaderMap| match notices.current().await {
        Ok(notice) => answers.document(&Document::tagged(notice.bytes, &notice.tag, "application/jwt", NOTICE_MAX_AGE), &request),
        Err(none) => answers.error(&OauthError::unavailable(reason(none), retry_after())),
    };
    get(handler).fallback(async move || others.method_not_allowed("GET, HEAD"))
}

fn reason(none: NoNotice) -> &'static str {
    let unavailable = match none {
        NoNotice::Stale => Unavailable::Revocations,
        NoNotice::Signing => Unavailable::Signing,
    };
    unavailable.reason()
}
