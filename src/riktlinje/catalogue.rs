//! Every rule of the riktlinje as data: id, demand, source, severity, marks, and the function that checks it. The table
//! is also the dispatch: a rule whose check is [`Check::Planned`] is in the guideline but not enforced yet, and
//! [`catalogue`] leaves it out, so that nothing pretends. The ids are public API and never change meaning.

use std::fmt;

use super::finding::{Remark, Severity};
use super::kontakt::{Kontaktbild, Kontakter};
use super::period::Periodbild;
use super::plan::{Planbild, Planer};
use super::{dok, fk, flk, fvk, id, sip};

/// The stable id of a rule in the table below, e.g. `FLK-04`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(&'static str);

impl RuleId {
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The id of a rule in the guideline, checked yet or not.
    pub fn find(id: &str) -> Option<RuleId> {
        RULES.iter().map(|rule| rule.id).find(|known| known.0 == id)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a rule looks at, and the function that looks.
#[derive(Clone, Copy)]
pub enum Check {
    /// A written fast kontakt of one of these types.
    Kontakt(Kontakter, fn(&Kontaktbild<'_>) -> Vec<Remark>),
    /// A written plan of one of these types.
    Plan(Planer, fn(&Planbild<'_>) -> Vec<Remark>),
    /// The period of any CareTeam or CarePlan.
    Period(fn(&Periodbild<'_>) -> Vec<Remark>),
    /// The identifiers of people and organizations.
    Identitet(fn(&id::Identitetsbild<'_>) -> Vec<Remark>),
    /// In the guideline, not yet checked.
    Planned,
}

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    pub id: RuleId,
    /// Where no policy says otherwise; `None` is off.
    pub severity: Option<Severity>,
    /// Enforced when the resource is active, told as information while it is planned, else silent.
    pub active: bool,
    /// Looks at the patient's whole picture.
    pub patient: bool,
    /// Judged also when a write only ends or limits (GEN-02).
    pub at_ending: bool,
    /// What the rule demands, in Swedish and English.
    pub sv: &'static str,
    pub en: &'static str,
    pub source: &'static str,
    pub check: Check,
}

impl Rule {
    /// Whether the rule is enforced by this version of the service.
    pub fn is_checked(&self) -> bool {
        !matches!(self.check, Check::Planned)
    }

    const fn new(id: &'static str, severity: Severity, source: &'static str) -> Rule {
        Rule {
            id: RuleId(id),
            severity: Some(severity),
            active: false,
            patient: false,
            at_ending: false,
            sv: "",
            en: "",
            source,
            check: Check::Planned,
        }
    }

    const fn off(self) -> Rule {
        Rule { severity: None, ..self }
    }

    const fn active(self) -> Rule {
        Rule { active: true, ..self }
    }

    const fn patient(self) -> Rule {
        Rule { patient: true, ..self }
    }

    const fn at_ending(self) -> Rule {
        Rule {
            at_ending: true,
            ..self
        }
    }

    const fn demands(self, sv: &'static str, en: &'static str) -> Rule {
        Rule { sv, en, ..self }
    }

    const fn check(self, check: Check) -> Rule {
        Rule { check, ..self }
    }
}

/// The rules that this version of the service enforces, in the order in which findings are told.
pub fn catalogue() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(|rule| rule.is_checked())
}

macro_rules! orebro {
    ($section:literal) => {
        concat!("Region Örebro län, riktlinje 1030579 R1, ", $section)
    };
}
macro_rules! gavleborg {
    ($section:literal) => {
        concat!("Region Gävleborg, handlingsplan för patientkontrakt 2021, ", $section)
    };
}
macro_rules! halland {
    ($section:literal) => {
        concat!("Region Halland, handlingsplan God och nära vård 2021, ", $section)
    };
}
macro_rules! jamtland {
    ($section:literal) => {
        concat!(
            "Region Jämtland Härjedalen, handlingsplan fasta kontakter 2025, ",
            $section
        )
    };
}
const GET_CARE_MANAGERS: &str = "Inera, GetCareManagers 1.0";
const SKATTEVERKET: &str = "Skatteverket, personnummer och samordningsnummer";

use Check::{Identitet, Kontakt, Period, Plan};
use Severity::{Error, Information, Warning};

/// All rules of the guideline, family by family. The severity is that of the national policy; a rule whose only source
/// is one region's document is an error in that region's policy file.
static RULES: &[Rule] = &[
    // Every fast kontakt.
    Rule::new("FK-01", Error, concat!(orebro!("7.1, 8.1"), "; ", jamtland!("nuläge")))
        .active()
        .demands("En fast kontakt är en namngiven person.", "A fast kontakt is a named person.")
        .check(Kontakt(Kontakter::Alla, fk::fk_01)),
    Rule::new("FK-02", Error, "Inera, CareTeam IG 0.9")
        .active()
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
    Rule::new("FK-04", Warning, concat!(orebro!("7.4"), "; Inera, GetCareManagers 1.0"))
        .active()
        .demands("Patienten kan nå sin fasta kontakt.", "The patient can reach the fast kontakt."),
    Rule::new("FK-05", Error, GET_CARE_MANAGERS)
        .active()
        .demands(
            "Kontaktens vårdenhet är känd, har HSA-id och en vårdgivare.",
            "The contact's vårdenhet is known, has an HSA-id and a vårdgivare.",
        )
        .check(Kontakt(Kontakter::Alla, fk::fk_05)),
    Rule::new("FK-06", Warning, gavleborg!("rutin för fast vårdkontakt")).at_ending().demands(
        "När behovet upphört avslutas kontakten i samråd med patienten, och skälet anges.",
        "A contact whose need has ceased ends in consultation with the patient, and says why.",
    ),
    Rule::new("FK-07", Warning, jamtland!("nuläge")).active().demands(
        "Personens uppdrag pågår så länge kontakten gör det.",
        "The person's assignment lasts as long as the contact.",
    ),
    Rule::new("FK-08", Warning, halland!("2.1")).active().demands(
        "En konsultverksamhet erbjuder varken fast vårdkontakt eller fast läkarkontakt.",
        "A consulting unit offers neither fast vårdkontakt nor fast läkarkontakt.",
    ),
    // Fast vårdkontakt.
    Rule::new("FVK-01", Error, orebro!("1.1.1, 7.2"))
        .active()
        .patient()
        .demands(
            "Vid livshotande tillstånd är en legitimerad läkare fast vårdkontakt.",
            "In a life-threatening condition a licensed physician is fast vårdkontakt.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_01)),
    Rule::new("FVK-02", Error, orebro!("7.2")).off().active().demands(
        "En fast vårdkontakt tillhör hälso- och sjukvårdspersonalen.",
        "A fast vårdkontakt belongs to the health care staff.",
    ),
    Rule::new("FVK-03", Warning, concat!(gavleborg!("rutin för fast vårdkontakt"), "; ", halland!("2.3")))
        .active()
        .patient()
        .demands(
            "En patient har inte fler aktiva fasta vårdkontakter än regionen tillåter.",
            "A patient has no more active fasta vårdkontakter than the region allows.",
        )
        .check(Kontakt(Kontakter::Vardkontakt, fvk::fvk_03)),
    Rule::new("FVK-04", Warning, orebro!("7.5")).active().patient().demands(
        "En av de fasta vårdkontakterna har det övergripande samordningsansvaret.",
        "One of the fasta vårdkontakter has the overall responsibility for coordination.",
    ),
    Rule::new("FVK-05", Warning, orebro!("7.5")).active().patient().demands(
        "Har patienten fasta vårdkontakter i flera verksamheter är en av dem samordningsansvarig.",
        "When the patient has fasta vårdkontakter at several units, one of them coordinates.",
    ),
    Rule::new("FVK-06", Information, concat!(orebro!("7.3"), "; Patientlagen (2014:821) 6 kap. 2 §"))
        .active()
        .demands("Skälet till kontakten anges.", "The reason for the contact is recorded."),
    Rule::new("FVK-07", Information, orebro!("7.5")).active().patient().demands(
        "Samordningsansvaret förs över i samband med att en individuell plan upprättas.",
        "The responsibility for coordination is handed over when an individual plan is made.",
    ),
    Rule::new("FVK-08", Information, orebro!("7.3")).active().demands(
        "Kontakten utses så långt som möjligt i samråd med patienten.",
        "The contact is appointed in consultation with the patient as far as possible.",
    ),
    // Fast läkarkontakt and fast omsorgskontakt.
    Rule::new("FLK-01", Error, orebro!("8.1"))
        .active()
        .demands("En fast läkarkontakt är läkare.", "A fast läkarkontakt is a physician.")
        .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_01)),
    Rule::new("FLK-02", Warning, orebro!("8.2")).active().demands(
        "En fast läkarkontakt är specialist, har likvärdig kompetens eller fullgör specialisttjänstgöring.",
        "A fast läkarkontakt is a specialist, has equivalent competence or is in specialist training.",
    ),
    Rule::new("FLK-03", Warning, concat!(orebro!("8.1"), "; HSL (2017:30) 7 kap. 3 §")).active().demands(
        "En fast läkarkontakt finns i primärvården.",
        "A fast läkarkontakt works in primary care.",
    ),
    Rule::new("FLK-04", Error, "Inera, GetCareManagers 1.0, rule001; HSL (2017:30) 7 kap. 3 a §")
        .active()
        .patient()
        .demands(
            "En patient har högst en fast läkarkontakt åt gången.",
            "A patient has at most one fast läkarkontakt at a time.",
        )
        .check(Kontakt(Kontakter::Lakarkontakt, flk::flk_04)),
    Rule::new("FOK-01", Error, "Socialtjänstlagen (2025:400) 25 kap. 4 §").active().demands(
        "En fast omsorgskontakt har den skyddade yrkestiteln undersköterska.",
        "A fast omsorgskontakt holds the protected title undersköterska.",
    ),
    // Dokumenterad överenskommelse.
    Rule::new("DOK-01", Warning, orebro!("9.1")).active().demands(
        "Varje åtagande säger vad som ska göras, av vem och när.",
        "Every åtagande says what is to be done, by whom and when.",
    ),
    Rule::new("DOK-02", Warning, orebro!("9.1"))
        .active()
        .demands(
            "Överenskommelsen visar både vad patienten och vad vården ska göra.",
            "The överenskommelse shows both what the patient and what the care provider will do.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_02)),
    Rule::new("DOK-03", Warning, concat!(orebro!("9.1"), "; ", gavleborg!("nuläge"))).active().demands(
        "Överenskommelsen visar vem patienten kan vända sig till.",
        "The överenskommelse shows whom the patient can turn to.",
    ),
    Rule::new("DOK-04", Warning, concat!(orebro!("9.1"), "; ", gavleborg!("handlingsplan"), "; ", halland!("1.3")))
        .active()
        .demands(
            "Överenskommelsen har en överenskommen tid för nästa kontakt, eller skälet till att ingen är bokad.",
            "The överenskommelse has an agreed time for the next contact, or the reason why none is booked.",
        )
        .check(Plan(Planer::Overenskommelse, dok::dok_04)),
    Rule::new("DOK-05", Warning, concat!(orebro!("9.1"), "; ", halland!("1.2"))).active().demands(
        "Vården och patienten utformar överenskommelsen tillsammans.",
        "The care provider and the patient make the överenskommelse together.",
    ),
    Rule::new("DOK-06", Warning, orebro!("9.1")).active().demands(
        "Överenskommelsen är tillgänglig för patienten.",
        "The överenskommelse is open to the patient.",
    ),
    Rule::new("DOK-07", Information, gavleborg!("syfte")).active().demands(
        "Överenskommelsen säger vad som är viktigt för patienten.",
        "The överenskommelse tells what matters to the patient.",
    ),
    Rule::new("DOK-08", Information, gavleborg!("handlingsplan")).active().demands(
        "Regionens frågor till patienten är besvarade.",
        "The region's questions to the patient have been answered.",
    ),
    Rule::new("DOK-09", Information, gavleborg!("sammanhållen planering")).active().patient().demands(
        "Patientens planer hänger ihop.",
        "The patient's plans are linked.",
    ),
    // Medicinsk vårdplan.
    Rule::new("MVP-01", Warning, orebro!("9.2")).active().demands(
        "En medicinsk vårdplan har fyra delar: prognos; vårdnivå, inriktning och direktkontakt; handlingsplan vid \
         försämring; uppföljning.",
        "A medicinsk vårdplan has four parts: prognosis; level and direction of care with direct contact; plan of \
         action for deterioration; follow-up.",
    ),
    Rule::new("MVP-02", Warning, orebro!("9.2, 8.4")).active().demands(
        "En läkare ansvarar för den medicinska vårdplanen.",
        "A physician is responsible for the medicinsk vårdplan.",
    ),
    Rule::new("MVP-03", Warning, orebro!("9.2")).active().demands(
        "Den medicinska vårdplanen upprättas med patientens delaktighet.",
        "The medicinsk vårdplan is made with the patient's participation.",
    ),
    Rule::new("MVP-04", Warning, orebro!("9.2")).active().demands(
        "Uppföljningen säger när och av vem planen ska följas upp.",
        "The follow-up says when and by whom the plan is to be reviewed.",
    ),
    Rule::new("MVP-05", Information, orebro!("9.2")).active().demands(
        "Dokumentationen omfattar eventuella beslut om behandlingsbegränsningar.",
        "Any decisions to limit treatment are documented.",
    ),
    // Samordnad individuell plan and other individual plans.
    Rule::new("SIP-01", Error, concat!(orebro!("9.3"), "; HSL (2017:30) 16 kap. 4 §"))
        .active()
        .patient()
        .demands("En SIP förutsätter den enskildes samtycke.", "A SIP requires the individual's consent.")
        .check(Plan(Planer::Sip, sip::sip_01)),
    Rule::new("SIP-02", Error, "HSL (2017:30) 16 kap. 4 § 1").active().demands(
        "Av planen framgår vilka insatser som behövs.",
        "The plan shows which insatser are needed.",
    ),
    Rule::new("SIP-03", Error, "HSL (2017:30) 16 kap. 4 § 2").active().demands(
        "Av planen framgår vilka insatser respektive huvudman svarar för.",
        "The plan shows which insatser each huvudman is responsible for.",
    ),
    Rule::new("SIP-04", Warning, "HSL (2017:30) 16 kap. 4 § 3").active().demands(
        "Av planen framgår vilka åtgärder någon annan än regionen eller kommunen vidtar.",
        "The plan shows the measures taken by others than the region and the kommun.",
    ),
    Rule::new("SIP-05", Error, "HSL (2017:30) 16 kap. 4 § 4").active().demands(
        "Av planen framgår vem av huvudmännen som har det övergripande ansvaret.",
        "The plan shows which huvudman has the overall responsibility.",
    ),
    Rule::new("SIP-06", Warning, orebro!("1.1.3")).active().demands(
        "Planen upprättas tillsammans med den enskilde när det är möjligt.",
        "The plan is made together with the individual when possible.",
    ),
    Rule::new("SIP-07", Warning, orebro!("7.5")).active().patient().demands(
        "En fast vårdkontakt med samordningsansvar sammankallar till SIP.",
        "A fast vårdkontakt with responsibility for coordination convenes the SIP.",
    ),
    Rule::new("SIP-08", Information, concat!(halland!("1.2"), "; ", orebro!("7.5"))).active().patient().demands(
        "Patienten har en gemensam plan, med en tid för uppföljning.",
        "The patient has one common plan, with a time for follow-up.",
    ),
    Rule::new("IP-01", Error, concat!(orebro!("1.1.3"), "; HSL (2017:30) 8 kap. 7 §")).active().demands(
        "Av den individuella planen framgår planerade och beslutade insatser.",
        "The individual plan shows planned and decided insatser.",
    ),
    Rule::new("IP-02", Warning, orebro!("1.1.3")).active().demands(
        "Den individuella planen upprättas i samverkan med patienten.",
        "The individual plan is made in collaboration with the patient.",
    ),
    // The patient's whole picture.
    Rule::new("PAT-01", Error, concat!(orebro!("8.3"), "; ", halland!("2.1"))).off().patient().demands(
        "En patient med en insats som kräver det har en fast läkarkontakt.",
        "A patient with an insats that requires it has a fast läkarkontakt.",
    ),
    Rule::new("PAT-02", Warning, orebro!("8.3")).patient().demands(
        "En patient med stort vård- och omsorgsbehov har en fast läkarkontakt om behovet finns.",
        "A patient with great needs of care has a fast läkarkontakt when needed.",
    ),
    Rule::new("PAT-03", Error, orebro!("7.2")).patient().demands(
        "En patient med livshotande tillstånd har en legitimerad läkare som fast vårdkontakt.",
        "A patient in a life-threatening condition has a licensed physician as fast vårdkontakt.",
    ),
    Rule::new("PAT-04", Warning, concat!(orebro!("9.1"), "; ", gavleborg!("handlingsplan"))).patient().demands(
        "Patienter i de prioriterade grupperna har en dokumenterad överenskommelse.",
        "Patients in the prioritised groups have a dokumenterad överenskommelse.",
    ),
    Rule::new("PAT-05", Warning, orebro!("9.2")).patient().demands(
        "En patient med stort vård- och omsorgsbehov har en medicinsk vårdplan.",
        "A patient with great needs of care has a medicinsk vårdplan.",
    ),
    Rule::new("PAT-06", Warning, concat!(orebro!("7.3"), "; ", gavleborg!("rutin för fast vårdkontakt"))).patient().demands(
        "Behovet av fast vårdkontakt omprövas fortlöpande.",
        "The need of a fast vårdkontakt is reviewed continuously.",
    ),
    Rule::new("PAT-07", Information, orebro!("1.1.3, 9.3")).patient().demands(
        "En patient med insatser från region och kommun har en SIP när den behövs.",
        "A patient with insatser from region and kommun has a SIP when needed.",
    ),
    Rule::new("PAT-08", Error, concat!("Patientlagen (2014:821) 6 kap. 2 §; ", orebro!("7.3, 8.3"))).patient().demands(
        "En begärd fast kontakt utses.",
        "A fast kontakt that was asked for is appointed.",
    ),
    Rule::new("LIST-01", Information, "Region Jämtland Härjedalen, handlingsplaner 2024 och 2025").demands(
        "En läkares antal patienter jämförs med riktvärdet, varken golv eller tak.",
        "A physician's number of patients is compared with the guide value, neither floor nor ceiling.",
    ),
    Rule::new("UTS-01", Error, concat!(orebro!("1.1.1, 7.5"), "; Lag (2017:612) 2 kap. 5 §")).patient().demands(
        "En fast vårdkontakt i regionens öppenvård är utsedd innan patienten skrivs ut.",
        "A fast vårdkontakt in the region's open care is appointed before discharge.",
    ),
    Rule::new("UTS-02", Warning, halland!("2.1")).patient().demands(
        "Efter psykiatrisk slutenvård finns den samordnande fasta vårdkontakten i den psykiatriska öppenvården.",
        "After psychiatric inpatient care the coordinating fast vårdkontakt is in psychiatric open care.",
    ),
    Rule::new("UTS-03", Warning, orebro!("7.5")).patient().demands(
        "Efter utskrivning finns samordningsansvaret i regionens öppenvård tills behovet upphört eller ansvaret förts över.",
        "After discharge coordination stays in the region's open care until the need ceases or it is handed over.",
    ),
    // Identities.
    Rule::new("ID-01", Error, SKATTEVERKET)
        .demands(
            "Personnummer och samordningsnummer skrivs med tolv siffror, ÅÅÅÅMMDDNNNN.",
            "Personnummer and samordningsnummer are written with twelve digits, YYYYMMDDNNNN.",
        )
        .check(Identitet(id::id_01)),
    Rule::new("ID-02", Warning, SKATTEVERKET).demands(
        "Kontrollsiffran i ett personnummer stämmer.",
        "The check digit of a personnummer is right.",
    ),
    Rule::new("ID-03", Warning, "Inera, HSA").demands(
        "Ett HSA-id är SE, tio siffror, bindestreck och 1–31 tecken A–Z, 0–9.",
        "An HSA-id is SE, ten digits, a hyphen and 1–31 characters A–Z, 0–9.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_an_id_of_its_own_a_demand_and_a_source() {
        let mut ids: Vec<RuleId> = RULES.iter().map(|rule| rule.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(
            RULES
                .iter()
                .all(|rule| !rule.sv.is_empty() && !rule.en.is_empty() && !rule.source.is_empty())
        );
    }
}
