//! What a caller tells of how things came about (a Provenance of the caller's own) is told of what she may read, and in her own
//! name: as herself, or for her own unit; and what a patient answers is her own word. Who did what is otherwise the service's to tell (`provenance.rs`).

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;
use serde_json::Value;

use super::hallare::reference_of;
use super::precondition::version_number;
use super::underlag::OppenTransaktion;
use crate::access::beslut::Vard;
use crate::access::{Caller, Who};
use crate::fhir::identifiers::{HSA_ID, canonical_system, equivalent_systems};
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::personnummer::Personregister;
use crate::riktlinje::Underlag;
use crate::riktlinje::enhet::Enhet;
use crate::riktlinje::identity::{hsa_ids, logical};
use crate::riktlinje::underlag::folj;
use crate::store::{Session, StoreError};

/// Whether all that a Provenance tells of is here, in the version that it names, and may be read by the one who writes it.
pub(super) fn tells_of_what_is_read(
    provenance: &Value,
    underlag: &mut OppenTransaktion<'_>,
) -> Result<bool, StoreError> {
    for target in items(&provenance["target"]) {
        let Some((kind, id, version)) = target["reference"].as_str().and_then(versioned) else {
            return Ok(false);
        };
        let is_told = match version {
            _ if !underlag.is_readable(kind, id)? => false,
            None => underlag.session.current(kind, id)?.is_some(),
            Some(version) => underlag.is_version_readable(kind, id, version)?,
        };
        if !is_told {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A resource that is stored here, and the version when one is named.
fn versioned(reference: &str) -> Option<(ResourceType, &str, Option<i64>)> {
    let (kind, id) = local(reference)?;
    match reference.split_once("/_history/") {
        None => Some((kind, id, None)),
        Some((_, version)) => Some((kind, id, Some(version_number(version)?))),
    }
}

/// The path, below the resource, of the first name that an agent or a signature is given beside its reference and that is not
/// what the catalogue calls it: the patient reads the name as who it was.
pub(super) fn first_untrue_name(
    provenance: &Value,
    underlag: &mut OppenTransaktion<'_>,
) -> Result<Option<String>, StoreError> {
    let mut names = Names { provenance, underlag };
    for (path, agent) in agents(provenance) {
        for name in ["who", "onBehalfOf"] {
            if let Some(named) = agent.get(name)
                && let Some(below) = names.first_untrue(named, true)?
            {
                return Ok(Some(format!("{path}.{name}.{below}")));
            }
        }
    }
    Ok(None)
}

/// Those who did something, or signed for it, each with the path.
fn agents(provenance: &Value) -> Vec<(String, &Value)> {
    let mut lists = vec![("agent".to_owned(), &provenance["agent"])];
    for (index, entity) in items(&provenance["entity"]).enumerate() {
        lists.push((format!("entity[{index}].agent"), &entity["agent"]));
    }
    lists.push(("signature".to_owned(), &provenance["signature"]));
    let mut found = Vec::new();
    for (path, list) in lists {
        found.extend(
            items(list)
                .enumerate()
                .map(|(index, agent)| (format!("{path}[{index}]"), agent)),
        );
    }
    found
}

/// What the catalogue calls those who are named.
struct Names<'a, 'u, 's> {
    provenance: &'a Value,
    underlag: &'u mut OppenTransaktion<'s>,
}

impl Names<'_, '_, '_> {
    /// Where a name stands, below this reference, that is none of those which the catalogue knows; what is contained may refer
    /// to more (`roles`).
    fn first_untrue(&mut self, named: &Value, roles: bool) -> Result<Option<String>, StoreError> {
        let contained = self.contained(named);
        let mut stated: Vec<(&str, String)> = Vec::new();
        stated.extend(named["display"].as_str().map(|name| ("display", name.to_owned())));
        if let Some(contained) = &contained {
            // Its name is the writer's own word too.
            stated.extend(names_in(contained).into_iter().map(|name| ("reference", name)));
            for below in [&contained["practitioner"], &contained["organization"]] {
                if roles && self.first_untrue(below, false)?.is_some() {
                    return Ok(Some("reference".to_owned()));
                }
            }
        }
        if stated.is_empty() {
            return Ok(None);
        }
        let known: Vec<String> = self.known(named, true)?.iter().map(|name| plain(name)).collect();
        let untrue = stated.into_iter().find(|(_, name)| !known.contains(&plain(name)));
        Ok(untrue.map(|(at, _)| at.to_owned()))
    }

    /// What is called what, of the one that is referred to, and of the person and the unit of an assignment (`roles`).
    fn known(&mut self, named: &Value, roles: bool) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for resource in self.meant(named)? {
            names.extend(names_in(&resource));
            if roles && resource["resourceType"] == "PractitionerRole" {
                for below in ["practitioner", "organization"] {
                    names.extend(self.known(&resource[below], false)?);
                }
            }
        }
        if let (true, Some(contained)) = (roles, self.contained(named)) {
            for below in ["practitioner", "organization"] {
                names.extend(self.known(&contained[below], false)?);
            }
        }
        Ok(names)
    }

    /// The resources of the catalogue that a reference means: by its address, or by an HSA-id, its own or that of what is
    /// contained.
    fn meant(&mut self, named: &Value) -> Result<Vec<Value>, StoreError> {
        if let Some((kind, id)) = named["reference"].as_str().and_then(local) {
            let stored = match self.underlag.is_readable(kind, id)? {
                true => self.underlag.session.current(kind, id)?,
                false => None,
            };
            return Ok(stored.and_then(|stored| stored.resource().ok()).into_iter().collect());
        }
        let identifiers = match self.contained(named) {
            Some(contained) => contained["identifier"].as_array().cloned().unwrap_or_default(),
            None => named.get("identifier").cloned().into_iter().collect(),
        };
        let mut meant = Vec::new();
        for identifier in &identifiers {
            let (Some(system), Some(value)) = (identifier["system"].as_str(), identifier["value"].as_str()) else {
                continue;
            };
            if canonical_system(system) != HSA_ID {
                continue;
            }
            for kind in [ResourceType::Practitioner, ResourceType::Organization] {
                let systems = equivalent_systems(HSA_ID);
                for stored in self.underlag.session.with_identifier(kind, &systems, value)? {
                    if self.underlag.is_readable(kind, &stored.id)? {
                        meant.extend(stored.resource().ok());
                    }
                }
            }
        }
        Ok(meant)
    }

    fn contained(&self, named: &Value) -> Option<Value> {
        let id = named["reference"].as_str()?.strip_prefix('#')?;
        items(&self.provenance["contained"]).find(|it| it["id"] == id).cloned()
    }
}

/// What a resource says that it is called: a unit's name and aliases, a person's names.
fn names_in(resource: &Value) -> Vec<String> {
    let mut names: Vec<String> = resource["name"].as_str().map(str::to_owned).into_iter().collect();
    names.extend(items(&resource["alias"]).filter_map(Value::as_str).map(str::to_owned));
    for name in items(&resource["name"]) {
        let given: Vec<&str> = items(&name["given"]).filter_map(Value::as_str).collect();
        let family = name["family"].as_str();
        names.extend(name["text"].as_str().map(str::to_owned));
        for given in [given.clone(), given.iter().copied().take(1).collect()] {
            let whole: Vec<&str> = given.into_iter().chain(family).collect();
            if !whole.is_empty() {
                names.push(whole.join(" "));
            }
        }
    }
    names
}

/// As names are compared.
fn plain(name: &str) -> String {
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a Provenance names nobody but the caller and her own unit as those who did something or for whom: a person
/// herself, a program whomever works for the units that it acts for.
pub(super) fn in_own_name(
    caller: &Caller,
    vard: &Vard,
    (provenance, fact): (&Value, &Fact),
    underlag: &mut OppenTransaktion<'_>,
) -> Result<bool, StoreError> {
    let herself = match caller {
        Caller::Known(identity) => match &identity.who {
            Who::Medarbetare(medarbetare) => hsa_form(&medarbetare.hsa_id),
            _ => None,
        },
        _ => None,
    };
    let program = match caller {
        Caller::Known(identity) => match &identity.who {
            Who::System(system) if system.hsa_id.is_none() => Some(identity.subject.clone()),
            _ => None,
        },
        _ => None,
    };
    let mut own = Own {
        vard,
        herself,
        program,
        fact,
        underlag,
    };
    for (_, agent) in agents(provenance) {
        for (name, as_unit) in [("who", false), ("onBehalfOf", true)] {
            if let Some(named) = agent.get(name)
                && !own.is_own(&reference_of(named), as_unit)?
            {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Who a QuestionnaireResponse says wrote it beside `author`, who need be none that has the type for that.
const AUTHOR: &str = "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-author";

/// Whether what a patient answers says that she did, or one who is close to her: staff read it as the word of whoever stands
/// there. `patient` is her logical id.
pub(super) fn answers_herself(session: &mut Session, response: &Value, patient: &str) -> Result<bool, StoreError> {
    let stated = ["author", "source"].into_iter().filter_map(|name| response.get(name));
    let by_extension = items(&response["extension"]).filter(|it| it["url"] == AUTHOR);
    let mut hers = Hers {
        response,
        patient,
        session,
    };
    for named in stated.chain(by_extension.map(|it| &it["valueReference"])) {
        if !hers.is_she(named)? && !hers.is_close_to_her(named)? {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Hers<'a> {
    response: &'a Value,
    patient: &'a str,
    session: &'a mut Session,
}

impl<'a> Hers<'a> {
    /// By her id, her number, or a contained Patient with no other name or number than hers.
    fn is_she(&mut self, named: &Value) -> Result<bool, StoreError> {
        let Some(reference) = named["reference"].as_str() else {
            let says = named["type"].as_str().and_then(|kind| kind.rsplit('/').next());
            let number = Personregister::and_number(&named["identifier"]);
            return Ok(says.is_none_or(|kind| kind == "Patient") && number.is_some() && self.has(&[], number)?);
        };
        match self.contained(reference) {
            None => Ok(matches!(local(reference), Some((ResourceType::Patient, id)) if id == self.patient)),
            Some(inner) if inner["resourceType"] != "Patient" => Ok(false),
            Some(inner) => self.has(
                &names_in(inner),
                items(&inner["identifier"]).filter_map(Personregister::and_number),
            ),
        }
    }

    /// A RelatedPerson who is stored as hers, or is contained and says so.
    fn is_close_to_her(&mut self, named: &Value) -> Result<bool, StoreError> {
        let Some(reference) = named["reference"].as_str() else {
            return Ok(false);
        };
        if let Some(inner) = self.contained(reference) {
            return Ok(inner["resourceType"] == "RelatedPerson" && self.is_she(&inner["patient"])?);
        }
        let Some((kind @ ResourceType::RelatedPerson, id)) = local(reference) else {
            return Ok(false);
        };
        let is_there = self.session.current(kind, id)?.is_some_and(|stored| !stored.deleted);
        let kept = self.session.kept_beside(kind, id)?.filter(|_| is_there);
        Ok(kept.is_some_and(|kept| !kept.dold && kept.patient.as_deref() == Some(self.patient)))
    }

    fn contained(&self, reference: &str) -> Option<&'a Value> {
        let id = reference.strip_prefix('#')?;
        items(&self.response["contained"]).find(|it| it["id"] == id)
    }

    /// Whether all of these are hers, as she is stored.
    fn has<'n>(
        &mut self,
        names: &[String],
        numbers: impl IntoIterator<Item = (Personregister, &'n str)>,
    ) -> Result<bool, StoreError> {
        let stored = self.session.current(ResourceType::Patient, self.patient)?;
        let she = match stored.filter(|stored| !stored.deleted) {
            Some(stored) => stored.resource()?,
            None => Value::Null,
        };
        let her_numbers: Vec<_> = items(&she["identifier"])
            .filter_map(Personregister::and_number)
            .collect();
        let her_names: Vec<String> = names_in(&she).iter().map(|name| plain(name)).collect();
        Ok(names.iter().all(|name| her_names.contains(&plain(name)))
            && numbers.into_iter().all(|number| her_numbers.contains(&number)))
    }
}

struct Own<'a, 'u, 's> {
    vard: &'a Vard,
    /// The person's own HSA-id; none: a program.
    herself: Option<String>,
    /// The name of a program that has no HSA-id.
    program: Option<String>,
    fact: &'a Fact,
    underlag: &'u mut OppenTransaktion<'s>,
}

impl Own<'_, '_, '_> {
    /// Whether it is the caller, or her unit. What cannot be told is somebody else.
    fn is_own(&mut self, named: &Reference, as_unit: bool) -> Result<bool, StoreError> {
        let found = folj(self.underlag, named, self.fact)?;
        let ids = hsa_ids(logical(named));
        match found.as_ref().map(|found| found.fact.as_ref()) {
            Some(Fact::Organization(_)) => self.is_own_unit(named),
            Some(Fact::PractitionerRole(role)) => {
                let in_own_unit = match (&role.organization, &found) {
                    (Some(organization), Some(found)) if !named.is_contained() => {
                        let home = found.home.clone();
                        let enhet = Enhet::samla(self.underlag, organization, &home)?;
                        self.is_within(&enhet)
                    }
                    _ => false,
                };
                let person = match (&role.practitioner, &found) {
                    (Some(practitioner), Some(found)) => self.person(practitioner, &found.home.clone())?,
                    _ => Vec::new(),
                };
                Ok(in_own_unit && (as_unit || self.is_herself(&person)))
            }
            Some(Fact::Practitioner(_)) if !as_unit => {
                let person = self.person(named, self.fact)?;
                Ok(self.is_herself(&person))
            }
            // A Device of a program; of nothing else that is found can anybody speak.
            Some(_) => Ok(false),
            None if named.target_type() == Some("Organization") || as_unit => self.is_own_unit(named),
            None if ids.is_empty() => Ok(!as_unit && self.is_itself(named)),
            // Somebody, or something, by HSA-id alone: it may be a unit.
            None => {
                let units = self
                    .underlag
                    .med_identifierare(ResourceType::Organization, &[HSA_ID], &ids[0])?;
                match units.is_empty() && !self.is_unit_by_name(&ids) {
                    true => Ok(self.is_herself(&ids)),
                    false => self.is_own_unit(named),
                }
            }
        }
    }

    fn is_unit_by_name(&self, ids: &[String]) -> bool {
        ids.iter().any(|id| self.vard.egna().contains(id))
    }

    fn is_own_unit(&mut self, named: &Reference) -> Result<bool, StoreError> {
        let enhet = Enhet::samla(self.underlag, named, self.fact)?;
        Ok(self.is_within(&enhet))
    }

    /// The own unit, what the catalogue says lies within it, or the own vårdgivare itself.
    fn is_within(&self, enhet: &Enhet) -> bool {
        let unit = enhet.unit();
        let egna = self.vard.egna();
        if unit.bara_pastadd {
            return !unit.hsa_ids.is_empty() && unit.hsa_ids.iter().all(|id| egna.contains(id));
        }
        let egen = self.vard.egen_enhet();
        let mut known = enhet.chain().iter().take_while(|own| !own.bara_pastadd);
        unit.hsa_ids.iter().any(|id| egna.contains(id))
            || known.any(|own| own.hsa_ids.iter().any(|id| egen.contains(id)))
    }

    /// The HSA-ids of a person who is named.
    fn person(&mut self, named: &Reference, within: &Fact) -> Result<Vec<String>, StoreError> {
        let found = folj(self.underlag, named, within)?;
        Ok(match found.as_ref().map(|found| found.fact.as_ref()) {
            Some(Fact::Practitioner(practitioner)) => hsa_ids(&practitioner.identifiers),
            Some(_) => Vec::new(),
            None => hsa_ids(logical(named)),
        })
    }

    /// A program without an HSA-id, as the service names it.
    fn is_itself(&self, named: &Reference) -> bool {
        let identifier = named.identifier.as_deref();
        named.reference.is_none()
            && named.target_type() == Some("Device")
            && identifier.is_some_and(|it| it.system.is_none() && it.value.is_some() && it.value == self.program)
    }

    /// A program may name whomever works there.
    fn is_herself(&self, ids: &[String]) -> bool {
        match &self.herself {
            Some(own) => !ids.is_empty() && ids.iter().all(|id| id == own),
            None => self.vard.system,
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
