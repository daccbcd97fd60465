//! What the tests stand on: the real application with manual edges, real processes, and a way to print whole answers.

mod answer;
mod app;
mod client;
mod issuer;
mod process;
mod trail;
mod trust;
mod web;
mod world;

pub(crate) use answer::{Answer, part};
pub(crate) use app::{FromPeer, TestApp};
pub(crate) use client::{Client, connect, eventually, exchange_request, exchange_request_with, now, read_answer};
pub(crate) use issuer::{LocalIssuer, ScriptedIssuer, release, trust_in};
pub(crate) use process::{Server, ServerOptions, a_moment, free_address, run};
pub(crate) use trail::Trail;
pub(crate) use trust::{ONE_TARGET, REPORTS, two_targets};
pub(crate) use web::FakeWeb;
pub(crate) use world::{DEPLOY, FORM, World, verdict};

/// The instant at which manual clocks start: that of the token cases.
pub(crate) const NOW: u64 = 1_800_000_000;

/// `iss` of the tokens that a [`TestApp`] issues, and the audience of the tokens it accepts.
pub(crate) const OWN_ISSUER: &str = "https://sts.example";

/// The issuer that most tests trust.
pub(crate) const ISSUER: &str = "https://issuer.example";
