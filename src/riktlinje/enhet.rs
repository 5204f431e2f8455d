//! The vårdenhet behind a contact or plan, the vårdgivare above it, the policy that judges it (GEN-04) and its huvudman.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{
    Concept, Contact, ExtValue, Extension, Extensions, Identifier, Organization, Reference,
};

use crate::fhir::identifiers::{HSA_ID, equivalent_systems};
use crate::fhir::types::ResourceType;
use crate::hsa::number_inside;

use super::codes::{EXT_HUVUDMAN, EXT_UPPDRAGSGIVARE, HUVUDMAN_CS};
use super::identity::{hsa_ids, logical, organisationsnummer};
use super::policy::{HuvudmanKind, Policies, Policy};
use super::underlag::{Underlag, folj, folj_hsa_id};

/// `partOf` is followed at most so far; real organizations are a handful deep.
const DEEPEST: usize = 16;

/// One organization: what its resource says, or what a reference to it says when it cannot be followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Organisation {
    /// Type and id, or the literal reference: which organization it is. A contained one is nowhere else.
    pub place: Option<String>,
    /// In capitals.
    pub hsa_ids: Vec<String>,
    /// Ten digits.
    pub numbers: Vec<String>,
    pub types: Vec<Concept>,
    pub extensions: Extensions,
    /// How it is reached.
    pub contacts: Vec<Contact>,
    /// Whether its resource was found.
    pub found: bool,
    /// Only the record that contains it, or something below it, says that there is such an organization where it lies: its
    /// writer's word alone.
    pub bara_pastadd: bool,
    /// The organization that commissioned it (extension `uppdragsgivare`).
    pub uppdragsgivare: Option<Box<Organisation>>,
}

/// A vårdenhet with everything above it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Enhet {
    /// The unit first, then up `partOf`; never empty.
    chain: Vec<Organisation>,
}

impl Enhet {
    /// Gathers the unit a reference points at, or names by its HSA-id, and follows `partOf` to the top; a cycle ends where
    /// it closes. Where a contained organization lies is told by the catalogue when that knows its HSA-id, and is only
    /// claimed when it does not.
    pub fn samla<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Enhet, U::Error> {
        let mut chain: Vec<Organisation> = Vec::new();
        let mut next = Some((reference.clone(), None));
        let mut pastadd = false;
        while let Some((reference, home)) = next.take() {
            let found = match folj(underlag, &reference, home.as_deref().unwrap_or(within))? {
                Some(found) => Some(found),
                None => folj_hsa_id(underlag, &reference, ResourceType::Organization)?,
            };
            let Some(organization) = found.as_ref().and_then(|found| as_organization(&found.fact)) else {
                chain.push(Organisation {
                    bara_pastadd: pastadd,
                    ..Organisation::told_by(&reference)
                });
                break;
            };
            let mut own = Organisation::of(organization, &reference);
            let catalogued = match reference.is_contained() {
                true => i_katalogen(underlag, &own.hsa_ids)?,
                false => None,
            };
            pastadd |= reference.is_contained() && catalogued.is_none();
            own.bara_pastadd = pastadd;
            if own.place.is_some() && chain.iter().any(|seen| seen.place == own.place) {
                break;
            }
            own.uppdragsgivare = match (organization.head.extensions.get(EXT_UPPDRAGSGIVARE), &found) {
                (Some(extension), Some(found)) => uppdragsgivare(underlag, extension, &found.home)?.map(Box::new),
                _ => None,
            };
            chain.push(own);
            let (part_of, home) = match &catalogued {
                Some(fact) => (as_organization(fact).and_then(|it| it.part_of.as_ref()), Some(fact)),
                None => (organization.part_of.as_ref(), found.as_ref().map(|found| &found.home)),
            };
            if chain.len() < DEEPEST
                && let (Some(above), Some(home)) = (part_of, home)
            {
                next = Some((above.clone(), Some(home.clone())));
            }
        }
        if chain.is_empty() {
            chain.push(Organisation::told_by(reference));
        }
        Ok(Enhet { chain })
    }

    /// A unit with what is known to be above it; `None` for no unit at all.
    pub fn of_chain(chain: &[Organisation]) -> Option<Enhet> {
        (!chain.is_empty()).then(|| Enhet { chain: chain.to_vec() })
    }

    /// The unit itself.
    pub fn unit(&self) -> &Organisation {
        &self.chain[0]
    }

    /// The unit and everything above it.
    pub fn chain(&self) -> &[Organisation] {
        &self.chain
    }

    /// The same unit, told by somebody that the record itself contains: its writer's word alone.
    pub fn bara_pastadd(mut self) -> Enhet {
        self.chain.iter_mut().for_each(|own| own.bara_pastadd = true);
        self
    }

    /// Whether a vårdgivare can be told: the top of `partOf`, or the number of the unit.
    pub fn has_vardgivare(&self) -> bool {
        match self.chain.as_slice() {
            [unit] => unit.number().is_some(),
            [.., top] => top.found || !top.hsa_ids.is_empty() || !top.numbers.is_empty(),
            [] => false,
        }
    }

    /// Whether both are the same unit, as far as place or HSA-id tell.
    pub fn same_unit(&self, other: &Enhet) -> bool {
        self.unit().is_same(other.unit())
    }

    /// Whether both belong to one vårdgivare: the top of `partOf`, else the number inside the HSA-id, else the unit.
    /// What cannot be told, or is only claimed, is not the same.
    pub fn same_vardgivare(&self, other: &Enhet) -> bool {
        let (Some(own), Some(others)) = (self.chain.last(), other.chain.last()) else {
            return false;
        };
        if own.bara_pastadd || others.bara_pastadd {
            return false;
        }
        if own.is_same(others) || shares(&own.numbers, &others.numbers) {
            return true;
        }
        // The number inside an HSA-id is only a stand-in where no partOf is stated: a private vårdgivare may have its
        // HSA-id from the region.
        let by_number = self.chain.len() == 1 || other.chain.len() == 1;
        by_number && own.number().is_some() && own.number() == others.number()
    }
}

impl Organisation {
    fn of(organization: &Organization, reference: &Reference) -> Organisation {
        let place = match organization.head.id.as_str() {
            _ if reference.is_contained() => None,
            "" => reference.reference.clone(),
            id => Some(format!("Organization/{id}")),
        };
        Organisation {
            place,
            hsa_ids: hsa_ids(&organization.identifiers),
            numbers: organisationsnummer(&organization.identifiers),
            types: organization.types.clone(),
            extensions: organization.head.extensions.clone(),
            contacts: organization.contacts.clone(),
            found: true,
            bara_pastadd: false,
            uppdragsgivare: None,
        }
    }

    /// What a reference says by itself.
    fn told_by(reference: &Reference) -> Organisation {
        Organisation {
            place: reference.reference.clone().filter(|_| !reference.is_contained()),
            hsa_ids: hsa_ids(logical(reference)),
            numbers: organisationsnummer(logical(reference)),
            ..Organisation::default()
        }
    }

    /// Whether both are one organization: the same place, or an HSA-id in common.
    pub fn is_same(&self, other: &Organisation) -> bool {
        (self.place.is_some() && self.place == other.place) || shares(&self.hsa_ids, &other.hsa_ids)
    }

    /// A reference to it, by place, else by HSA-id.
    pub fn reference(&self) -> Option<Reference> {
        if self.place.is_some() {
            return Some(Reference {
                reference: self.place.clone(),
                ..Reference::default()
            });
        }
        self.hsa_ids.first().map(|id| Reference {
            type_: Some("Organization".to_owned()),
            identifier: Some(Box::new(Identifier {
                system: Some(HSA_ID.to_owned()),
                value: Some(id.clone()),
                ..Identifier::default()
            })),
            ..Reference::default()
        })
    }

    /// The organization number: stated, else inside the HSA-id.
    pub fn number(&self) -> Option<&str> {
        let inside = || self.hsa_ids.iter().find_map(|id| number_inside(id));
        self.numbers.first().map(String::as_str).or_else(inside)
    }

    fn listed<'p>(&self, policies: &'p Policies) -> Option<&'p Policy> {
        self.hsa_ids.iter().find_map(|id| policies.listing(id))
    }

    fn by_prefix<'p>(&self, policies: &'p Policies) -> Option<&'p Policy> {
        let by_number = || {
            self.numbers
                .iter()
                .find_map(|number| policies.by_prefix(&format!("SE{number}")))
        };
        self.hsa_ids
            .iter()
            .find_map(|id| policies.by_prefix(id))
            .or_else(by_number)
    }
}

fn shares(one: &[String], two: &[String]) -> bool {
    one.iter().any(|value| two.contains(value))
}

/// The organization of the catalogue with one of these HSA-ids.
fn i_katalogen<U: Underlag>(underlag: &mut U, ids: &[String]) -> Result<Option<Arc<Fact>>, U::Error> {
    for id in ids {
        let found = underlag.med_identifierare(ResourceType::Organization, &equivalent_systems(HSA_ID), id)?;
        if let Some(fact) = found.into_iter().find(|fact| underlag.far_lasa(fact)) {
            return Ok(Some(fact));
        }
    }
    Ok(None)
}

fn as_organization(fact: &Fact) -> Option<&Organization> {
    if let Fact::Organization(organization) = fact {
        Some(organization)
    } else {
        None
    }
}

/// Extension `uppdragsgivare`: a reference or an identifier.
fn uppdragsgivare<U: Underlag>(
    underlag: &mut U,
    extension: &Extension,
    within: &Fact,
) -> Result<Option<Organisation>, U::Error> {
    match &extension.value {
        Some(ExtValue::Reference(reference)) => {
            let found = folj(underlag, reference, within)?;
            let organization = found.as_ref().and_then(|found| as_organization(&found.fact));
            Ok(Some(organization.map_or_else(
                || Organisation::told_by(reference),
                |organization| Organisation::of(organization, reference),
            )))
        }
        Some(ExtValue::Identifier(identifier)) => {
            let reference = Reference {
                identifier: Some(identifier.clone()),
                ..Reference::default()
            };
            Ok(Some(Organisation::told_by(&reference)))
        }
        _ => Ok(None),
    }
}

/// The policy of a written resource, and whether a region claims the unit or it only fell to the national one.
#[derive(Clone, Copy, Debug)]
pub struct Val<'p> {
    pub policy: &'p Policy,
    pub claimed: bool,
}

/// Chooses the policy of a unit (GEN-04): listed, HSA prefix of the unit, of its vårdgivare, uppdragsgivare, national.
/// A policy that the caller forces (`validate --policy`) goes before all.
pub fn valj<'p>(enhet: Option<&Enhet>, policies: &'p Policies, forced: Option<&str>) -> Val<'p> {
    if let Some(policy) = forced.and_then(|name| policies.by_name(name)) {
        return Val { policy, claimed: true };
    }
    let claimed = enhet.and_then(|enhet| {
        let chain = enhet.chain();
        let listed = || chain.iter().find_map(|organisation| organisation.listed(policies));
        let unit = || chain.first().and_then(|unit| unit.by_prefix(policies));
        let vardgivare = || chain.last().and_then(|top| top.by_prefix(policies));
        let commissioned = || {
            let commissioners = || {
                chain
                    .iter()
                    .filter_map(|organisation| organisation.uppdragsgivare.as_deref())
            };
            commissioners()
                .find_map(|it| it.listed(policies))
                .or_else(|| commissioners().find_map(|it| it.by_prefix(policies)))
        };
        listed().or_else(unit).or_else(vardgivare).or_else(commissioned)
    });
    match claimed {
        Some(policy) => Val { policy, claimed: true },
        None => Val {
            policy: policies.nationell(),
            claimed: false,
        },
    }
}

/// Who runs the care of a unit. One organization may be both (Gotland); none of the three means that it is not stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Huvudman {
    pub region: bool,
    pub kommun: bool,
    /// Someone else: Försäkringskassan, an employer, an association.
    pub annan: bool,
}

impl Huvudman {
    /// Extension `huvudman`, else `uppdragsgivare` up the chain, else the type up `partOf`, else the policy's.
    pub fn of(enhet: &Enhet, val: &Val<'_>, policies: &Policies) -> Huvudman {
        let chain = enhet.chain();
        let by_extension = || chain.iter().find_map(|own| Huvudman::stated(&own.extensions));
        let by_commission = || {
            chain
                .iter()
                .filter_map(|own| own.uppdragsgivare.as_deref())
                .find_map(|commissioner| {
                    let policy = commissioner
                        .listed(policies)
                        .or_else(|| commissioner.by_prefix(policies));
                    Huvudman::typed(commissioner)
                        .or_else(|| policy.and_then(|policy| policy.huvudman).map(Huvudman::from))
                })
        };
        let by_type = || chain.iter().find_map(Huvudman::typed);
        let by_policy = || val.policy.huvudman.filter(|_| val.claimed).map(Huvudman::from);
        by_extension()
            .or_else(by_commission)
            .or_else(by_type)
            .or_else(by_policy)
            .unwrap_or_default()
    }

    fn typed(organisation: &Organisation) -> Option<Huvudman> {
        Huvudman::coded(organisation.types.iter().flat_map(|concept| concept.codes(HUVUDMAN_CS)))
    }

    /// Extension `huvudman`; `None` when nothing is stated.
    pub fn stated(extensions: &Extensions) -> Option<Huvudman> {
        Huvudman::coded(extensions.all(EXT_HUVUDMAN).filter_map(code_of))
    }

    /// `None` when nothing is stated.
    fn coded<'c>(codes: impl Iterator<Item = &'c str>) -> Option<Huvudman> {
        codes.fold(None, |so_far: Option<Huvudman>, code| {
            let before = so_far.unwrap_or_default();
            Some(Huvudman {
                region: before.region || code == "region",
                kommun: before.kommun || code == "kommun",
                annan: before.annan || code == "annan",
            })
        })
    }
}

fn code_of(extension: &Extension) -> Option<&str> {
    extension.value.as_ref().and_then(ExtValue::code)
}

impl From<HuvudmanKind> for Huvudman {
    fn from(kind: HuvudmanKind) -> Huvudman {
        Huvudman {
            region: kind == HuvudmanKind::Region,
            kommun: kind == HuvudmanKind::Kommun,
            annan: false,
        }
    }
}
