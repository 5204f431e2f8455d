//! Every code system, code and extension that the rules read, in one place. Used by the families of rules and by
//! [`super::effect`]; sources: riktlinje.md part 3 and the national facts.

use fastkontakt_model::facts::Concept;

use crate::fhir::identifiers::canonical_system;

/// Builds the address of one of our own definitions.
macro_rules! own {
    ($path:literal) => {
        concat!("https://w3id.org/fastkontakt/", $path)
    };
}

/// The system of the rule ids in every OperationOutcome.
pub const CODE_SYSTEM: &str = own!("CodeSystem/riktlinje");

// Own code systems.
pub const TYP_TILLAGG: &str = own!("CodeSystem/typ-av-fast-kontakt-tillagg");
pub const ANLEDNING: &str = own!("CodeSystem/anledning");
pub const PLANTYP: &str = own!("CodeSystem/plantyp");
pub const HUVUDMAN_CS: &str = own!("CodeSystem/huvudman");
pub const ALLVARLIGHETSGRAD: &str = own!("CodeSystem/allvarlighetsgrad");
pub const VARDENHETSTYP: &str = own!("CodeSystem/vardenhetstyp");
pub const MEDICINSK_VARDPLAN_DEL: &str = own!("CodeSystem/medicinsk-vardplan-del");
pub const INSATSFORM: &str = own!("CodeSystem/insatsform");
pub const BEHOVSGRUPP: &str = own!("CodeSystem/behovsgrupp");
pub const BEGARAN: &str = own!("CodeSystem/begaran");
pub const ERBJUDANDE: &str = own!("CodeSystem/erbjudande");
/// Kinds of Task beside what is asked for and offered: `inskrivningsmeddelande`.
pub const ARENDE: &str = own!("CodeSystem/arende");
/// Kinds of Communication that the service writes: `kontakt-ersatt`, `ersattning-aterkallad`, `overenskommelse-upprattad`.
pub const MEDDELANDE: &str = own!("CodeSystem/meddelande");

// Own extensions.
pub const EXT_AVSLUTSORSAK: &str = own!("StructureDefinition/avslutsorsak");
pub const EXT_AVSLUTAD_I_SAMRAD: &str = own!("StructureDefinition/avslutad-i-samrad");
pub const EXT_ERSATTER: &str = own!("StructureDefinition/ersatter");
pub const EXT_UPPDRAGSGIVARE: &str = own!("StructureDefinition/uppdragsgivare");
pub const EXT_HUVUDMAN: &str = own!("StructureDefinition/huvudman");
pub const EXT_INGEN_BOKAD_TID: &str = own!("StructureDefinition/ingen-bokad-tid");
pub const EXT_INGET_EGET_ATAGANDE: &str = own!("StructureDefinition/inget-eget-atagande");
/// From when a contact of another vårdgivare replaces this one; the `date` search knows it too.
pub use crate::fhir::search::EXT_ERSATT_FRAN;
/// Which contact replaces this one, what the service changed when it did, and whether that came to nothing; nested as below.
pub const EXT_ERSATT_AV: &str = own!("StructureDefinition/ersatt-av");
pub const ERSATT_AV_KONTAKT: &str = "kontakt";
pub const ERSATT_AV_FRAN: &str = "fran";
pub const ERSATT_AV_TIDIGARE_SLUT: &str = "tidigareSlut";
pub const ERSATT_AV_TIDIGARE_ORSAK: &str = "tidigareOrsak";
pub const ERSATT_AV_ATERKALLAD: &str = "aterkallad";
pub const EXT_SENAST_OMPROVAD: &str = own!("StructureDefinition/senast-omprovad");
pub const EXT_SAMRAD: &str = own!("StructureDefinition/samrad");
pub const EXT_INTERN_ANTECKNING: &str = own!("StructureDefinition/intern-anteckning");
pub const EXT_LIKVARDIG_KOMPETENS: &str = own!("StructureDefinition/likvardig-kompetens");
/// When an åtagande is carried out, in free text.
pub const EXT_NAR: &str = own!("StructureDefinition/nar");
/// A part of a medicinsk vårdplan that does not apply: nested `del` and `skal`.
pub const EXT_EJ_AKTUELLT: &str = own!("StructureDefinition/ej-aktuellt");
pub const EXT_DELAKTIGHET: &str = own!("StructureDefinition/delaktighet");
pub const EXT_EJ_DIGITAL_ATKOMST: &str = own!("StructureDefinition/ej-digital-atkomst");
pub const EXT_INGA_ANDRA_ATGARDER: &str = own!("StructureDefinition/inga-andra-atgarder");
pub const EXT_BEHOV_EFTER_UTSKRIVNING: &str = own!("StructureDefinition/behov-efter-utskrivning");
/// On an issue of a `$riktlinjekontroll`: the resource it is about.
pub const EXT_BERORD_RESURS: &str = own!("StructureDefinition/berord-resurs");

/// Reason of a contact: the patient is in a life-threatening state.
pub const LIVSHOTANDE_TILLSTAND: &str = "livshotande-tillstand";
/// Own degree of severity of a Condition.
pub const LIVSHOTANDE: &str = "livshotande";
/// Why no time is booked (extension `ingen-bokad-tid`).
pub const SKAL_INGEN_BOKAD_TID: &[&str] = &["vid-behov", "kallelse-kommer", "egenvard", "avslutas"];
/// How the patient takes part where not as a contributor (extension `delaktighet`).
pub const DELAKTIGHET: &[&str] = &["narstaende", "ej-mojlig"];
/// Why a plan is not shown to the patient (extension `ej-digital-atkomst`).
pub const SKAL_EJ_DIGITAL_ATKOMST: &[&str] = &["menprovning", "skydd", "patientens-onskan"];
/// Parts of a medicinsk vårdplan.
pub const PROGNOS: &str = "prognos";
pub const VARDNIVA_OCH_INRIKTNING: &str = "vardniva-och-inriktning";
pub const DIREKTKONTAKT: &str = "direktkontakt";
pub const HANDLINGSPLAN_VID_FORSAMRING: &str = "handlingsplan-vid-forsamring";
pub const UPPFOLJNING: &str = "uppfoljning";
pub const BEHANDLINGSBEGRANSNING: &str = "behandlingsbegransning";
/// Insatsformer that EpisodeOfCare.type and the policies name.
pub const INSATSFORMER: &[&str] = &[
    "sarskilt-boende",
    "korttidsvard",
    "hemsjukvard",
    "boende-med-sarskild-service",
];
/// Groups of needs that Flag.code and the policies name.
pub const BEHOVSGRUPPER: &[&str] = &[
    "enkelt",
    "komplicerat",
    "kroniskt",
    "komplext",
    "stort-vard-och-omsorgsbehov",
];
/// Types of fast kontakt beside the national ones.
pub const TILLAGG: &[&str] = &[
    "kontaktsjukskoterska",
    "astma-kol-sjukskoterska",
    "diabetessjukskoterska",
    "hjartsviktssjukskoterska",
    "patientansvarig-sjukskoterska",
    "patientansvarig-arbetsterapeut",
    "patientansvarig-fysioterapeut",
    "patientansvarig-psykolog",
    "patientansvarig-kurator",
    "patientansvarig-underskoterska",
];

/// Why a contact ended (extension `avslutsorsak`).
pub const AVSLUTSORSAKER: &[&str] = &[
    BEHOV_UPPHORT,
    "patientens-onskemal",
    "byte",
    "flytt",
    "avliden",
    "annan",
];
/// `avslutsorsak` of a contact whose need has ceased.
pub const BEHOV_UPPHORT: &str = "behov-upphort";
/// `avslutsorsak` of a contact that another replaces.
pub const BYTE: &str = "byte";
/// Reason of a contact: the patient asked for it.
pub const PATIENTENS_BEGARAN: &str = "patientens-begaran";
/// Kind of Communication: a contact was replaced by one of another vårdgivare.
pub const KONTAKT_ERSATT: &str = "kontakt-ersatt";
/// Kind of Communication: the contact that was to replace one is not in force.
pub const ERSATTNING_ATERKALLAD: &str = "ersattning-aterkallad";
/// Kind of Communication: someone else than the fast vårdkontakt made an överenskommelse.
pub const OVERENSKOMMELSE_UPPRATTAD: &str = "overenskommelse-upprattad";

// National and international systems.
pub const TYP_AV_CARETEAM: &str = "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs";
pub use crate::fhir::identifiers::TYP_AV_FAST_KONTAKT;
/// Inera's extension on a participant: the contact is reached through a team.
pub const EXT_VIA_TEAM: &str = "https://fhir.inera.se/ig/careteam/StructureDefinition/riv-contact-via-team-extension";
/// HSA verksamhetstyp; `15` is primary care.
pub const VERKSAMHETSTYP: &str = "urn:oid:1.2.752.129.2.2.1.3";
/// v3 ActCode: security label `NOPATIENT`, class `IMP` of an inpatient stay.
pub const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Security label: not to be shown to the patient.
pub const NOPATIENT: &str = "NOPATIENT";
/// How a patient left an inpatient stay; `exp` is dead.
pub const DISCHARGE_DISPOSITION: &str = "http://terminology.hl7.org/CodeSystem/discharge-disposition";
pub const TYP_AV_PLAN: &str = "https://fhir.inera.se/CodeSystem/typeofcareplan-cs";
/// Licences (HOSP).
pub const LEGITIMATION: &str = "urn:oid:1.2.752.116.3.1.3";
pub const ORGANISATIONSNUMMER: &str = "urn:oid:2.5.4.97";
/// SNOMED CT: life threatening severity.
pub const SNOMED_LIVSHOTANDE: &str = "442452003";
pub const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
pub const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
/// Where the conversion from R4 keeps further roles of a participant (design: conversion (a)).
pub const R4_ROLES: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-CareTeam.participant.role";
/// Where the conversion from R4 keeps what an åtagande has no place for (`CarePlan.activity.detail`), its extensions too.
pub const R4_DETAIL: &str = "http://hl7.org/fhir/4.0/StructureDefinition/extension-CarePlan.activity.detail";

/// Whether a concept has this code of this system, by whichever of its names the system goes.
pub fn anger(concept: &Concept, system: &str, code: &str) -> bool {
    let system = canonical_system(system);
    concept.codings.iter().any(|coding| {
        coding.code.as_deref() == Some(code) && coding.system.as_deref().map(canonical_system) == Some(system)
    })
}
