//! The check of a patient's whole picture (`$riktlinjekontroll`): every family rerun on the stored resources, since a
//! licence, a unit's type, a consent or a policy changes without a write, and the obligations PAT and UTS. Called by the
//! operation on one patient and by the work lists of units. It refuses nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{EpisodeStatus, Organization, Reference, RequestStatus};
use jiff::civil::Date;

use crate::fhir::fault::Text;
use crate::fhir::identifiers::{HSA_ID, equivalent_systems};
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::avlyssnat::Avlyssnat;
use super::catalogue::{Check, RuleId, catalogue};
use super::enhet::{Enhet, valj};
use super::finding::{Finding, Severity};
use super::medlem::Medlem;
use super::patient::samma_patient;
use super::patientbild::{Anmarkning, Patientbild, Resurs};
use super::plan;
use super::policy::{Policies, Policy};
use super::principles::{Skede, is_entered_in_error, weigh};
use super::underlag::{Underlag, folj, lasbara};
use super::{Bild, Told, Villkor, fk_03_alone};
use super::{kontakt, kontakttyp};

/// What the riktlinje says of a patient's whole picture, as of a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Kontroll {
    /// The name of the policy that judged.
    pub policy: String,
    /// Errors first, then in the order of the catalogue.
    pub fynd: Vec<Kontrollfynd>,
    /// Ids of the stored Organizations in whose work list the patient stands: the units, and all above them by `partOf`.
    pub enheter: BTreeSet<String>,
    /// Ids of the Patient resources that are one person with this one, itself included (GEN-01).
    pub patienter: Vec<String>,
    /// Resources outside these patients' compartments that were read or looked for: when one of them changes, is
    /// written or deleted, the answer may be another.
    pub beroende_av: BTreeSet<Resurs>,
    /// The last day the answer surely holds when nothing is written and no policy changes; `None`: for ever.
    pub galler_till: Option<Date>,
}

/// One finding of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Kontrollfynd {
    pub rule: RuleId,
    pub severity: Severity,
    pub text: Text,
    /// The guideline, section included.
    pub source: String,
    /// FHIRPath in R5, within the resource; `Patient` for the whole picture.
    pub expression: String,
    /// The resource it is about; `None`: the patient's whole picture.
    pub resurs: Option<Resurs>,
}

impl Kontrollfynd {
    /// As a finding of a write would be told; which resource it is about is told beside it.
    pub fn finding(&self) -> Finding {
        Finding {
            rule: self.rule,
            severity: self.severity,
            expression: self.expression.clone(),
            text: self.text.clone(),
            source: self.source.clone(),
        }
    }
}

/// Checks a patient by the policy of `enhet`, the unit that asks or is asked for; without one, by that of the patient's
/// generalPractitioner, else managingOrganization (GEN-04). `None`: there is no such patient.
pub fn kontrollera<U: Underlag>(
    patient_id: &str,
    enhet: Option<&Reference>,
    policies: &Policies,
    today: Date,
    underlag: &mut U,
) -> Result<Option<Kontroll>, U::Error> {
    let mut underlag = Avlyssnat::new(underlag, policies, today);
    let Some(person) = Person::samla(patient_id, policies, today, &mut underlag)? else {
        return Ok(None);
    };
    let policy = match enhet {
        Some(enhet) => policy_for(enhet, policies, &mut underlag)?,
        None => person.policy,
    };
    let enheter = person.enheter.keys().cloned().collect();
    person
        .kontrollera(policy, enheter, policies, today, &mut underlag)
        .map(Some)
}

/// Checks a patient for the work lists: once by each policy among the units in whose lists the patient stands, each
/// check with the units of that policy only, since a unit's list is judged by the unit's policy. No unit, no check.
pub fn kontrollera_for_listor<U: Underlag>(
    patient_id: &str,
    policies: &Policies,
    today: Date,
    underlag: &mut U,
) -> Result<Vec<Kontroll>, U::Error> {
    let mut underlag = Avlyssnat::new(underlag, policies, today);
    let Some(person) = Person::samla(patient_id, policies, today, &mut underlag)? else {
        return Ok(Vec::new());
    };
    let mut by_policy: BTreeMap<&str, (&Policy, BTreeSet<String>)> = BTreeMap::new();
    for (id, policy) in &person.enheter {
        let entry = by_policy
            .entry(&policy.name)
            .or_insert_with(|| (policy, BTreeSet::new()));
        entry.1.insert(id.clone());
    }
    let mut all = Vec::with_capacity(by_policy.len());
    for (policy, enheter) in by_policy.into_values() {
        all.push(person.kontrollera(policy, enheter, policies, today, &mut underlag)?);
    }
    Ok(all)
}

/// The policy of a unit (GEN-04), named by a literal reference or by its HSA-id.
pub fn policy_for<'p, U: Underlag>(
    enhet: &Reference,
    policies: &'p Policies,
    underlag: &mut U,
) -> Result<&'p Policy, U::Error> {
    let enhet = upplost(enhet, underlag)?;
    let nowhere = Fact::from(Organization::default());
    let enhet = Enhet::samla(underlag, &enhet, &nowhere)?;
    Ok(valj(Some(&enhet), policies, None).policy)
}

/// What is rerun: all that belongs to the patient. Staff and units are not the patient's.
const OMPROVAS: [ResourceType; 4] = [
    ResourceType::CareTeam,
    ResourceType::CarePlan,
    ResourceType::Patient,
    ResourceType::RelatedPerson,
];

/// A person, and where they are cared for.
struct Person<'p> {
    /// The Patient resources that are this person, sorted.
    patienter: Vec<String>,
    /// Where nobody asks: the policy of the generalPractitioner, else of the managingOrganization.
    policy: &'p Policy,
    /// The organizations in whose lists the person stands, each with its policy.
    enheter: BTreeMap<String, &'p Policy>,
    bild: Patientbild,
}

impl<'p> Person<'p> {
    fn samla<U: Underlag>(
        patient_id: &str,
        policies: &'p Policies,
        today: Date,
        underlag: &mut Avlyssnat<'_, U>,
    ) -> Result<Option<Person<'p>>, U::Error> {
        let asked = underlag.folj(&lokal(ResourceType::Patient, patient_id))?;
        let Some(asked) = asked.filter(|fact| matches!(fact.as_ref(), Fact::Patient(_))) else {
            return Ok(None);
        };
        let patienter = samma_patient(patient_id, underlag)?;
        let mut enheter = Enheter::new(policies);
        let mut policy = enheter.av_patient(&asked, underlag)?;
        for fact in lasbara(underlag, ResourceType::Patient, &patienter)?.iter() {
            let own = enheter.av_patient(fact, underlag)?;
            policy = policy.or(own);
        }
        enheter.av_resurser(&patienter, underlag)?;
        let bild = Patientbild::samla(&patienter, policies, today, underlag)?;
        Ok(Some(Person {
            bild,
            patienter,
            policy: policy.unwrap_or_else(|| policies.nationell()),
            enheter: enheter.all,
        }))
    }

    fn kontrollera<U: Underlag>(
        &self,
        policy: &Policy,
        enheter: BTreeSet<String>,
        policies: &Policies,
        today: Date,
        underlag: &mut Avlyssnat<'_, U>,
    ) -> Result<Kontroll, U::Error> {
        let villkor = Villkor {
            policy: Some(policy),
            ..Villkor::of(policies, today)
        };
        let mut told = Vec::new();
        for kind in OMPROVAS {
            for fact in lasbara(underlag, kind, &self.patienter)?.iter() {
                if !is_entered_in_error(fact) {
                    // As if it was written again as it stands: what only holds for a change is not told.
                    let bild = Bild::samla(fact, Some(fact), &villkor, underlag)?;
                    let resurs = Some((kind, fact.id().to_owned()));
                    told.extend(fk_03_alone(bild.doma(false)).into_iter().map(|it| (it, resurs.clone())));
                }
            }
        }
        told.extend(helheten(&self.bild, policy).map(|(it, anmarkning)| (it, anmarkning.resurs)));
        Ok(Kontroll {
            policy: policy.name.clone(),
            fynd: fynd(told),
            enheter,
            patienter: self.patienter.clone(),
            beroende_av: underlag.beroende_av(&self.patienter),
            galler_till: underlag.galler_till(),
        })
    }
}

/// What the rules about the whole picture say under a policy, each with the resources behind it.
pub(super) fn helheten(bild: &Patientbild, policy: &Policy) -> impl Iterator<Item = (Told, Anmarkning)> {
    let rules = catalogue().filter_map(|rule| match rule.check {
        Check::Patient(check) => Some((rule, check)),
        _ => None,
    });
    rules.flat_map(move |(rule, check)| {
        check(bild, policy).into_iter().filter_map(move |anmarkning| {
            let severity = weigh(rule, &anmarkning.remark, policy, Skede::Galler)?;
            let remark = anmarkning.remark.clone();
            Some((Told { rule, severity, remark }, anmarkning))
        })
    })
}

impl Kontrollfynd {
    pub(super) fn of(told: Told, resurs: Option<Resurs>) -> Kontrollfynd {
        let Told { rule, severity, remark } = told;
        Kontrollfynd {
            rule: rule.id,
            severity,
            text: remark.text,
            source: rule.source.to_owned(),
            expression: remark.expression,
            resurs,
        }
    }
}

/// Errors first, then in the order of the catalogue; the same thing is told once.
fn fynd(mut told: Vec<(Told, Option<Resurs>)>) -> Vec<Kontrollfynd> {
    let place = |told: &Told| catalogue().position(|rule| rule.id == told.rule.id);
    told.sort_by_cached_key(|(told, _)| (told.severity, place(told)));
    let mut known = HashSet::new();
    let mut all = Vec::new();
    for (told, resurs) in told {
        let fynd = Kontrollfynd::of(told, resurs);
        // What a rule says in one severity about one element is told by its Swedish text.
        if known.insert((
            fynd.rule,
            fynd.severity,
            fynd.text.sv.clone(),
            fynd.expression.clone(),
            fynd.resurs.clone(),
        )) {
            all.push(fynd);
        }
    }
    all
}

/// The policy of these Patient resources, one person: of the first generalPractitioner or managingOrganization.
pub(super) fn patientens_policy<'p, U: Underlag>(
    patienter: &[String],
    policies: &'p Policies,
    underlag: &mut U,
) -> Result<&'p Policy, U::Error> {
    let mut enheter = Enheter {
        policies,
        all: BTreeMap::new(),
    };
    for fact in lasbara(underlag, ResourceType::Patient, patienter)?.iter() {
        if let Some(policy) = enheter.av_patient(fact, underlag)? {
            return Ok(policy);
        }
    }
    Ok(policies.nationell())
}

/// Collects the organizations in whose lists a person stands.
pub(super) struct Enheter<'p> {
    policies: &'p Policies,
    all: BTreeMap<String, &'p Policy>,
}

impl<'p> Enheter<'p> {
    pub(super) fn new(policies: &'p Policies) -> Enheter<'p> {
        Enheter {
            policies,
            all: BTreeMap::new(),
        }
    }

    /// The ids of the organizations.
    pub(super) fn into_ids(self) -> BTreeSet<String> {
        self.all.into_keys().collect()
    }

    /// generalPractitioner and managingOrganization; gives the policy of the first that leads to a unit.
    fn av_patient<U: Underlag>(&mut self, fact: &Fact, underlag: &mut U) -> Result<Option<&'p Policy>, U::Error> {
        let Fact::Patient(patient) = fact else { return Ok(None) };
        let mut policy = None;
        for listed in &patient.general_practitioners {
            let listed = upplost(listed, underlag)?;
            if let Some(enhet) = plan::leder_till(underlag, &listed, fact)? {
                let own = self.lagg_till(&enhet, underlag)?;
                policy = policy.or(Some(own));
            }
        }
        if let Some(organization) = &patient.managing_organization {
            let enhet = Enhet::samla(underlag, organization, fact)?;
            let own = self.lagg_till(&enhet, underlag)?;
            policy = policy.or(Some(own));
        }
        Ok(policy)
    }

    /// The active contacts' vårdenheter, the active plans' custodians, the active episodes' managing organizations.
    fn av_resurser<U: Underlag>(&mut self, patienter: &[String], underlag: &mut U) -> Result<(), U::Error> {
        for kind in [
            ResourceType::CareTeam,
            ResourceType::CarePlan,
            ResourceType::EpisodeOfCare,
        ] {
            for fact in lasbara(underlag, kind, patienter)?.iter() {
                let enhet = match fact.as_ref() {
                    Fact::CareTeam(it) if kontakttyp::is_active(it) && kontakttyp::is_fast_kontakt(it) => {
                        let member = it.participants.first().and_then(|first| first.member.as_ref());
                        let medlem = Medlem::samla(underlag, member, fact)?;
                        kontakt::enhet_av(underlag, it, Some(&medlem), fact)?
                    }
                    Fact::CarePlan(it) if it.status == Some(RequestStatus::Active) => match &it.custodian {
                        Some(custodian) => plan::leder_till(underlag, custodian, fact)?,
                        None => None,
                    },
                    Fact::EpisodeOfCare(it) if it.status == Some(EpisodeStatus::Active) => {
                        match &it.managing_organization {
                            Some(organization) => Some(Enhet::samla(underlag, organization, fact)?),
                            None => None,
                        }
                    }
                    _ => None,
                };
                if let Some(enhet) = enhet {
                    self.lagg_till(&enhet, underlag)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a unit and all above it; gives the unit's policy. One that is only named by its HSA-id is looked up.
    pub(super) fn lagg_till<U: Underlag>(&mut self, enhet: &Enhet, underlag: &mut U) -> Result<&'p Policy, U::Error> {
        let mut chain = enhet.chain().to_vec();
        if let Some(last) = chain.last().filter(|last| !last.found)
            && let Some(stored) = med_hsa_id(&last.hsa_ids, underlag)?
        {
            let above = Enhet::samla(underlag, &stored, &Fact::from(Organization::default()))?;
            chain.pop();
            chain.extend(above.chain().iter().cloned());
        }
        for above in 0..chain.len() {
            let own = Enhet::of_chain(&chain[above..]);
            let stored = chain[above]
                .place
                .as_deref()
                .filter(|_| chain[above].found)
                .and_then(local);
            if let Some((ResourceType::Organization, id)) = stored
                && !self.all.contains_key(id)
            {
                self.all
                    .insert(id.to_owned(), valj(own.as_ref(), self.policies, None).policy);
            }
        }
        Ok(valj(Enhet::of_chain(&chain).as_ref(), self.policies, None).policy)
    }
}

/// A literal reference where one can be had: a unit that is only named by its HSA-id is looked up.
fn upplost<U: Underlag>(reference: &Reference, underlag: &mut U) -> Result<Reference, U::Error> {
    let nowhere = Fact::from(Organization::default());
    if folj(underlag, reference, &nowhere)?.is_some() {
        return Ok(reference.clone());
    }
    let hsa_ids = super::identity::hsa_ids(super::identity::logical(reference));
    Ok(med_hsa_id(&hsa_ids, underlag)?.unwrap_or_else(|| reference.clone()))
}

/// The stored unit that carries one of the HSA-ids.
fn med_hsa_id<U: Underlag>(hsa_ids: &[String], underlag: &mut U) -> Result<Option<Reference>, U::Error> {
    for hsa_id in hsa_ids {
        let found = underlag.med_identifierare(ResourceType::Organization, &equivalent_systems(HSA_ID), hsa_id)?;
        if let Some(stored) = found.first() {
            return Ok(Some(lokal(ResourceType::Organization, stored.id())));
        }
    }
    Ok(None)
}

fn lokal(kind: ResourceType, id: &str) -> Reference {
    Reference {
        reference: Some(format!("{kind}/{id}")),
        ..Reference::default()
    }
}
