//! What is kept of a person for the work lists: the check of the whole picture by the policy of each unit, where it puts
//! the person in the units' lists, and what it leaned on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{LinkType, Patient, Reference};
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

use super::underlag::OppenTransaktion;
use crate::fhir::fault::Text;
use crate::fhir::references::local;
use crate::fhir::types::ResourceType;
use crate::riktlinje::lakarkontakter::lakarkontakter;
use crate::riktlinje::list::Lakartyp;
use crate::riktlinje::underlag::{Fore, Underlag};
use crate::riktlinje::{
    Kontrollfynd, Policies, RuleId, Severity, catalogue, kontrollera_for_listor, nummer, samma_patient, till_patient,
    utan_patientresurs,
};
use crate::store::{Kvar, Lakarrad, ListQuery, Rad, StoreError, kalla, kalla_for_identifierare, name_key};

/// The number a severity has in the lists: the heaviest first.
pub fn severity_number(severity: Severity) -> i16 {
    match severity {
        Severity::Error => 1,
        Severity::Warning => 2,
        Severity::Information => 3,
    }
}

/// Checks persons for the lists, on one state of the database.
pub struct Bedomare<'a, 's> {
    pub underlag: OppenTransaktion<'s>,
    pub policies: &'a Policies,
    pub today: Date,
    /// The keys of units and physicians looked up so far; `None`: not stored.
    keys: HashMap<(ResourceType, String), Option<i64>>,
}

impl<'a, 's> Bedomare<'a, 's> {
    pub fn new(underlag: OppenTransaktion<'s>, policies: &'a Policies, today: Date) -> Bedomare<'a, 's> {
        Bedomare {
            underlag,
            policies,
            today,
            keys: HashMap::new(),
        }
    }

    /// What is to be kept of the person behind a patient's key, for each Patient resource that is the same person: all
    /// of it with one of them, so that the person stands in a list once, and with the others that they are joined.
    pub fn bedom(&mut self, patient: i64) -> Result<BTreeMap<i64, Kvar>, StoreError> {
        let mut kept = BTreeMap::from([(patient, Kvar::default())]);
        let Some(id) = self.underlag.session.patient_of_key(patient)? else {
            return Ok(kept);
        };
        let mut noterat = Noterat {
            inner: &mut self.underlag,
            kallor: BTreeSet::new(),
        };
        let same = samma_patient(&id, &mut noterat)?;
        let Some(ledare) = ledare(&same, &mut noterat)? else {
            return Ok(kept);
        };
        let kontroller = kontrollera_for_listor(&ledare, self.policies, self.today, &mut noterat)?;
        let lakare = lakarkontakter(&same, self.policies, self.today, &mut noterat)?;
        let mut kallor = noterat.kallor;
        kallor.extend(numren(&same, &mut self.underlag)?);

        let mut own = Kvar::default();
        for kontroll in &kontroller {
            let heaviest = kontroll.fynd.iter().map(|fynd| fynd.severity).min();
            let (Some(heaviest), policy) = (heaviest, name_key(&kontroll.policy)) else {
                continue;
            };
            let mut places: BTreeSet<(&str, i16)> = BTreeSet::from([(ListQuery::VARST, severity_number(heaviest))]);
            places.extend(
                kontroll
                    .fynd
                    .iter()
                    .map(|fynd| (fynd.rule.as_str(), severity_number(fynd.severity))),
            );
            for enhet in &kontroll.enheter {
                let Some(enhet) = self.key(ResourceType::Organization, enhet)? else {
                    continue;
                };
                own.rader.extend(places.iter().map(|(regel, allvarlighet)| Rad {
                    enhet,
                    regel: (*regel).to_owned(),
                    allvarlighet: *allvarlighet,
                    policy,
                }));
            }
            own.fynd.insert(policy, skriv(&kontroll.fynd)?);
        }
        for kontakt in lakare {
            let Some(lakare) = self.key(ResourceType::Practitioner, &kontakt.lakare)? else {
                continue;
            };
            let typ = type_number(kontakt.typ);
            for enhet in &kontakt.enheter {
                if let Some(enhet) = self.key(ResourceType::Organization, enhet)? {
                    own.lakare.insert(Lakarrad { enhet, lakare, typ });
                }
            }
        }
        own.omprovas = kontroller
            .iter()
            .filter_map(|kontroll| kontroll.galler_till)
            .min()
            .map(|last| day_number(last).max(day_number(self.today)) + 1);
        own.kallor = kallor;

        // Whoever is joined with others leans on their Patient resources: when one is told apart, all are checked anew.
        let joined: BTreeSet<i64> = match same.as_slice() {
            [alone] => {
                own.kallor.remove(&kalla(ResourceType::Patient, alone));
                BTreeSet::new()
            }
            several => several.iter().map(|id| kalla(ResourceType::Patient, id)).collect(),
        };
        for id in &same {
            let Some(key) = self.underlag.session.patient_key(id)? else {
                continue;
            };
            let kvar = if *id == ledare {
                std::mem::take(&mut own)
            } else {
                Kvar {
                    kallor: joined.clone(),
                    ..Kvar::default()
                }
            };
            kept.insert(key, kvar);
        }
        Ok(kept)
    }

    fn key(&mut self, kind: ResourceType, id: &str) -> Result<Option<i64>, StoreError> {
        if let Some(known) = self.keys.get(&(kind, id.to_owned())) {
            return Ok(*known);
        }
        let key = self.underlag.session.living_key(kind, id)?;
        self.keys.insert((kind, id.to_owned()), key);
        Ok(key)
    }
}

/// The number a kind of physician has in what is kept. Of several the least counts: the guide value of a specialist is
/// the higher, and a physician of whom nothing is stated in one place may be told in another.
fn type_number(typ: Option<Lakartyp>) -> i16 {
    match typ {
        Some(Lakartyp::Specialist) => 1,
        Some(Lakartyp::St) => 2,
        None => 3,
    }
}

/// The kind of physician behind a number.
pub fn type_of_number(number: i16) -> Option<Lakartyp> {
    [Lakartyp::Specialist, Lakartyp::St]
        .into_iter()
        .find(|typ| type_number(Some(*typ)) == number)
}

/// Under which of the Patient resources that are one person it stands in the lists: a stored one that no other replaces
/// and that is in use, else the first. `None`: none of them is stored.
fn ledare<U: Underlag>(same: &[String], underlag: &mut U) -> Result<Option<String>, U::Error> {
    let mut best: Option<(bool, bool, &String)> = None;
    for id in same {
        if let Some(Fact::Patient(patient)) = underlag.folj(&till_patient(id))?.as_deref() {
            let candidate = (is_replaced(patient), patient.active == Some(false), id);
            if best.is_none_or(|best| candidate < best) {
                best = Some(candidate);
            }
        }
    }
    Ok(best.map(|(_, _, id)| id.clone()))
}

/// The keys of the person's numbers: a record that states its patient by a number alone is in nobody's place, and comes to
/// the person by these.
fn numren<U: Underlag>(same: &[String], underlag: &mut U) -> Result<Vec<i64>, U::Error> {
    let mut keys = Vec::new();
    for id in same {
        if let Some(Fact::Patient(patient)) = underlag.folj(&till_patient(id))?.as_deref() {
            let numbers = nummer(patient).map(|(_, number)| kalla_for_identifierare(ResourceType::Patient, number));
            keys.extend(numbers);
        }
    }
    Ok(keys)
}

fn is_replaced(patient: &Patient) -> bool {
    patient
        .links
        .iter()
        .any(|link| link.type_ == Some(LinkType::ReplacedBy))
}

/// Days since 1970.
pub fn day_number(day: Date) -> i64 {
    let since = date(1970, 1, 1).until(day).map(|span| i64::from(span.get_days()));
    since.unwrap_or(i64::MAX / 2)
}

/// An [`Underlag`] that notes what an answer leans on outside the person's own record: what was followed to, there or
/// not, and by which identifiers staff and units were looked for.
struct Noterat<'u, U> {
    inner: &'u mut U,
    kallor: BTreeSet<i64>,
}

impl<U: Underlag> Underlag for Noterat<'_, U> {
    type Error = U::Error;

    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, U::Error> {
        if let Some((kind, id)) = reference.reference.as_deref().and_then(local) {
            self.kallor.insert(kalla(kind, id));
        }
        self.inner.folj(reference)
    }

    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, U::Error> {
        let found = self.inner.av_patienter(kind, patient_ids)?;
        // The person's own records bring the person along; one by a number alone does not.
        let by_number = found.iter().filter(|fact| !utan_patientresurs(fact).is_empty());
        self.kallor.extend(by_number.map(|fact| kalla(kind, fact.id())));
        Ok(found)
    }

    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, U::Error> {
        let found = self.inner.med_identifierare(kind, systems, value)?;
        // A Patient that comes by the same number is checked itself, and those it is joined with.
        if kind != ResourceType::Patient {
            self.kallor.insert(kalla_for_identifierare(kind, value));
            self.kallor.extend(found.iter().map(|fact| kalla(kind, fact.id())));
        }
        Ok(found)
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, U::Error> {
        self.inner.patienter_som_lankar(patient_id)
    }

    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, U::Error> {
        self.inner.tillkomna(patient_ids)
    }

    fn far_lasa(&mut self, fact: &Fact) -> bool {
        self.inner.far_lasa(fact)
    }

    fn samma_vardgivare(&mut self, kind: ResourceType, one: &str, other: &str) -> Result<Option<bool>, U::Error> {
        self.inner.samma_vardgivare(kind, one, other)
    }

    fn far_ersatta(
        &mut self,
        kind: ResourceType,
        which: (&str, &str),
        samma_vardgivare: bool,
    ) -> Result<bool, U::Error> {
        self.inner.far_ersatta(kind, which, samma_vardgivare)
    }

    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, U::Error> {
        self.inner.fore(current)
    }

    fn skrivs_nu(&mut self, current: &Arc<Fact>) -> Result<bool, U::Error> {
        self.inner.skrivs_nu(current)
    }
}

/// A finding as it is kept; its source stands in the catalogue.
#[derive(Serialize, Deserialize)]
struct Kvarfynd<'a> {
    regel: &'a str,
    allvarlighet: i16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resurs: Option<String>,
    expression: String,
    sv: String,
    en: String,
}

fn skriv(fynd: &[Kontrollfynd]) -> Result<String, StoreError> {
    let kept: Vec<Kvarfynd> = fynd
        .iter()
        .map(|fynd| Kvarfynd {
            regel: fynd.rule.as_str(),
            allvarlighet: severity_number(fynd.severity),
            resurs: fynd.resurs.as_ref().map(|(kind, id)| format!("{kind}/{id}")),
            expression: fynd.expression.clone(),
            sv: fynd.text.sv.to_string(),
            en: fynd.text.en.to_string(),
        })
        .collect();
    serde_json::to_string(&kept).map_err(|error| StoreError::Other(error.to_string()))
}

/// The findings again. A rule that this version does not know is left out: the whole is renewed presently.
pub fn las(text: &str) -> Result<Vec<Kontrollfynd>, StoreError> {
    let kept: Vec<Kvarfynd> =
        serde_json::from_str(text).map_err(|_| StoreError::Corrupt("kept findings cannot be read".to_owned()))?;
    let fynd = kept.into_iter().filter_map(|kept| {
        let rule = RuleId::find(kept.regel)?;
        let severity = [Severity::Error, Severity::Warning, Severity::Information]
            .into_iter()
            .find(|severity| severity_number(*severity) == kept.allvarlighet)?;
        let source = catalogue::all().find(|known| known.id == rule)?.source.to_owned();
        Some(Kontrollfynd {
            rule,
            severity,
            text: Text::new(kept.sv, kept.en),
            source,
            expression: kept.expression,
            resurs: kept
                .resurs
                .as_deref()
                .and_then(local)
                .map(|(kind, id)| (kind, id.to_owned())),
        })
    });
    Ok(fynd.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_come_back_as_they_were() {
        let fynd = vec![
            Kontrollfynd {
                rule: RuleId::find("FK-04").unwrap(),
                severity: Severity::Warning,
                text: Text::new("Går inte att nå \"direkt\".", "Cannot be reached."),
                source: catalogue::all()
                    .find(|rule| rule.id.as_str() == "FK-04")
                    .unwrap()
                    .source
                    .to_owned(),
                expression: "CareTeam".to_owned(),
                resurs: Some((ResourceType::CareTeam, "a-1".to_owned())),
            },
            Kontrollfynd {
                rule: RuleId::find("PAT-01").unwrap(),
                severity: Severity::Error,
                text: Text::new("Saknas.", "Missing."),
                source: catalogue::all()
                    .find(|rule| rule.id.as_str() == "PAT-01")
                    .unwrap()
                    .source
                    .to_owned(),
                expression: "Patient".to_owned(),
                resurs: None,
            },
        ];
        assert_eq!(las(&skriv(&fynd).unwrap()).unwrap(), fynd);
        assert!(las("{").is_err());
        assert_eq!(
            las(r#"[{"regel":"XYZ-99","allvarlighet":1,"expression":"","sv":"","en":""}]"#),
            Ok(vec![])
        );
    }

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(day_number(date(1970, 1, 1)), 0);
        assert_eq!(day_number(date(2026, 3, 10)), 20_522);
    }
}
