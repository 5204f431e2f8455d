//! The Provenance that the service makes of every write, in the same transaction: who did it, on whose behalf, to which
//! versions (HSF 2017:80 4:1: the verksamhetschef appoints the fasta vårdkontakten). One for each patient, activity, keeper and
//! unit of what a request wrote: it is seen by those who see what it tells of, and reads of nothing else. Callers cannot
//! change or delete it: what happened has happened.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::content::{Body, instant};
use super::problem::Problem;
use super::{Door, Outcome};
use crate::access::beslut::Lasare;
use crate::access::harledning::{etiketter, harled};
use crate::access::{Call, Caller, Who};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::local;
use crate::fhir::search;
use crate::fhir::types::ResourceType;
use crate::store::{Hallare, Hallarnyckel, Keeping, NewVersion, Session};

/// Stands as the interaction of the versions that the service made; no caller's has it.
const BY_THE_SERVICE: &str = "provenance";

/// A version that was written.
pub(super) struct Made {
    pub kind: ResourceType,
    pub id: String,
    pub version: i64,
    pub outcome: Outcome,
    /// Whose data it is.
    pub patient: Option<String>,
    /// The unit that the resource says manages it.
    pub unit: Option<String>,
    pub seen: SeenBy,
    pub in_name: InName,
}

/// What decides who sees the version, and so what tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SeenBy {
    hallare: Hallarnyckel,
    dold: bool,
    skyddad: bool,
}

impl SeenBy {
    pub fn of(hallare: Hallarnyckel, keeping: &Keeping) -> SeenBy {
        SeenBy {
            hallare,
            dold: keeping.dold,
            skyddad: keeping.skyddad,
        }
    }
}

/// In whose name a version was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InName {
    /// The caller, on behalf of the unit that manages the record.
    Unit,
    /// The caller, on behalf of the own unit: another vårdgivare keeps the record.
    Caller,
    /// The service: a rule brought about what another vårdgivare keeps, who is not told whose doing it was.
    Service,
}

impl InName {
    /// In whose name a caller writes what is kept so. Who keeps it not being known, it is the unit's that it states.
    pub fn of(call: &Call, keeping: &Keeping) -> InName {
        match (Lasare::of(call), &keeping.hallare) {
            (Some(Lasare::Vard(vard)), Some(hallare @ Hallare::Enhet(_))) if !vard.vardgivare_haller(hallare) => {
                InName::Caller
            }
            _ => InName::Unit,
        }
    }
}

impl Made {
    /// What is to be told of a version; `resource` is what it says, or said before it was deleted.
    pub fn new(
        kind: ResourceType,
        id: &str,
        (version, outcome): (i64, Outcome),
        resource: &Value,
        (seen, in_name): (SeenBy, InName),
    ) -> Made {
        let patient = match kind {
            ResourceType::Patient => Some(id.to_owned()),
            kind => search::patient_of(kind, resource),
        };
        Made {
            kind,
            id: id.to_owned(),
            version,
            outcome,
            patient,
            unit: unit_of(kind, resource),
            seen,
            in_name,
        }
    }

    fn activity(&self) -> (&'static str, &'static str) {
        match self.outcome {
            Outcome::Created => ("CREATE", "create"),
            Outcome::Deleted | Outcome::AlreadyDeleted => ("DELETE", "delete"),
            Outcome::Updated | Outcome::AlreadyThere => ("UPDATE", "revise"),
        }
    }
}

/// The unit that manages a resource, as it says itself.
fn unit_of(kind: ResourceType, resource: &Value) -> Option<String> {
    let stated = match kind {
        ResourceType::CareTeam => &resource["managingOrganization"][0],
        ResourceType::EpisodeOfCare => &resource["managingOrganization"],
        ResourceType::CarePlan => &resource["custodian"],
        ResourceType::Encounter => &resource["serviceProvider"],
        _ => return None,
    };
    let reference = stated["reference"].as_str()?;
    reference.starts_with("Organization/").then(|| reference.to_owned())
}

/// Writes the Provenances of what a request made.
pub(super) fn put(door: &Door, call: &Call, session: &mut Session, made: &[Made]) -> Result<(), Problem> {
    // What a caller tells of how things came about is not told of in its turn.
    let told = made.iter().filter(|made| made.kind != ResourceType::Provenance);
    let mut groups: BTreeMap<_, BTreeMap<Option<&str>, Vec<&Made>>> = BTreeMap::new();
    for made in told {
        let key = (made.patient.as_deref(), made.activity(), made.seen, made.in_name);
        let by_unit = groups.entry(key).or_default();
        by_unit.entry(made.unit.as_deref()).or_default().push(made);
    }
    let groups = groups.into_iter().flat_map(|(key, mut by_unit)| {
        if key.2.hallare.ar_enhet() {
            join_the_stated(&mut by_unit);
        }
        by_unit.into_iter().map(move |(unit, made)| (key, unit, made))
    });
    let now = session.next_instant(door.clock.now(), None);
    let mut behalf: BTreeMap<&str, Value> = BTreeMap::new();
    for ((patient, activity, seen, in_name), unit, made) in groups {
        let on_behalf = match unit.filter(|_| in_name == InName::Unit) {
            None => None,
            Some(unit) => match behalf.get(unit) {
                Some(known) => Some(known.clone()),
                None => {
                    let found = on_behalf_of(session, unit)?;
                    behalf.insert(unit, found.clone());
                    Some(found)
                }
            },
        };
        let mut resource = provenance((call, in_name), now, (patient, activity), &made, on_behalf);
        let labels = etiketter(seen.dold, seen.skyddad);
        if !labels.is_empty() {
            resource["meta"] = json!({ "security": labels });
        }
        let id = Uuid::now_v7().to_string();
        let body = Body::new(ResourceType::Provenance, &id, resource);
        let new = NewVersion {
            kind: ResourceType::Provenance,
            id: &id,
            version: 1,
            last_updated: now,
            deleted: false,
            patient,
            body: &body.render(1, now),
            index: &body.index,
            caller: Caller::Service.name(),
            request_id: &call.request_id,
            interaction: BY_THE_SERVICE,
        };
        let keeping = harled(ResourceType::Provenance, &body.resource, &[], &[], |_| Vec::new());
        session.put_beside(&new, &keeping, seen.hallare)?;
    }
    Ok(())
}

/// What one unit keeps and does not state it (a plan whose custodian is a member of its staff) is told of with what states it,
/// when that is one unit.
fn join_the_stated(by_unit: &mut BTreeMap<Option<&str>, Vec<&Made>>) {
    if by_unit.len() == 2
        && let Some(unstated) = by_unit.remove(&None)
    {
        by_unit.values_mut().for_each(|stated| stated.extend(&unstated));
    }
}

/// Refuses to change what the service made.
pub(super) fn refuse_change(session: &mut Session, id: &str) -> Result<(), Problem> {
    match session.made_by(ResourceType::Provenance, id)?.as_deref() {
        Some(BY_THE_SERVICE) => Err(Problem::Forbidden),
        _ => Ok(()),
    }
}

fn provenance(
    (call, in_name): (&Call, InName),
    now: Timestamp,
    (patient, (code, display)): (Option<&str>, (&str, &str)),
    made: &[&Made],
    on_behalf: Option<Value>,
) -> Value {
    let targets: Vec<Value> = made
        .iter()
        .map(|made| json!({ "reference": format!("{}/{}/_history/{}", made.kind, made.id, made.version) }))
        .collect();
    let (who, own_unit) = match in_name {
        InName::Service => (json!({ "display": Caller::Service.name() }), None),
        InName::Unit | InName::Caller => who(call),
    };
    let mut agent = json!({
        "type": { "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
            "code": "author",
            "display": "Author",
        }] },
        "who": who,
    });
    if let Some(behalf) = on_behalf.or(own_unit) {
        agent["onBehalfOf"] = behalf;
    }
    let mut provenance = json!({ "resourceType": "Provenance", "target": targets });
    if let Some(patient) = patient {
        provenance["patient"] = json!({ "reference": format!("Patient/{patient}") });
    }
    provenance["recorded"] = json!(instant(now));
    provenance["activity"] = json!({ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation",
        "code": code,
        "display": display,
    }] });
    provenance["agent"] = json!([agent]);
    provenance
}

/// Who calls, and the unit on whose behalf as the token tells it.
fn who(call: &Call) -> (Value, Option<Value>) {
    let identity = match &call.caller {
        Caller::Known(identity) => identity,
        other => return (json!({ "display": other.name() }), None),
    };
    let hsa = |value: &str| json!({ "system": HSA_ID, "value": value });
    let unit = |value: &str| json!({ "type": "Organization", "identifier": hsa(value) });
    match &identity.who {
        Who::Patient(patient) => {
            let own = format!("Patient/{}", patient.patient);
            let reads = patient.ombud.as_ref().unwrap_or(&own);
            // Another than these may not stand there (provenance.html, agent.who).
            let who = match local(reads) {
                Some((ResourceType::Patient | ResourceType::RelatedPerson, _)) => json!({ "reference": reads }),
                _ => json!({ "identifier": { "value": identity.subject } }),
            };
            (who, None)
        }
        Who::Medarbetare(medarbetare) => {
            let mut who = json!({ "type": "Practitioner", "identifier": hsa(&medarbetare.hsa_id) });
            let user = medarbetare.fhir_user.as_deref();
            if let Some((kind @ (ResourceType::Practitioner | ResourceType::PractitionerRole), _)) =
                user.and_then(local)
            {
                who["type"] = json!(kind.name());
                who["reference"] = json!(user);
            }
            (who, Some(unit(&medarbetare.vardenhet)))
        }
        Who::System(system) => {
            let identifier = match &system.hsa_id {
                Some(hsa_id) => hsa(hsa_id),
                None => json!({ "value": identity.subject }),
            };
            let own = system.vardenhet.as_ref().unwrap_or(&system.vardgivare);
            (json!({ "type": "Device", "identifier": identifier }), Some(unit(own)))
        }
    }
}

/// The managing unit, with its verksamhetschef when it states one among its contacts.
fn on_behalf_of(session: &mut Session, unit: &str) -> Result<Value, Problem> {
    let mut behalf = json!({ "reference": unit });
    let stored = match local(unit) {
        Some((kind, id)) => session.current(kind, id)?.filter(|stored| !stored.deleted),
        None => None,
    };
    let resource = stored.and_then(|stored| stored.resource().ok());
    if let Some(name) = resource.as_ref().and_then(verksamhetschef) {
        behalf["display"] = json!(format!("{name}, verksamhetschef"));
    }
    Ok(behalf)
}

/// The name of the contact whose purpose is said to be verksamhetschef.
fn verksamhetschef(unit: &Value) -> Option<String> {
    let is_chef = |contact: &&Value| {
        let purpose = &contact["purpose"];
        let coding = &purpose["coding"][0];
        let words = [&purpose["text"], &coding["display"], &coding["code"]];
        words
            .into_iter()
            .filter_map(Value::as_str)
            .any(|word| word.eq_ignore_ascii_case("verksamhetschef"))
    };
    let contact = unit["contact"].as_array()?.iter().find(is_chef)?;
    // R5 has several names, R4 one.
    let name = match &contact["name"] {
        Value::Array(names) => names.first()?,
        name => name,
    };
    if let Some(text) = name["text"].as_str() {
        return Some(text.to_owned());
    }
    let given = name["given"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name["family"].as_str()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
