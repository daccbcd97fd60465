//! The commands.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::runtime::Runtime;

use crate::app::open_store;
use crate::cli::arguments::{Config, WrongArgument};
use crate::cli::{output, runtime, settings};
use crate::config::Settings;
use crate::domain::{Clock, SystemClock, Timestamp};
use crate::revocation::{Change, Lift, Rule, RuleId, RuleKind, Selector, confirmations, refuse_token, rules};
use crate::store::{OpenMode, Store};

use super::select::{Selection, selector};
use super::typed::refuse_tokens;
use super::{wait, who};

/// What to take back, and why.
#[derive(Args, Debug)]
pub(in crate::cli) struct Decision {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    selection: Selection,
    /// Why. It stands in the process log of every node, and in `cambist revocations`
    #[arg(long)]
    reason: String,
    /// Do not check names against the trust files: for what was removed from them
    #[arg(long)]
    force: bool,
}

/// Which block to lift.
#[derive(Args, Debug)]
pub(in crate::cli) struct Lifting {
    #[command(flatten)]
    config: Config,
    /// The id that `cambist revocations` shows
    id: String,
}

/// A store, and what is needed to speak with it.
struct Desk {
    clock: Arc<SystemClock>,
    runtime: Runtime,
    settings: Settings,
    store: Store,
}

impl Desk {
    /// `without` says what a store that cannot be opened means for the command.
    fn open(settings: Settings, without: &'static str) -> anyhow::Result<Self> {
        let runtime = runtime::for_a_command()?;
        let store = runtime.block_on(open_store(&settings, OpenMode::Command)).context(without)?;
        Ok(Self { clock: Arc::new(SystemClock::new()), runtime, settings, store })
    }

    /// By the store's clock, which all nodes compare theirs with: a command on a machine whose clock is wrong must cut off neither too little
    /// nor too much.
    fn now(&self) -> anyhow::Result<Timestamp> {
        let said = self.runtime.block_on(confirmations(&self.store, &*self.clock))?;
        Ok(Timestamp::from_unix(said.now_millis / 1_000))
    }

    fn tell(&self, change: &Change) -> anyhow::Result<ExitCode> {
        let waiting = wait::until_effective(&self.store, change, &*self.clock, self.settings.revocation.max_stale);
        let effect = self.runtime.block_on(waiting).context(
            "it is not known which nodes heard of it, or whether it was written at all: look at `cambist revocations`, and run it again",
        )?;
        Ok(effect.print(matches!(change, Change::Rule(rule) if matches!(rule.kind, RuleKind::CutOff { .. }))))
    }
}

pub(in crate::cli) fn revoke(decision: &Decision) -> anyhow::Result<ExitCode> {
    decide("revoke", decision, Rule::cut_off, "Cut off what was issued before now")
}

pub(in crate::cli) fn block(decision: &Decision) -> anyhow::Result<ExitCode> {
    decide("block", decision, Rule::block, "Blocked until `cambist unblock`")
}

type Make = fn(Selector, &str, &str, Timestamp) -> Rule;

fn decide(command: &str, decision: &Decision, make: Make, what: &str) -> anyhow::Result<ExitCode> {
    refuse_tokens(command, &decision.selection, &decision.reason, &decision.config)?;
    let settings = match settings::load(&decision.config.config) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let clock = SystemClock::new();
    anyhow::ensure!(!decision.reason.trim().is_empty(), "--reason is empty; write why, for whoever finds it later");
    let (selector, reach) = selector(&settings, &decision.selection, decision.force, clock.now())?;
    let desk = Desk::open(settings, UNCHANGED)?;
    let rule = make(selector, &decision.reason, &who::runs_this(), desk.now()?);
    output::line(format!("{what}: {} ({})", rule.selector, rule.id));
    Ok(reach.print(desk.tell(&rule.into())?))
}

pub(in crate::cli) fn unblock(lifting: &Lifting) -> anyhow::Result<ExitCode> {
    if refuse_token(&lifting.id).is_err() {
        return Err(WrongArgument("this is a whole token, not the id of a block; `cambist revocations` lists the ids".into()).into());
    }
    let settings = match settings::load(&lifting.config.config) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let desk = Desk::open(settings, UNCHANGED)?;
    let all = desk.runtime.block_on(rules(&desk.store, &*desk.clock)).context(UNCHANGED)?;
    let found = RuleId::parse(&lifting.id).and_then(|id| all.iter().find(|rule| rule.id == id));
    let Some(rule) = found else {
        anyhow::bail!("there is no block `{}`; `cambist revocations` lists all there are", lifting.id.escape_debug());
    };
    anyhow::ensure!(
        rule.kind == RuleKind::Block,
        "`{}` is a cut-off: it selects only what was issued before {}, and new tokens pass. Nothing needs to be done: what it selects expires, \
         and the cut-off itself {}",
        rule.id,
        rule.made_at,
        rule.forget_at.map_or_else(|| "stays".to_owned(), |at| format!("is forgotten on {at}"))
    );
    output::line(format!("Lifted: {} ({})", rule.selector, rule.id));
    let lift = Lift { rule: rule.id.clone(), by: who::runs_this().into(), made_at: desk.now()? };
    desk.tell(&Change::Lift(lift))
}

pub(in crate::cli) fn list(config: &Config) -> anyhow::Result<ExitCode> {
    let settings = match settings::load(&config.config) {
        Ok(settings) => settings,
        Err(code) => return Ok(code),
    };
    let desk = Desk::open(settings, UNREAD)?;
    let all = desk.runtime.block_on(rules(&desk.store, &*desk.clock)).context(UNREAD)?;
    let (by_holders, by_hand): (Vec<_>, Vec<_>) = all.into_iter().partition(|rule| matches!(rule.selector, Selector::Own(_)));
    for rule in &by_hand {
        let Rule { id, kind, selector, reason, by, made_at, .. } = &**rule;
        output::line(format!(
            "{id}  {:<7}  {selector}  since {made_at}  by {}: {}",
            written(*kind),
            by.escape_debug(),
            reason.escape_debug()
        ));
    }
    if by_hand.is_empty() {
        output::line("nothing is revoked");
    }
    if !by_holders.is_empty() {
        output::line(format!("and {} that their holders revoked", output::count(by_holders.len(), "token")));
    }
    Ok(ExitCode::SUCCESS)
}

/// For people; programs read [`RuleKind::name`].
fn written(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Block => "block",
        RuleKind::CutOff { .. } => "cut-off",
    }
}

const UNCHANGED: &str = "nothing was changed";
const UNREAD: &str = "what is revoked cannot be read; it stays in force on every node that knows it";
