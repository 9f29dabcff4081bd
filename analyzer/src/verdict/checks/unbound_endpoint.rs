//! It would fit a row whose other role the site binds to no address.

use crate::verdict::check::{Check, Found};
use crate::verdict::facts::Facts;
use crate::verdict::reason::Reason;

/// The registry's entry.
#[derive(Debug)]
pub struct UnboundEndpoint;

impl Check for UnboundEndpoint {
    fn reason(&self) -> Reason {
        Reason::UnboundEndpoint
    }

    fn look(&self, facts: &Facts<'_>) -> Option<Found> {
        let policy = facts.case.policy;
        let is_source_unknown = facts.source_roles.is_empty();
        let why = |row| {
            let entry = policy.entry(row);
            let roles = if is_source_unknown { &entry.from } else { &entry.to };
            let open = roles
                .iter()
                .find(|&&role| facts.may_be(role, is_source_unknown))
                .map(|&role| policy.role(role));
            match open {
                Some(role) if role.is_named => {
                    format!("{} is bound by name, and no name was seen for this address", role.name)
                }
                Some(role) => format!("the site file binds {} to no address", role.name),
                None => String::new(),
            }
        };
        let mut found = Found::near(&facts.unbound, why)?;
        found.missing = found.rows.first().map(|near| near.why.clone());
        Some(found)
    }
}
