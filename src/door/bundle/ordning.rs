//! The order in which a transaction is carried out: its entries have none of their own (http.html#trules), but who keeps what is
//! written, and who may write it, is asked when it is put in its place.

use std::collections::{HashMap, HashSet};

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;

use crate::door::Order;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::riktlinje::identity::{hsa_ids, logical};

/// Types that others lean on, each after those that it leans on itself: the unit tells who keeps what is done there, so do the
/// assignment of whoever did it and the visit; visits and contacts tell who takes part in the care, and may therefore register
/// the patient's consents; those open what else is written. On what is of no type here nothing leans.
const LEDER: [ResourceType; 8] = [
    ResourceType::Organization,
    ResourceType::Practitioner,
    ResourceType::PractitionerRole,
    ResourceType::Patient,
    ResourceType::Encounter,
    ResourceType::EpisodeOfCare,
    ResourceType::CareTeam,
    ResourceType::Consent,
];

/// So far an Organization or a team is followed to others of its type. What leads round is put as it came.
const LEVELS: usize = 32;

/// Deletes first; then what others lean on, before them. What is of one type is put as it came, but for Organizations and teams,
/// each after those that it leads to, and Consents, of which those that are not in force make room. The rules see no order: all is
/// judged on the state after all.
pub(super) fn in_order(orders: &mut [Order]) {
    if orders.len() < 2 {
        return;
    }
    let places = places(orders);
    orders.sort_by_cached_key(|order| {
        let Some(prepared) = order.prepared() else {
            return (0, 0);
        };
        let rank = LEDER.iter().position(|kind| *kind == prepared.kind);
        let place = match prepared.kind {
            ResourceType::Organization | ResourceType::CareTeam => {
                let name = (prepared.kind, prepared.id.clone());
                places.get(&name).copied().unwrap_or_default()
            }
            ResourceType::Consent => usize::from(prepared.body.resource["status"] == "active"),
            _ => 0,
        };
        (1 + rank.unwrap_or(LEDER.len()), place)
    });
}

type Name<'o> = (ResourceType, &'o str);

/// The Organizations and teams, numbered so that each comes after those that it leads to.
fn places(orders: &[Order]) -> HashMap<(ResourceType, String), usize> {
    let leads = leads(orders);
    let (mut seen, mut placed) = (HashSet::new(), Vec::new());
    for order in orders {
        place((order.kind(), order.id()), &leads, (&mut seen, &mut placed), 0);
    }
    let numbered = placed.into_iter().enumerate();
    numbered
        .map(|(number, (kind, id))| ((kind, id.to_owned()), number))
        .collect()
}

fn place<'o>(
    name: Name<'o>,
    leads: &HashMap<Name<'o>, Vec<Name<'o>>>,
    (seen, placed): (&mut HashSet<Name<'o>>, &mut Vec<Name<'o>>),
    level: usize,
) {
    let Some(to) = leads.get(&name) else { return };
    if level > LEVELS || !seen.insert(name) {
        return;
    }
    for next in to {
        place(*next, leads, (&mut *seen, &mut *placed), level + 1);
    }
    placed.push(name);
}

/// Whom each Organization and team of the transaction leads to: what it lies within, or the teams that are members.
fn leads(orders: &[Order]) -> HashMap<Name<'_>, Vec<Name<'_>>> {
    let facts = || {
        orders
            .iter()
            .filter_map(Order::prepared)
            .map(|prepared| &*prepared.fact)
    };
    let mut units: HashMap<String, &str> = HashMap::new();
    for fact in facts() {
        if let Fact::Organization(it) = fact {
            units.extend(hsa_ids(&it.identifiers).into_iter().map(|hsa_id| (hsa_id, fact.id())));
        }
    }
    let mut leads = HashMap::new();
    for fact in facts() {
        match fact {
            Fact::Organization(it) => {
                let above = it.part_of.iter().filter_map(|above| led_to(above, &units));
                leads.insert((ResourceType::Organization, fact.id()), above.collect());
            }
            Fact::CareTeam(it) => {
                let members = it.participants.iter().filter_map(|it| it.member.as_ref());
                let members = members.filter_map(|member| led_to(member, &units));
                leads.insert((ResourceType::CareTeam, fact.id()), members.collect());
            }
            _ => {}
        }
    }
    leads
}

/// The resource that a reference is to, by its address, or of an Organization by its HSA-id.
fn led_to<'o>(reference: &'o Reference, units: &HashMap<String, &'o str>) -> Option<Name<'o>> {
    match reference.reference.as_deref() {
        Some(literal) => local(literal),
        None => {
            let unit = hsa_ids(logical(reference)).iter().find_map(|id| units.get(id).copied());
            unit.map(|id| (ResourceType::Organization, id))
        }
    }
}
