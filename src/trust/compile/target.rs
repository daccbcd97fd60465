//! Targets: one audience each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::document::{Diagnostics, Place};
use crate::domain::{Audience, ClientName, RelationshipName, TargetName};
use crate::policy::Target;
use crate::trust::read::{ReadTarget, Reader};

/// All usable targets, by name.
pub(super) fn compile_targets(targets: Vec<ReadTarget>, read: &Reader, diagnostics: &Diagnostics) -> HashMap<TargetName, Arc<Target>> {
    let mut audiences: HashMap<Audience, (TargetName, Place)> = HashMap::new();
    let mut compiled = HashMap::new();
    for target in targets {
        let ReadTarget { name, place, audience, owner, max_lifetime, scopes, algorithm, bind, format, kind, introspection, encryption } =
            target;
        let Some(audience) = audience else { continue };
        if let Some((other, first)) = audiences.get(&audience) {
            let message = format!("target.{name}.audience: `{other}`, at {first}, has the same audience: merge the two, or choose another");
            diagnostics.error_at(&place, message);
        }
        audiences.entry(audience.clone()).or_insert((name.clone(), place));
        for caller in introspection.iter().filter(|caller| !read.incomplete && !is_caller(read, &caller.value)) {
            let message = format!("target.{name}.introspection: no relationship and no client `{}` is registered", caller.value);
            diagnostics.error_at(&caller.place, message);
        }
        let mut introspection: Vec<Box<str>> = introspection.into_iter().map(|caller| caller.value.as_str().into()).collect();
        introspection.sort_unstable();
        introspection.dedup();
        let key = name.clone();
        let target = Target { name, audience, owner, max_lifetime, scopes, algorithm, bind, format, kind, introspection, encryption };
        compiled.insert(key, Arc::new(target));
    }
    compiled
}

/// Whether anybody could authenticate by this name.
fn is_caller(read: &Reader, name: &RelationshipName) -> bool {
    let client = ClientName::parse(name.as_str());
    read.relationship_names.contains(name) || client.is_ok_and(|client| read.client_names.contains(&client))
}
