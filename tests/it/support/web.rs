//! The network's edge: documents by URL, and a count of who asked.

use std::collections::HashMap;
use std::sync::Mutex;

use cambist::domain::Seconds;
use cambist::outbound::{BoxFuture, Fetch, FetchError, FetchRequest, FetchResponse};
use serde_json::{Value, json};

/// Answers from a table. What is not in it is 404.
#[derive(Default)]
pub(crate) struct FakeWeb {
    pages: Mutex<HashMap<String, (u16, Vec<u8>)>>,
    fetched: Mutex<Vec<String>>,
}

impl FakeWeb {
    /// Publishes an issuer's discovery document and key set.
    pub(crate) fn publish(&self, issuer: &str, keys: &Value) {
        let base = issuer.trim_end_matches('/');
        let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{base}/jwks") });
        self.page(&format!("{base}/.well-known/openid-configuration"), 200, &discovery);
        self.page(&format!("{base}/jwks"), 200, keys);
    }

    /// Sets what one URL answers.
    pub(crate) fn page(&self, url: &str, status: u16, body: &Value) {
        self.pages.lock().unwrap().insert(url.into(), (status, body.to_string().into_bytes()));
    }

    /// Every URL that was fetched, in order.
    pub(crate) fn fetched(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
    }
}

impl Fetch for FakeWeb {
    fn get<'a>(&'a self, request: &'a FetchRequest) -> BoxFuture<'a, Result<FetchResponse, FetchError>> {
        let url = request.url.as_str();
        self.fetched.lock().unwrap().push(url.into());
        let page = self.pages.lock().unwrap().get(url).cloned();
        let (status, body) = page.unwrap_or((404, Vec::new()));
        Box::pin(async move { Ok(FetchResponse { status, body, max_age: Some(Seconds(300)) }) })
    }
}
