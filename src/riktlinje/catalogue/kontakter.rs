//! The rules about a fast kontakt: FK, FVK, FLK, FOK.

use super::Check::{Kontakt, Period};
use super::Rule;
use super::kallor::{GET_CARE_MANAGERS, gavleborg, halland, jamtland, orebro};
use crate::riktlinje::finding::Severity::{Error, Information, Warning};
use crate::riktlinje::kontakt::Kontakter;
use crate::riktlinje::{fk, flk, fok, fvk};

pub(super) static RULES: &[Rule] = &[
    // Every fast kontakt.
    Rule::new("FK-01", Error, concat!(orebro!("7.1, 8.1"), "; ", jamtland!("nuläge")))
        .active()
        .underlag()
        .demands(
            "En fast kontakt är en namngiven person.",
            "A fast kontakt is a named person.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_01)),
    Rule::new("FK-02", Error, "Inera, CareTeam IG 0.9")
        .active()
        .underlag()
        .demands(
            "En fast kontakt har exakt en deltagare, exakt en typ och gäller en patient.",
            "A fast kontakt has exactly one participant, exactly one type and a patient as its subject.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_02)),
    Rule::new("FK-03", Error, "HL7 FHIR, per-1")
        .at_ending()
        .demands(
            "En period slutar inte före sin början; en kontakt vars slut har passerats är inte aktiv.",
            "A period does not end before it starts; a contact whose end has passed is not active.",
        )
        .check(Period(fk::fk_03)),
    Rule::new(
        "FK-04",
        Warning,
        concat!(orebro!("7.4"), "; Inera, GetCareManagers 1.0"),
    )
    .active()
    .underlag()
    .demands(
        "Patienten kan nå sin fasta kontakt.",
        "The patient can reach the fast kontakt.",
    )
    .check(Kontakt(Kontakter::Alla, fk::fk_04)),
    Rule::new("FK-05", Error, GET_CARE_MANAGERS)
        .active()
        .underlag()
        .demands(
            "Kontaktens vårdenhet är känd, har HSA-id och en vårdgivare.",
            "The contact's vårdenhet is known, has an HSA-id and a vårdgivare.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_05)),
    Rule::new("FK-06", Warning, gavleborg!("rutin för fast vårdkontakt"))
        .at_ending()
        .underlag()
        .demands(
            "När behovet upphört avslutas kontakten i samråd med patienten, och skälet anges.",
            "A contact whose need has ceased ends in consultation with the patient, and says why.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_06)),
    Rule::new("FK-07", Warning, jamtland!("nuläge"))
        .active()
        .demands(
            "Personens uppdrag pågår så länge kontakten gör det.",
            "The person's assignment lasts as long as the contact.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_07)),
    Rule::new("FK-08", Warning, halland!("2.1"))
        .active()
        .demands(
            "En konsultverksamhet erbjuder varken fast vårdkontakt eller fast läkarkontakt.",
            "A consulting unit offers neither fast vårdkontakt nor fast läkarkontakt.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_08)),
    Rule::new("FK-09", Warning, "Patientlagen 6 kap 2, 3 §§; HSL 7 kap 3 a §")
        .patient()
        .demands(
            "En fast kontakt som ersätts följs av en som gäller.",
            "A fast kontakt that is replaced is followed by one that is in force.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_09)),
    // Fast vårdkontakt.
    Rule::new("FVK-01", Error, orebro!("1.1.1, 7.2"))
        .active()
        .underlag()
        .patient()
        .demands(
            "Vid livshotande tillstånd är en legitimerad läkare fast vårdkontakt.",
            "In a life-threatening condition a licensed physician is fast vårdkontakt.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_01)),
    Rule::new("FVK-02", Error, orebro!("7.2"))
        .off()
        .active()
        .underlag()
        .demands(
            "En fast vårdkontakt tillhör hälso- och sjukvårdspersonalen.",
            "A fast vårdkontakt belongs to the health care staff.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_02)),
    Rule::new(
        "FVK-03",
        Warning,
        concat!(gavleborg!("rutin för fast vårdkontakt"), "; ", halland!("2.3")),
    )
    .active()
    .patient()
    .demands(
        "En patient har inte fler aktiva fasta vårdkontakter än regionen tillåter.",
        "A patient has no more active fasta vårdkontakter than the region allows.",
    )
    .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_03)),
    Rule::new("FVK-04", Warning, orebro!("7.5"))
        .active()
        .patient()
        .demands(
            "En av de fasta vårdkontakterna har det övergripande samordningsansvaret.",
            "One of the fasta vårdkontakter has the overall responsibility for coordination.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_04)),
    Rule::new("FVK-05", Warning, orebro!("7.5"))
        .active()
        .patient()
        .demands(
            "Har patienten fasta vårdkontakter i flera verksamheter är en av dem samordningsansvarig.",
            "When the patient has fasta vårdkontakter at several units, one of them coordinates.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_05)),
    Rule::new(
        "FVK-06",
        Information,
        concat!(orebro!("7.3"), "; Patientlagen (2014:821) 6 kap. 2 §"),
    )
    .active()
    .demands(
        "Skälet till kontakten anges.",
        "The reason for the contact is recorded.",
    )
    .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_06)),
    Rule::new("FVK-07", Information, orebro!("7.5"))
        .active()
        .patient()
        .demands(
            "Samordningsansvaret förs över i samband med att en individuell plan upprättas.",
            "The responsibility for coordination is handed over when an individual plan is made.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_07)),
    Rule::new("FVK-08", Information, orebro!("7.3"))
        .active()
        .demands(
            "Kontakten utses så långt som möjligt i samråd med patienten.",
            "The contact is appointed in consultation with the patient as far as possible.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_08)),
    // Fast läkarkontakt and fast omsorgskontakt.
    Rule::new("FLK-01", Error, orebro!("8.1"))
        .active()
        .underlag()
        .demands("En fast läkarkontakt är läkare.", "A fast läkarkontakt is a physician.")
        .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_01)),
    Rule::new("FLK-02", Warning, orebro!("8.2"))
        .active()
        .underlag()
        .demands(
            "En fast läkarkontakt är specialist, har likvärdig kompetens eller fullgör specialisttjänstgöring.",
            "A fast läkarkontakt is a specialist, has equivalent competence or is in specialist training.",
        )
        .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_02)),
    Rule::new("FLK-03", Warning, concat!(orebro!("8.1"), "; HSL (2017:30) 7 kap. 3 §"))
        .active()
        .underlag()
        .demands(
            "En fast läkarkontakt finns i primärvården.",
            "A fast läkarkontakt works in primary care.",
        )
        .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_03)),
    Rule::new(
        "FLK-04",
        Error,
        "Inera, GetCareManagers 1.0, rule001; HSL (2017:30) 7 kap. 3 a §",
    )
    .active()
    .patient()
    .demands(
        "En patient har högst en fast läkarkontakt åt gången.",
        "A patient has at most one fast läkarkontakt at a time.",
    )
    .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_04)),
    Rule::new("FOK-01", Error, "Socialtjänstlagen (2025:400) 25 kap. 4 §")
        .active()
        .underlag()
        .demands(
            "En fast omsorgskontakt har den skyddade yrkestiteln undersköterska.",
            "A fast omsorgskontakt holds the protected title undersköterska.",
        )
        .check(Kontakt(Kontakter::Omsorgskontakt, fok::fok_01)),
];
