//! Targets: one audience each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::document::{Diagnostics, Place};
use crate::domain::{Audience, TargetName};
use crate::policy::Target;
use crate::trust::read::ReadTarget;

/// All usable targets, by name.
pub(super) fn compile_targets(read: Vec<ReadTarget>, diagnostics: &Diagnostics) -> HashMap<TargetName, Arc<Target>> {
    let mut audiences: HashMap<Audience, (TargetName, Place)> = HashMap::new();
    let mut targets = HashMap::new();
    for target in read {
        let ReadTarget { name, place, audience, owner, max_lifetime, scopes, algorithm, bind, format, kind, introspection, encryption } =
            target;
        let Some(audience) = audience else { continue };
        if let Some((other, first)) = audiences.get(&audience) {
            let message = format!("target.{name}.audience: `{other}`, at {first}, has the same audience: merge the two, or choose another");
            diagnostics.error_at(&place, message);
        }
        audiences.entry(audience.clone()).or_insert((name.clone(), place));
        let mut introspection: Vec<Box<str>> = introspection.into_iter().map(|caller| caller.value.as_str().into()).collect();
        introspection.sort_unstable();
        introspection.dedup();
        let key = name.clone();
        let target = Target { name, audience, owner, max_lifetime, scopes, algorithm, bind, format, kind, introspection, encryption };
        targets.insert(key, Arc::new(target));
    }
    targets
}
