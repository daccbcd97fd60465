//! The labels of every family.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

use crate::domain::{IssuerName, TargetName};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ExchangeLabels {
    pub(super) issuer: Name<IssuerName>,
    pub(super) target: Name<TargetName>,
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
    pub(super) grant: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct InspectionLabels {
    pub(super) endpoint: &'static str,
    pub(super) outcome: &'static str,
    pub(super) reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct OutcomeLabel {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct IssuerLabel {
    pub(super) issuer: Name<IssuerName>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct FetchLabels {
    pub(super) issuer: Name<IssuerName>,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct VersionLabel {
    pub(super) version: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct ReasonLabel {
    pub(super) reason: &'static str,
}

/// A registered name as a label; empty for none. Cloning it copies no text.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Name<T>(pub(super) Option<T>);

impl<T: fmt::Display> EncodeLabelValue for Name<T> {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| fmt::Write::write_fmt(encoder, format_args!("{name}")))
    }
}

/// Connections: those that are up and those that should be.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct StateLabel {
    pub(super) state: &'static str,
}
