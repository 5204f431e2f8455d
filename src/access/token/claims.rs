//! From the claims of a verified token to who calls. Where each claim stands is configured; what a scope needs and the token
//! does not say makes the token useless here, never a wider right.

use std::collections::HashMap;

use serde_json::Value;

use super::claim::{Claims, hsa, spaced, text, told};
use super::pseudonym::Pseudonyms;
use crate::access::caller::{Identity, Medarbetare, Patientanvandare, Systemanvandare, Who};
use crate::access::scope::{Context, Scopes};
use crate::access::settings::{ClaimsSettings, SystemSettings};
use crate::clock::Clock;
use crate::fhir::references::{is_absolute, is_literal};
use crate::hsa::in_capitals;
use crate::personnummer::{is_personal_number, is_personal_number_in_parts, tells_personal_number};

/// What is read of claims, and how.
pub struct ClaimsMap {
    pub names: ClaimsSettings,
    pub systems: Vec<SystemSettings>,
    pub clock: Clock,
    /// Issuer and client of those who review the whole access log.
    pub reviewers: Vec<(String, String)>,
    /// Each issuer that speaks for some vårdgivare only, with their HSA-ids.
    pub vardgivare: HashMap<String, Vec<String>>,
    /// Issuers whose tokens are never those of patients.
    pub without_patients: Vec<String>,
    /// Names that would tell who somebody is are replaced by means of it.
    pub pseudonyms: Pseudonyms,
}

/// Why claims make nobody who may call. Told to the operator's log, without anything of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No scope that gives anything here.
    Scope,
    Subject,
    /// `patient/` without a patient.
    Patient,
    /// `user/`, or a person of care, without her HSA-id.
    HsaId,
    Vardenhet,
    Vardgivare,
    /// The vårdgivare is none that the issuer speaks for.
    AnnansVardgivare,
    /// A patient's token of an issuer that speaks for a vårdgivare only.
    AnnansPatient,
    /// `system/` in a token that tells of a person.
    Person,
    /// A claim that is there does not have the form that it must have.
    Form,
    /// `fhirUser` is no `[base/]Type/id` of somebody who calls: the token itself is malformed.
    FhirUser,
}

impl Missing {
    pub const fn name(self) -> &'static str {
        match self {
            Missing::Scope => "no scope for clinical resources",
            Missing::Subject => "no subject",
            Missing::Patient => "patient/ without a patient",
            Missing::HsaId => "no HSA-id of a person",
            Missing::Vardenhet => "no vardenhet",
            Missing::Vardgivare => "no vardgivare",
            Missing::AnnansVardgivare => "a vardgivare that the issuer does not speak for",
            Missing::AnnansPatient => "a patient's token of an issuer that is not said to make them",
            Missing::Person => "a person's token with the scopes of a program",
            Missing::Form => "a claim of the wrong form",
            Missing::FhirUser => "a fhirUser of the wrong form",
        }
    }
}

impl ClaimsMap {
    /// Who calls, by the claims of a token of this issuer.
    pub fn identity(&self, issuer: &str, claims: &Claims) -> Result<Identity, Missing> {
        let names = &self.names;
        let scopes = Scopes::read(&spaced(claims, &names.scope));
        if scopes.is_empty() {
            return Err(Missing::Scope);
        }
        let client = text(claims, &names.client)?;
        let subject = match claims.get("sub") {
            Some(Value::String(subject)) if !subject.is_empty() && !subject.contains(char::is_control) => {
                subject.clone()
            }
            Some(_) => return Err(Missing::Form),
            None => client.clone().ok_or(Missing::Subject)?,
        };
        let purpose = text(claims, &names.purpose)?;
        // A purpose that is not understood must not become care; and what it says is kept in the log.
        if purpose
            .as_deref()
            .is_some_and(|purpose| !is_code(purpose) || tells_personal_number(purpose))
        {
            return Err(Missing::Form);
        }
        let (who, contexts) = self.who(issuer, client.as_deref(), &scopes, claims)?;
        let scopes = scopes.only(contexts);
        let granskar_allt = client.as_deref().is_some_and(|client| {
            let mut reviewers = self.reviewers.iter();
            reviewers.any(|(of, reviewer)| of == issuer && reviewer == client)
        });
        Ok(Identity {
            issuer: issuer.to_owned(),
            subject: self.pseudonyms.of(subject),
            client: client.map(|client| self.pseudonyms.of(client)),
            who,
            scopes,
            purpose,
            granskar_allt,
        })
    }

    /// In what capacity, and the contexts whose scopes count in it.
    fn who(
        &self,
        issuer: &str,
        client: Option<&str>,
        scopes: &Scopes,
        claims: &Claims,
    ) -> Result<(Who, &'static [Context]), Missing> {
        let fhir_user = match text(claims, &self.names.fhir_user)? {
            Some(user) => Some(relative(&user).ok_or(Missing::FhirUser)?.to_owned()),
            None => None,
        };
        // It is kept in the log as the one who called.
        let id = fhir_user.as_deref().and_then(|user| user.rsplit('/').next());
        if id.is_some_and(|id| is_personal_number_in_parts(id, self.clock.today())) {
            return Err(Missing::Form);
        }
        let patient = self.patient(claims)?;
        let practitioner = fhir_user
            .as_deref()
            .is_some_and(|user| user.starts_with("Practitioner"));
        // No patient has an HSA-id, whatever it is said to be of.
        let has_hsa_id = text(claims, &self.names.hsa_id)?.is_some();
        let works_in_care = scopes.has(Context::User) || (scopes.has(Context::Patient) && (practitioner || has_hsa_id));
        // One who works in care never reads as the patient, however the token was made.
        if works_in_care {
            let medarbetare = self.medarbetare(claims, fhir_user, patient)?;
            self.spoken_for(issuer, &medarbetare.vardgivare)?;
            if scopes.has(Context::Patient) && medarbetare.patient.is_none() {
                return Err(Missing::Patient);
            }
            return Ok((Who::Medarbetare(medarbetare), &[Context::User, Context::Patient]));
        }
        if scopes.has(Context::Patient) {
            let patient = patient.ok_or(Missing::Patient)?;
            // She reads what all vårdgivare keep: one of them alone does not say who she is.
            if self.without_patients.iter().any(|own| own == issuer) {
                return Err(Missing::AnnansPatient);
            }
            let herself = format!("Patient/{patient}");
            let ombud = fhir_user.filter(|user| *user != herself);
            let who = Who::Patient(Patientanvandare { patient, ombud });
            return Ok((who, &[Context::Patient]));
        }
        let system = self.system(issuer, client, claims)?;
        // A program is nobody: what a person may not do, she may not do by its scopes.
        let not_a_device = |user: String| !user.starts_with("Device/");
        // The id that the operator has told is the program's is no person's.
        let stated = hsa(claims, &self.names.hsa_id)?;
        let configured = self.configured(issuer, client).is_some();
        let own_id = configured && stated.is_some() && stated == system.hsa_id;
        if (self.is_person(claims)? && !own_id) || patient.is_some() || fhir_user.is_some_and(not_a_device) {
            return Err(Missing::Person);
        }
        Ok((Who::System(system), &[Context::System]))
    }

    /// Whether the issuer speaks for this vårdgivare.
    fn spoken_for(&self, issuer: &str, vardgivare: &str) -> Result<(), Missing> {
        match self.vardgivare.get(issuer) {
            Some(own) if !own.iter().any(|own| own == vardgivare) => Err(Missing::AnnansVardgivare),
            _ => Ok(()),
        }
    }

    fn is_person(&self, claims: &Claims) -> Result<bool, Missing> {
        let there = text(claims, &self.names.hsa_id)?.is_some();
        Ok(there && self.type_is_person(claims)?)
    }

    /// What is not said to be something else is a person.
    fn type_is_person(&self, claims: &Claims) -> Result<bool, Missing> {
        let kind = text(claims, &self.names.hsa_id_type)?;
        let person = |kind: &str| {
            self.names
                .person_types
                .iter()
                .any(|name| name.eq_ignore_ascii_case(kind))
        };
        Ok(kind.as_deref().is_none_or(person))
    }

    fn medarbetare(
        &self,
        claims: &Claims,
        fhir_user: Option<String>,
        patient: Option<String>,
    ) -> Result<Medarbetare, Missing> {
        if !self.type_is_person(claims)? {
            return Err(Missing::HsaId);
        }
        Ok(Medarbetare {
            hsa_id: hsa(claims, &self.names.hsa_id)?.ok_or(Missing::HsaId)?,
            vardenhet: hsa(claims, &self.names.vardenhet)?.ok_or(Missing::Vardenhet)?,
            vardgivare: hsa(claims, &self.names.vardgivare)?.ok_or(Missing::Vardgivare)?,
            profession: told(claims, &self.names.profession),
            uppdrag: told(claims, &self.names.uppdrag),
            fhir_user,
            patient,
        })
    }

    /// A program: what the operator says of it outranks what the token says.
    fn system(&self, issuer: &str, client: Option<&str>, claims: &Claims) -> Result<Systemanvandare, Missing> {
        if let Some(system) = self.configured(issuer, client) {
            return Ok(of_settings(system));
        }
        let vardgivare = hsa(claims, &self.names.vardgivare)?.ok_or(Missing::Vardgivare)?;
        self.spoken_for(issuer, &vardgivare)?;
        Ok(Systemanvandare {
            hsa_id: hsa(claims, &self.names.hsa_id)?,
            vardenhet: hsa(claims, &self.names.vardenhet)?,
            vardgivare,
            katalog: false,
        })
    }

    /// What the operator says of this program.
    fn configured(&self, issuer: &str, client: Option<&str>) -> Option<&SystemSettings> {
        self.systems.iter().find(|system| {
            client.is_some()
                && system.client.as_deref() == client
                && system.issuer.as_deref().is_none_or(|named| named == issuer)
        })
    }

    /// The id of the Patient in context; `Patient/[id]` is taken too. A personal number is no id: it would stand in addresses.
    fn patient(&self, claims: &Claims) -> Result<Option<String>, Missing> {
        let Some(patient) = text(claims, &self.names.patient)? else {
            return Ok(None);
        };
        let id = patient.strip_prefix("Patient/").unwrap_or(&patient);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) || is_personal_number(id, self.clock.today()) {
            return Err(Missing::Form);
        }
        Ok(Some(id.to_owned()))
    }
}

/// What a program with a client certificate, or a client that the operator knows, acts for.
pub fn of_settings(system: &SystemSettings) -> Systemanvandare {
    Systemanvandare {
        hsa_id: system.hsa_id.as_deref().map(in_capitals),
        vardenhet: system.vardenhet.as_deref().map(in_capitals),
        vardgivare: in_capitals(&system.vardgivare),
        katalog: system.catalogue,
    }
}

fn is_code(text: &str) -> bool {
    text.len() <= 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Who a `fhirUser` may be (SMART App Launch, 2.1.0.3), and the program itself.
const USERS: [&str; 6] = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Person",
    "Device",
];

/// `https://fhir.example.se/fhir/r4/Practitioner/p` → `Practitioner/p`. `None` when it is no such reference to the letter: what
/// only resembles one would be taken for somebody else.
fn relative(reference: &str) -> Option<&str> {
    let (kind_at, _) = reference.rmatch_indices('/').nth(1).unwrap_or_default();
    let (base, user) = match reference.matches('/').count() {
        1 => (None, reference),
        _ => (reference.get(..kind_at), reference.get(kind_at + 1..)?),
    };
    let is_base = |base: &str| is_absolute(base) && !base.contains(['?', '#']) && !base.contains(char::is_whitespace);
    let is_user = user.split_once('/').is_some_and(|(kind, _)| USERS.contains(&kind)) && is_literal(user);
    (is_user && base.is_none_or(is_base)).then_some(user)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map() -> ClaimsMap {
        ClaimsMap {
            names: ClaimsSettings::default(),
            systems: toml::from_str::<crate::access::settings::AccessSettings>(
                "[[systems]]\nclient = \"journal\"\nhsa_id = \"SE2321000164-SYS\"\nvardgivare = \"SE2321000164-VG\"",
            )
            .expect("settings")
            .systems,
            clock: Clock::System,
            reviewers: vec![("https://idp.example.se".to_owned(), "granskning".to_owned())],
            vardgivare: HashMap::from([(
                "https://region.example.se".to_owned(),
                vec!["SE2321000164-VG".to_owned()],
            )]),
            without_patients: vec!["https://region.example.se".to_owned()],
            pseudonyms: Pseudonyms::new(b"key"),
        }
    }

    fn identity(claims: Value) -> Result<Identity, Missing> {
        let Value::Object(claims) = claims else {
            panic!("claims are an object")
        };
        map().identity("https://idp.example.se", &claims)
    }

    fn nurse() -> Value {
        json!({
            "sub": "u-1", "client_id": "cosmic", "scope": "openid user/*.rs",
            "hsaid": " se2321000164-p1 ", "hsaid_type": "person", "profession": "SJ",
            "vardenhet_hsaid": "SE2321000164-VC", "organization_hsaid": "SE2321000164-VG",
            "fhirUser": "https://fhir.example.se/fhir/r4/Practitioner/p", "purpose_of_use": "TREAT",
        })
    }

    fn without(mut claims: Value, name: &str) -> Value {
        claims.as_object_mut().expect("an object").remove(name);
        claims
    }

    fn with(mut claims: Value, name: &str, value: Value) -> Value {
        claims[name] = value;
        claims
    }

    #[test]
    fn one_who_works_in_care_has_an_id_a_unit_and_a_provider() {
        let found = identity(nurse()).expect("an identity");
        assert_eq!(found.purpose.as_deref(), Some("TREAT"));
        assert_eq!(found.client.as_deref(), Some("cosmic"));
        let Who::Medarbetare(medarbetare) = found.who else {
            panic!("{:?}", found.who)
        };
        assert_eq!(medarbetare.hsa_id, "SE2321000164-P1");
        assert_eq!(medarbetare.vardenhet, "SE2321000164-VC");
        assert_eq!(medarbetare.vardgivare, "SE2321000164-VG");
        assert_eq!(medarbetare.fhir_user.as_deref(), Some("Practitioner/p"));
        for (name, missing) in [
            ("hsaid", Missing::HsaId),
            ("vardenhet_hsaid", Missing::Vardenhet),
            ("organization_hsaid", Missing::Vardgivare),
        ] {
            assert_eq!(identity(without(nurse(), name)), Err(missing), "{name}");
        }
        assert_eq!(
            identity(with(nurse(), "hsaid_type", json!("function"))),
            Err(Missing::HsaId)
        );
        assert_eq!(
            identity(with(nurse(), "hsaid", json!("195009072553"))),
            Err(Missing::Form)
        );
        assert_eq!(
            identity(with(
                nurse(),
                "vardenhet_hsaid",
                json!(["SE2321000164-A", "SE2321000164-B"])
            )),
            Err(Missing::Form)
        );
    }

    #[test]
    fn staff_never_read_as_the_patient() {
        let launched = with(with(nurse(), "scope", json!("patient/*.rs")), "patient", json!("anna"));
        let found = identity(launched.clone()).expect("an identity");
        assert!(
            matches!(&found.who, Who::Medarbetare(it) if it.patient.as_deref() == Some("anna")),
            "{found:?}"
        );
        assert_eq!(
            identity(without(launched.clone(), "vardenhet_hsaid")),
            Err(Missing::Vardenhet)
        );
        assert_eq!(
            identity(without(launched.clone(), "hsaid")),
            Err(Missing::HsaId),
            "fhirUser says Practitioner"
        );
        assert_eq!(identity(without(launched, "patient")), Err(Missing::Patient));
    }

    #[test]
    fn a_user_who_is_told_in_another_form_is_nobody() {
        let launched = with(with(nurse(), "scope", json!("patient/*.rs")), "patient", json!("anna"));
        let alone = ["hsaid", "hsaid_type", "vardenhet_hsaid", "organization_hsaid"]
            .into_iter()
            .fold(launched.clone(), without);
        for wrong in [
            "https://x.example.se/Practitioner/p/",
            "https://x.example.se/Practitioner/p/_history/1",
            "Practitioner/p/_history/1",
            "practitioner/p",
            "PRACTITIONER/p",
            "https://x.example.se/Practitioner/p?y=/z",
            "https://x.example.se/Practitioner/p#a",
            "https://x.example.se/?a=/Patient/anna",
            "x/Practitioner/p",
            "//Practitioner/p",
            "/Practitioner/p",
            "Practitioner/",
            "Practitioner",
            "p",
            "Practitioner/p p",
            "Organization/o",
            "Practitioner/p%2e",
        ] {
            for claims in [&alone, &launched, &nurse()] {
                let told = identity(with(claims.clone(), "fhirUser", json!(wrong)));
                assert_eq!(told, Err(Missing::FhirUser), "{wrong}");
            }
        }
        for right in [
            "Practitioner/p",
            "PractitionerRole/p",
            "https://x.example.se/fhir/r5/Practitioner/p",
        ] {
            let told = identity(with(alone.clone(), "fhirUser", json!(right)));
            assert_eq!(told, Err(Missing::HsaId), "{right}");
        }
        // An HSA-id of whatever kind is no patient's.
        for kind in ["function", "Funktion", "x"] {
            let mut told = with(without(launched.clone(), "fhirUser"), "hsaid_type", json!(kind));
            assert_eq!(identity(told.clone()), Err(Missing::HsaId), "{kind}");
            told["fhirUser"] = json!("Patient/anna");
            assert_eq!(identity(told), Err(Missing::HsaId), "{kind}");
        }
        for number in ["Practitioner/1950.0907.2553", "Practitioner/1950-09-07-2553"] {
            let told = with(nurse(), "fhirUser", json!(number));
            assert_eq!(identity(told), Err(Missing::Form), "{number}");
        }
    }

    #[test]
    fn a_patient_has_a_record_and_may_have_somebody_who_acts_for_her() {
        let claims = json!({ "sub": "x", "scope": "patient/*.rs user", "patient": "anna", "fhirUser": "Patient/anna" });
        let found = identity(claims.clone()).expect("an identity").who;
        assert_eq!(
            found,
            Who::Patient(Patientanvandare {
                patient: "anna".to_owned(),
                ombud: None
            })
        );
        let proxy = identity(with(claims.clone(), "fhirUser", json!("RelatedPerson/r")))
            .expect("an identity")
            .who;
        assert!(matches!(proxy, Who::Patient(it) if it.ombud.as_deref() == Some("RelatedPerson/r")));
        assert_eq!(identity(without(claims.clone(), "patient")), Err(Missing::Patient));
        for wrong in [
            "195009072553",
            "19500907-2553",
            "a b",
            "Patient/",
            "Patient/a/b",
            "a|b",
            "",
        ] {
            let told = identity(with(claims.clone(), "patient", json!(wrong)));
            assert!(
                matches!(told, Err(Missing::Form | Missing::Patient)),
                "{wrong}: {told:?}"
            );
        }
        // Ids that the service or a journal made, whatever digits they have.
        for id in ["01990412-7255-7012-8345-195009072553", "5009072553", "202611221234"] {
            assert!(identity(with(claims.clone(), "patient", json!(id))).is_ok(), "{id}");
            let staff = with(nurse(), "fhirUser", json!(format!("Practitioner/{id}")));
            assert!(identity(staff).is_ok(), "{id}");
        }
    }

    #[test]
    fn a_program_acts_for_the_provider_that_the_operator_or_the_token_names() {
        let claims = json!({ "sub": "journal", "client_id": "journal", "scope": "system/*.cruds openid",
            "hsaid": "SE2321000164-OTHER", "hsaid_type": "function" });
        let Who::System(system) = identity(claims.clone()).expect("an identity").who else {
            panic!()
        };
        assert_eq!(system.hsa_id.as_deref(), Some("SE2321000164-SYS"));
        assert_eq!(system.vardgivare, "SE2321000164-VG");
        let other = with(claims, "client_id", json!("other"));
        assert_eq!(identity(other.clone()), Err(Missing::Vardgivare));
        let told = with(other, "organization_hsaid", json!("SE2321000164-VG2"));
        assert!(
            matches!(identity(told).expect("an identity").who, Who::System(it) if it.vardgivare == "SE2321000164-VG2")
        );
    }

    #[test]
    fn a_token_of_a_person_is_no_program_whatever_its_scopes() {
        let program = json!({ "sub": "journal", "client_id": "journal", "scope": "system/*.cruds" });
        for (name, value) in [
            ("hsaid", json!("SE2321000164-P1")),
            ("fhirUser", json!("Practitioner/p")),
            ("fhirUser", json!("https://fhir.example.se/fhir/r5/Patient/anna")),
            ("patient", json!("anna")),
        ] {
            let told = with(program.clone(), name, value.clone());
            assert_eq!(identity(told.clone()), Err(Missing::Person), "{name} {value}");
            let unknown = with(
                with(told, "client_id", json!("x")),
                "organization_hsaid",
                json!("SE2321000164-VG"),
            );
            assert_eq!(identity(unknown), Err(Missing::Person), "{name} {value}");
        }
        let nurse = with(nurse(), "scope", json!("system/*.cruds"));
        assert_eq!(identity(nurse), Err(Missing::Person));
        for (name, value) in [("hsaid", "SE2321000164-SYS"), ("fhirUser", "Device/journal")] {
            identity(with(program.clone(), name, json!(value))).expect("the program itself");
        }
    }

    #[test]
    fn an_issuer_speaks_for_its_own_vardgivare() {
        let by_region = |claims: Value| {
            let Value::Object(claims) = claims else { panic!() };
            map().identity("https://region.example.se", &claims)
        };
        by_region(nurse()).expect("its own");
        let other = with(nurse(), "organization_hsaid", json!("SE2321000172-VG"));
        assert_eq!(by_region(other.clone()), Err(Missing::AnnansVardgivare));
        identity(other).expect("an issuer that speaks for all");
        let program = json!({ "sub": "x", "scope": "system/*.rs", "organization_hsaid": "SE2321000172-VG" });
        assert_eq!(by_region(program.clone()), Err(Missing::AnnansVardgivare));
        by_region(with(program, "organization_hsaid", json!("se2321000164-vg"))).expect("its own");
        let patient = json!({ "sub": "x", "scope": "patient/*.rs", "patient": "anna" });
        // Patients are whole regions': an issuer of one vårdgivare has them only when that is said of it.
        assert_eq!(by_region(patient.clone()), Err(Missing::AnnansPatient));
        identity(patient).expect("an issuer that speaks for all");
    }

    #[test]
    fn only_the_scopes_of_the_capacity_count() {
        let claims = with(nurse(), "scope", json!("user/CareTeam.rs system/*.cruds"));
        let scopes = identity(claims).expect("an identity").scopes;
        assert_eq!(scopes, Scopes::read("user/CareTeam.rs"));
        assert_eq!(identity(with(nurse(), "scope", json!("openid"))), Err(Missing::Scope));
        assert_eq!(identity(without(nurse(), "scope")), Err(Missing::Scope));
        let listed = with(without(nurse(), "scope"), "scp", json!(["user/*.rs", "openid"]));
        assert_eq!(identity(listed).expect("an identity").scopes, Scopes::read("user/*.rs"));
    }

    #[test]
    fn a_subject_and_a_client_that_may_be_personal_numbers_are_hidden() {
        let mut claims = nurse();
        claims["sub"] = json!("195009072553");
        claims["client_id"] = json!("19500907-2553");
        let found = identity(claims).expect("an identity");
        assert!(found.subject.starts_with("dold-"));
        assert!(found.client.is_some_and(|client| client.starts_with("dold-")));
        assert_eq!(identity(nurse()).expect("an identity").subject, "u-1");
    }

    #[test]
    fn a_purpose_that_is_not_understood_is_not_taken_for_care() {
        assert_eq!(
            identity(with(nurse(), "purpose_of_use", json!("vård och behandling"))),
            Err(Missing::Form)
        );
        assert_eq!(
            identity(without(nurse(), "purpose_of_use"))
                .expect("an identity")
                .purpose,
            None
        );
    }
}
