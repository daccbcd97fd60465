//! What each stop costs: the library's own functions, called for a whole batch, one stop after the other.
//!
//! The two that wait for a disk run with as many exchanges in flight as the load has connections, so that they share commits and writes
//! as they do in the server; the threads of the store and of the log are counted.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum::body::Body;
use axum::http::{Request, request};
use cambist::exchange::{ExchangeRequest, Parameters, TOKEN_EXCHANGE};
use cambist::http::{BodyRoom, Form, Parameter, client_hint};
use cambist::policy::{Permit, Presented, evaluate};
use cambist::release::issuance::{MintedToken, Occasion, mint};
use cambist::release::record::{DecisionDraft, IssuedToken};
use cambist::release::replay::{SpendOutcome, SpentToken};
use cambist::telemetry::Exchange;
use cambist::token::{KeySet, ProvenKeys, Shown, UnverifiedToken, VerifiedToken, verify};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cpu;
use crate::parts::Parts;

/// A stop of the exchange.
#[derive(Clone, Copy)]
pub(crate) enum Stop {
    Form,
    Request,
    Token,
    Issuer,
    Verify,
    Policy,
    Mint,
    Spend,
    Record,
    Metrics,
}

/// Every stop, in the order of the house, with the name that the table shows.
pub(crate) const STOPS: [(Stop, &str); 10] = [
    (Stop::Form, "form parse"),
    (Stop::Request, "request"),
    (Stop::Token, "token parse"),
    (Stop::Issuer, "issuer lookup and keys"),
    (Stop::Verify, "verify"),
    (Stop::Policy, "policy"),
    (Stop::Mint, "mint"),
    (Stop::Spend, "spend"),
    (Stop::Record, "record"),
    (Stop::Metrics, "metrics"),
];

/// CPU time by stop, and for how many exchanges.
#[derive(Default)]
pub(crate) struct Stops {
    spent: [Duration; STOPS.len()],
    pub(crate) exchanges: u32,
}

impl Stops {
    /// For all exchanges together.
    pub(crate) fn of(&self, stop: Stop) -> Duration {
        self.spent[stop as usize]
    }

    pub(crate) fn total(&self) -> Duration {
        self.spent.iter().sum()
    }

    fn timed<T>(&mut self, stop: Stop, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let before = cpu::of_our_threads()?;
        let done = work()?;
        self.spent[stop as usize] += cpu::of_our_threads()?.saturating_sub(before);
        Ok(done)
    }

    /// One batch on its way through all stops, with so many in flight.
    pub(crate) fn walk(&mut self, parts: &Arc<Parts>, forms: &[String], in_flight: usize) -> anyhow::Result<()> {
        let (minted, drafts) = self.until_minted(parts, forms)?;
        let spent = self.timed(Stop::Spend, || parts.runtime.block_on(together(parts, minted, in_flight, spend)))?;
        let spent: Vec<_> = spent.into_iter().zip(drafts).collect();
        let issued = self.timed(Stop::Record, || parts.runtime.block_on(together(parts, spent, in_flight, record)))?;
        self.exchanges += u32::try_from(issued.len())?;
        self.timed(Stop::Metrics, || {
            for _ in &issued {
                count(parts);
            }
            Ok(())
        })
    }

    /// One batch on its way through all stops before the guard.
    pub(crate) fn until_minted(&mut self, parts: &Parts, forms: &[String]) -> anyhow::Result<(Vec<MintedToken>, Vec<DecisionDraft>)> {
        let arrived = forms.iter().map(|form| arrived(form)).collect::<anyhow::Result<Vec<_>>>()?;
        let room = &BodyRoom::new(forms.len());
        let read =
            |(head, body): (request::Parts, Body)| async move { Ok((Form::read(&head, body, room).await?, client_hint(&head.headers)?)) };
        let forms = self.timed(Stop::Form, || parts.runtime.block_on(all(arrived.into_iter().map(read))))?;
        let requests = self.timed(Stop::Request, || {
            forms
                .into_iter()
                .map(|(form, client)| Ok(ExchangeRequest::parse(parameters(form, client))?))
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        let (permits, drafts) = self.decide(parts, &requests)?;
        // As a server does each second.
        parts.runtime.block_on(parts.keys.refresh())?;
        let minted = self.timed(Stop::Mint, || {
            let ring = parts.keys.ring_for_issuing()?;
            permits
                .into_iter()
                .map(|permit| {
                    let cleared = parts.revocations.clear(permit, parts.clock.now())?;
                    let occasion = Occasion { now: parts.clock.now(), proof: None, repeatable: None };
                    Ok(mint(cleared, &ring, &parts.issuer, occasion)?)
                })
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        Ok((minted, drafts))
    }

    /// From the request to the permit.
    fn decide(&mut self, parts: &Parts, requests: &[ExchangeRequest]) -> anyhow::Result<(Vec<Permit>, Vec<DecisionDraft>)> {
        let now = parts.clock.now();
        let mut drafts = self.timed(Stop::Record, || Ok(requests.iter().map(|request| draft(parts, request)).collect::<Vec<_>>()))?;
        let tokens = self.timed(Stop::Token, || {
            requests.iter().map(|request| Ok(UnverifiedToken::parse(&request.subject.token)?)).collect::<anyhow::Result<Vec<_>>>()
        })?;
        self.timed(Stop::Record, || {
            drafts.iter_mut().zip(&tokens).for_each(|(draft, token)| draft.presented(token.issuer().unwrap_or_default(), token.digest()));
            Ok(())
        })?;
        let keys: Vec<Arc<KeySet>> = self.timed(Stop::Issuer, || {
            let keys = async |token: &UnverifiedToken| {
                let issuer = parts.issuers.of(token).context("an unknown issuer")?;
                Ok(issuer.keys(token, now).await?)
            };
            parts.runtime.block_on(all(tokens.iter().map(keys)))
        })?;
        let issuer = parts.issuers.all().into_iter().next().context("no issuer")?;
        let settings = issuer.settings();
        let tokens: Vec<VerifiedToken> = self.timed(Stop::Verify, || {
            tokens
                .into_iter()
                .zip(&keys)
                .map(|(token, keys)| Ok(verify(token, keys, &settings.expectations, Shown::ByHolder(ProvenKeys::default()), now)?))
                .collect()
        })?;
        self.timed(Stop::Record, || {
            drafts.iter_mut().zip(&tokens).for_each(|(draft, token)| draft.verified(token, settings.recorded.iter()));
            Ok(())
        })?;
        let permits: Vec<Permit> = self.timed(Stop::Policy, || {
            let asked = tokens.into_iter().zip(requests);
            asked
                .map(|(token, request)| evaluate(&parts.policy, Presented::alone(token), &request.ask, now).map_err(|_| anyhow!("denied")))
                .collect()
        })?;
        self.timed(Stop::Record, || {
            drafts.iter_mut().zip(&permits).for_each(|(draft, permit)| draft.permitted(permit));
            Ok(())
        })?;
        Ok((permits, drafts))
    }
}

/// A request as the HTTP implementation hands it on.
fn arrived(form: &str) -> anyhow::Result<(request::Parts, Body)> {
    let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("content-length", form.len()).body(Body::from(form.to_owned()))?;
    Ok(request.into_parts())
}

fn parameters(mut form: Form, client_id: Option<String>) -> Parameters {
    Parameters {
        grant_type: form.take_one(Parameter::GrantType),
        subject_token: form.take_token(Parameter::SubjectToken),
        subject_token_type: form.take_one(Parameter::SubjectTokenType),
        audience: form.take_all(Parameter::Audience),
        scope: form.take_one(Parameter::Scope),
        client_id,
        ..Parameters::default()
    }
}

fn draft(parts: &Parts, request: &ExchangeRequest) -> DecisionDraft {
    let mut draft = DecisionDraft::begin(&*parts.clock, None);
    draft.asked(request.ask.target.as_deref(), request.ask.scopes.as_ref().map(ToString::to_string).as_deref());
    draft
}

async fn spend(parts: Arc<Parts>, minted: MintedToken) -> anyhow::Result<SpentToken> {
    match parts.guard.spend(minted).await? {
        SpendOutcome::Spent(spent) => Ok(spent),
        SpendOutcome::Repeated(_) => anyhow::bail!("a token was there twice"),
    }
}

async fn record(parts: Arc<Parts>, (spent, draft): (SpentToken, DecisionDraft)) -> anyhow::Result<IssuedToken> {
    let room = parts.log.reserve()?;
    Ok(parts.log.release(spent, room, draft).await?)
}

fn count(parts: &Parts) {
    let took = Duration::from_micros(500);
    parts.metrics.exchange(&Exchange { issuer: None, target: None, outcome: "issued", reason: "", grant: TOKEN_EXCHANGE, took });
    parts.metrics.replay("fresh", took);
}

/// One after the other.
async fn all<T>(work: impl Iterator<Item = impl Future<Output = anyhow::Result<T>>>) -> anyhow::Result<Vec<T>> {
    let mut done = Vec::with_capacity(work.size_hint().0);
    for item in work {
        done.push(item.await?);
    }
    Ok(done)
}

/// At most so many at a time, each in a task of its own, as in the server. In their order.
async fn together<I, T, F>(parts: &Arc<Parts>, items: Vec<I>, in_flight: usize, work: fn(Arc<Parts>, I) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(in_flight));
    let mut tasks = JoinSet::new();
    for (index, item) in items.into_iter().enumerate() {
        let slot = Arc::clone(&slots).acquire_owned().await?;
        let running = work(Arc::clone(parts), item);
        tasks.spawn(async move {
            let done = running.await;
            drop(slot);
            (index, done)
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, done)| done).collect()
}
