//! The rules about the patient's whole picture: PAT, LIST, UTS.

use super::Check::{Lista, Patient};
use super::Rule;
use super::kallor::{gavleborg, halland, orebro};
use crate::riktlinje::finding::Severity::{Error, Information, Warning};
use crate::riktlinje::{list, pat, uts};

pub(super) static RULES: &[Rule] = &[
    // The patient's whole picture.
    Rule::new("PAT-01", Error, concat!(orebro!("8.3"), "; ", halland!("2.1"))).off().patient().demands(
        "En patient med en insats som kräver det har en fast läkarkontakt.",
        "A patient with an insats that requires it has a fast läkarkontakt.",
    ).check(Patient(pat::pat_01)),
    Rule::new("PAT-02", Warning, orebro!("8.3")).patient().demands(
        "En patient med stort vård- och omsorgsbehov har en fast läkarkontakt om behovet finns.",
        "A patient with great needs of care has a fast läkarkontakt when needed.",
    ).check(Patient(pat::pat_02)),
    Rule::new("PAT-03", Error, orebro!("7.2")).patient().underlag().demands(
        "En patient med livshotande tillstånd har en legitimerad läkare som fast vårdkontakt.",
        "A patient in a life-threatening condition has a licensed physician as fast vårdkontakt.",
    ).check(Patient(pat::pat_03)),
    Rule::new("PAT-04", Warning, concat!(orebro!("9.1"), "; ", gavleborg!("handlingsplan"))).patient().demands(
        "Patienter i de prioriterade grupperna har en dokumenterad överenskommelse.",
        "Patients in the prioritised groups have a dokumenterad överenskommelse.",
    ).check(Patient(pat::pat_04)),
    Rule::new("PAT-05", Warning, orebro!("9.2")).patient().demands(
        "En patient med stort vård- och omsorgsbehov har en medicinsk vårdplan.",
        "A patient with great needs of care has a medicinsk vårdplan.",
    ).check(Patient(pat::pat_05)),
    Rule::new("PAT-06", Warning, concat!(orebro!("7.3"), "; ", gavleborg!("rutin för fast vårdkontakt"))).patient().underlag().demands(
        "Behovet av fast vårdkontakt omprövas fortlöpande.",
        "The need of a fast vårdkontakt is reviewed continuously.",
    ).check(Patient(pat::pat_06)),
    Rule::new("PAT-07", Information, orebro!("1.1.3, 9.3")).patient().demands(
        "En patient med insatser från region och kommun har en SIP när den behövs.",
        "A patient with insatser from region and kommun has a SIP when needed.",
    ).check(Patient(pat::pat_07)),
    Rule::new("PAT-08", Error, concat!("Patientlagen (2014:821) 6 kap. 2 §; ", orebro!("7.3, 8.3"))).patient().underlag().demands(
        "En begärd fast kontakt utses.",
        "A fast kontakt that was asked for is appointed.",
    ).check(Patient(pat::pat_08)),
    Rule::new("LIST-01", Information, "Region Jämtland Härjedalen, handlingsplaner 2024 och 2025").demands(
        "En läkares antal patienter jämförs med riktvärdet, varken golv eller tak.",
        "A physician's number of patients is compared with the guide value, neither floor nor ceiling.",
    ).check(Lista(list::list_01)),
    Rule::new("UTS-01", Error, concat!(orebro!("1.1.1, 7.5"), "; Lag (2017:612) 2 kap. 5 §")).patient().underlag().demands(
        "En fast vårdkontakt i regionens öppenvård är utsedd innan patienten skrivs ut.",
        "A fast vårdkontakt in the region's open care is appointed before discharge.",
    ).check(Patient(uts::uts_01)),
    Rule::new("UTS-02", Warning, halland!("2.1")).patient().underlag().demands(
        "Efter psykiatrisk slutenvård finns den samordnande fasta vårdkontakten i den psykiatriska öppenvården.",
        "After psychiatric inpatient care the coordinating fast vårdkontakt is in psychiatric open care.",
    ).check(Patient(uts::uts_02)),
    Rule::new("UTS-03", Warning, orebro!("7.5")).patient().underlag().demands(
        "Efter utskrivning finns samordningsansvaret i regionens öppenvård tills behovet upphört eller ansvaret förts över.",
        "After discharge coordination stays in the region's open care until the need ceases or it is handed over.",
    ).check(Patient(uts::uts_03)),
];
