//! Waivers: findings that the customer accepts, until a day.

use jiff::civil::Date;

use crate::flow::record::Record;
use crate::net::{Address, TimeNs};
use crate::policy::index::{Policy, RoleId};
use crate::policy::site::{End, Waiver};
use crate::verdict::judge::Judgement;

/// The waiver of the site file that accepts this flow, by its place in the file.
pub fn accepting(policy: &Policy, record: &Record, judgement: &Judgement) -> Option<usize> {
    policy.waivers().iter().position(|waiver| {
        let (source, destination) = (judgement.initiator, judgement.initiator.other());
        waiver.reason == judgement.reason.name()
            && waiver.port.is_none_or(|port| port == record.ends[destination].port)
            && is_end(
                policy,
                waiver.initiator.as_ref(),
                record.ends[source].address,
                &judgement.roles[source],
            )
            && is_end(
                policy,
                waiver.responder.as_ref(),
                record.ends[destination].address,
                &judgement.roles[destination],
            )
            && !is_past(waiver, record.first_ns)
    })
}

fn is_end(policy: &Policy, end: Option<&End>, address: Address, roles: &[RoleId]) -> bool {
    match end {
        None => true,
        Some(End::Network(network)) => network.contains(&address.ip()),
        Some(End::Role(name)) => {
            let name = policy.canonical(name);
            roles.iter().any(|&role| policy.role(role).name == name)
        }
    }
}

/// Whether the waiver's last day was over at `at_ns` (UTC). One without a day holds for ever.
pub fn is_past(waiver: &Waiver, at_ns: TimeNs) -> bool {
    waiver.until.as_deref().and_then(end_of_day_ns).is_some_and(|end| at_ns > end)
}

/// The last nanosecond of a day such as `2027-03-31`, UTC.
fn end_of_day_ns(day: &str) -> Option<TimeNs> {
    let next = day.parse::<Date>().ok()?.tomorrow().ok()?;
    let midnight = next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond();
    TimeNs::try_from(midnight).ok()?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_holds_through_its_last_day() {
        let mut waiver = Waiver {
            reason: "wrong-port".into(),
            initiator: None,
            responder: None,
            port: None,
            because: String::new(),
            owner: String::new(),
            until: Some("1970-01-02".into()),
            line: 1,
        };
        let day_ns = 86_400_000_000_000;
        assert!(!is_past(&waiver, 2 * day_ns - 1));
        assert!(is_past(&waiver, 2 * day_ns));
        waiver.until = None;
        assert!(!is_past(&waiver, u64::MAX));
    }
}
