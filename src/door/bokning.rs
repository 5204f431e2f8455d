//! Whom an Appointment is about: one patient. It is shown to her, and a group's would tell her who else comes.

use fastkontakt_model::Fact;
use serde_json::Value;

use super::problem::Problem;
use super::write::{Staged, Transaction};
use crate::fhir::convert::PathMap;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::personnummer::Personregister;
use crate::riktlinje::{Underlag, nummer, till_patient};

type Nummer<'r> = (Personregister, &'r str);

/// A patient who is meant.
#[derive(Debug, PartialEq)]
enum Menad<'r> {
    /// Stored here.
    Patient(&'r str),
    /// By her numbers: who has them is known in the write.
    Nummer(Vec<Nummer<'r>>),
    /// By what tells her from nobody: another server's address, a name, a contained Patient without a number.
    Annan(&'r str),
}

impl Menad<'_> {
    /// Whether it may be the same person. A number beside an id of ours is asked about in the write.
    fn kan_vara(&self, other: &Menad<'_>) -> bool {
        match (self, other) {
            (Menad::Patient(_), Menad::Nummer(_)) | (Menad::Nummer(_), Menad::Patient(_)) => true,
            (Menad::Nummer(one), Menad::Nummer(other)) => one.iter().any(|number| other.contains(number)),
            (one, other) => one == other,
        }
    }
}

/// Refuses an Appointment that is about more patients than one.
pub(super) fn refuse_others(kind: ResourceType, resource: &Value, paths: &PathMap) -> Result<(), Problem> {
    if kind != ResourceType::Appointment {
        return Ok(());
    }
    let meant = meant(resource);
    let Some(first) = the_one(&meant) else { return Ok(()) };
    match meant.iter().find(|(_, who)| !who.kan_vara(first)) {
        Some((path, _)) => Err(another(path, paths)),
        None => Ok(()),
    }
}

impl Transaction<'_, '_> {
    /// Refuses one whose patient is told by another's number too. The numbers of a Patient whom the caller may not read are
    /// not tried.
    pub(super) fn refuse_anothers_number(&mut self, staged: &Staged<'_>) -> Result<(), Problem> {
        let Some(prepared) = staged
            .order
            .prepared()
            .filter(|it| it.kind == ResourceType::Appointment)
        else {
            return Ok(());
        };
        let meant = meant(&prepared.body.resource);
        let Some(Menad::Patient(id)) = the_one(&meant) else {
            return Ok(());
        };
        let told = meant.iter().filter_map(|(path, who)| match who {
            Menad::Nummer(numbers) => Some((path, numbers)),
            _ => None,
        });
        for (path, numbers) in told {
            let patient = match self.underlag.is_readable(ResourceType::Patient, id)? {
                true => self.underlag.folj(&till_patient(id))?,
                false => None,
            };
            let hers: Vec<Nummer<'_>> = match patient.as_deref() {
                Some(Fact::Patient(patient)) => nummer(patient).collect(),
                _ => Vec::new(),
            };
            if !numbers.iter().all(|number| hers.contains(number)) {
                return Err(another(path, &prepared.paths));
            }
        }
        Ok(())
    }
}

/// The patient that it is about: one of ours, when one is named.
fn the_one<'m, 'r>(meant: &'m [(String, Menad<'r>)]) -> Option<&'m Menad<'r>> {
    let of_ours = meant.iter().find(|(_, who)| matches!(who, Menad::Patient(_)));
    of_ours.or(meant.first()).map(|(_, who)| who)
}

/// All patients who are meant, with the path: by the subject, by who comes, and by what is contained, named or not.
fn meant(appointment: &Value) -> Vec<(String, Menad<'_>)> {
    let subject = std::iter::once(("subject".to_owned(), &appointment["subject"]));
    let actors = items(&appointment["participant"]).enumerate();
    let actors = actors.map(|(index, it)| (format!("participant[{index}].actor"), &it["actor"]));
    let named = subject
        .chain(actors)
        .filter_map(|(path, reference)| Some((path, meant_by(reference, appointment)?)));
    let contained = items(&appointment["contained"]).enumerate();
    let contained = contained.filter_map(|(index, it)| Some((format!("contained[{index}]"), contained_patient(it)?)));
    named.chain(contained).collect()
}

fn meant_by<'r>(reference: &'r Value, appointment: &'r Value) -> Option<Menad<'r>> {
    let says_patient = reference["type"].as_str().is_some_and(names_patient);
    let Some(literal) = reference["reference"].as_str() else {
        let identifier = &reference["identifier"];
        let told = [&identifier["value"], &reference["display"]];
        return match Personregister::and_number(identifier) {
            Some(number) => Some(Menad::Nummer(vec![number])),
            None if says_patient => Some(Menad::Annan(told.iter().find_map(|it| it.as_str()).unwrap_or_default())),
            None => None,
        };
    };
    match (local(literal), literal.strip_prefix('#')) {
        (Some((ResourceType::Patient, id)), _) => Some(Menad::Patient(id)),
        (Some(_), _) => None,
        (None, Some(id)) => contained_patient(items(&appointment["contained"]).find(|it| it["id"] == id)?),
        (None, None) => (says_patient || names_patient(literal)).then_some(Menad::Annan(literal)),
    }
}

fn contained_patient(contained: &Value) -> Option<Menad<'_>> {
    if contained["resourceType"] != "Patient" {
        return None;
    }
    let numbers: Vec<Nummer<'_>> = items(&contained["identifier"])
        .filter_map(Personregister::and_number)
        .collect();
    Some(match numbers.is_empty() {
        true => Menad::Annan(contained["id"].as_str().unwrap_or_default()),
        false => Menad::Nummer(numbers),
    })
}

/// Whether a type, or the address of a resource, is a Patient's, in whatever case.
fn names_patient(text: &str) -> bool {
    text.split(['/', '?']).any(|part| part.eq_ignore_ascii_case("Patient"))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn another(path: &str, paths: &PathMap) -> Problem {
    Problem::fault(
        IssueCode::BusinessRule,
        paths.to_source(&format!("Appointment.{path}")),
        Text::new(
            "En Appointment gäller en patient: den visas för patienten, som inte ska få veta vilka andra som kommer. \
             Skapa en för varje patient.",
            "An Appointment is about one patient: it is shown to the patient, who is not to learn who else will come. \
             Create one for each patient.",
        ),
    )
}
