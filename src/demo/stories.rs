//! The tales the demo patients live in: the everyday cases of riktlinje.md part 5, one function each. A tale is true
//! to its region's policy, so that every write is accepted, and if it can be without a remark.

use super::bundle::Entry;
use super::codes::own_extension;
use super::contacts::{Roll, team};
use super::people::{Severity, declined_offer};
use super::plans::{Atagande, Tid};
use super::tale::{Tale, took_part};

/// What a patient's tale is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Story {
    /// One or more chronic conditions, followed at the vårdcentral.
    Kronisk,
    /// Only a fast läkarkontakt.
    Lakarkontakt,
    /// A life-threatening condition: the clinic's physician is fast vårdkontakt.
    Livshotande,
    /// Old, with home help: all kinds of contacts and a samordnad individuell plan.
    Hemtjanst,
    /// Cancer: oncologist, kontaktsjuksköterska, district nurse, läkarkontakt.
    Cancer,
    /// Open psychiatric care, the contact reached through a team.
    Psykiatri,
    /// A child, whose guardian makes the agreement.
    Barn,
    /// Palliative, unable to take part.
    Palliativ,
    /// The läkarkontakt was changed yesterday.
    Bytt,
    /// A fast vårdkontakt that is no longer needed.
    Avslutad,
    /// Declined an offer; nothing more.
    TackatNej,
    /// One plan that is both överenskommelse and SIP; behandlande roller where the region has them.
    Sammanhallen,
    /// Listed, nothing more.
    Listad,
    /// A life-threatening condition and nobody yet: the patient of the README walk.
    Utan,
    /// Everything at once.
    Allt,
    /// Discharged last week with need of care; the contact in open care was appointed before.
    Utskriven,
    /// Discharged last week with need of care, and nobody appointed: stands in the work list (UTS-01).
    UtanEfterUtskrivning,
    /// A routine operation last week; nothing more is needed.
    Operation,
    /// In särskilt boende without fast läkarkontakt: stands in the work list (PAT-01, PAT-02).
    UtanLakarkontakt,
    /// Asked for a fast vårdkontakt a month ago, and nobody answered: stands in the work list (PAT-08).
    Begart,
}

/// The turn in which the ordinary patients of a region get their tales.
pub const TURN: [Story; 17] = [
    Story::Kronisk,
    Story::Hemtjanst,
    Story::Lakarkontakt,
    Story::Livshotande,
    Story::Psykiatri,
    Story::Barn,
    Story::Cancer,
    Story::Bytt,
    Story::Sammanhallen,
    Story::Avslutad,
    Story::Palliativ,
    Story::TackatNej,
    Story::Utskriven,
    Story::UtanEfterUtskrivning,
    Story::Operation,
    Story::UtanLakarkontakt,
    Story::Begart,
];

impl Story {
    /// The patient's age in years, from and to.
    pub fn ages(self) -> (i64, i64) {
        match self {
            Story::Barn => (3, 15),
            Story::Hemtjanst | Story::Palliativ | Story::Sammanhallen | Story::Allt | Story::UtanLakarkontakt => {
                (76, 96)
            }
            Story::Cancer | Story::Livshotande | Story::Utan | Story::Utskriven | Story::UtanEfterUtskrivning => {
                (45, 84)
            }
            _ => (20, 80),
        }
    }
}

/// Tells a patient's tale.
pub fn tell(story: Story, mut tale: Tale<'_>) -> Vec<Entry> {
    match story {
        Story::Kronisk => kronisk(&mut tale),
        Story::Lakarkontakt => bara_lakarkontakt(&mut tale),
        Story::Livshotande => livshotande(&mut tale),
        Story::Hemtjanst => hemtjanst(&mut tale),
        Story::Cancer => cancer(&mut tale),
        Story::Psykiatri => psykiatri(&mut tale),
        Story::Barn => barn(&mut tale),
        Story::Palliativ => palliativ(&mut tale),
        Story::Bytt => bytt(&mut tale),
        Story::Avslutad => avslutad(&mut tale),
        Story::TackatNej => tackat_nej(&mut tale),
        Story::Sammanhallen => sammanhallen(&mut tale),
        Story::Listad => {}
        Story::Utan => tale.condition("C34.9", "Lungcancer med spridning", Severity::LifeThreateningSnomed),
        Story::Allt => allt(&mut tale),
        Story::Utskriven => utskriven(&mut tale),
        Story::UtanEfterUtskrivning => tale.stay("medicinkliniken", (12, 6), true),
        Story::Operation => tale.stay("sjukhus", (9, 8), false),
        Story::UtanLakarkontakt => {
            tale.behov("stort-vard-och-omsorgsbehov");
            tale.insats("sarskilt-boende", "boende", 400);
        }
        Story::Begart => tale.begaran("fast-vardkontakt", 30),
    }
    tale.entries
}

fn lakarkontakt(tale: &mut Tale<'_>, days: i64) {
    let physician = tale.listed_physician();
    tale.contact(
        "lakarkontakt",
        Roll::Lakarkontakt,
        &physician,
        days,
        "patientens-begaran",
    );
}

/// Where there is an ST physician, that one.
fn bara_lakarkontakt(tale: &mut Tale<'_>) {
    let in_training = format!("{}-st-lakare", tale.person.listed_at);
    let physician = if tale.works_here(&in_training) {
        in_training
    } else {
        tale.listed_physician()
    };
    tale.contact(
        "lakarkontakt",
        Roll::Lakarkontakt,
        &physician,
        400,
        "patientens-begaran",
    );
}

fn kronisk(tale: &mut Tale<'_>) {
    tale.condition("E11.9", "Diabetes typ 2", Severity::Ordinary);
    tale.behov("kroniskt");
    tale.condition("I10", "Högt blodtryck", Severity::Ordinary);
    lakarkontakt(tale, 900);
    let nurse = tale.listed_nurse();
    // Gävleborg lets an administrator be fast vårdkontakt (FVK-02 is off there).
    let region_has_administrator = tale.scene.region.one_contact_only && tale.person.listed_at == "vc-bjorken";
    let contact = if region_has_administrator {
        "vc-bjorken-administrator".to_owned()
    } else {
        nurse.clone()
    };
    tale.contact("vardkontakt", Roll::Vardkontakt, &contact, 300, "behov");
    let (patient, who) = (tale.patient(), tale.role(&nurse));
    let ataganden = vec![
        Atagande::new("Går en halvtimmes promenad", &patient, "varje dag"),
        Atagande::new("Mäter blodsocker hemma", &patient, "före frukost"),
        Atagande::new(
            "Tar blodprover och går igenom dem med patienten",
            &who,
            "var tredje månad",
        ),
    ];
    let tid = Tid::Bokad("Årskontroll diabetes", who);
    tale.overenskommelse(&nurse, "Orka leka med barnbarnen", ataganden, tid);
}

fn livshotande(tale: &mut Tale<'_>) {
    tale.condition(
        "I42.0",
        "Svår hjärtsvikt, dilaterad kardiomyopati",
        Severity::LifeThreateningSnomed,
    );
    // A hyrläkare without befattning is shown to be a physician by the licence alone.
    let hired = "vc-bjorken-hyrlakare";
    let take_hired = tale.person.listed_at == "vc-bjorken" && tale.works_here(hired);
    let physician = if take_hired {
        hired
    } else {
        "medicinkliniken-overlakare"
    };
    tale.contact(
        "vardkontakt",
        Roll::Vardkontakt,
        physician,
        200,
        "livshotande-tillstand",
    );
    let (patient, who, nurse) = (
        tale.patient(),
        tale.role(physician),
        tale.role("medicinkliniken-sjukskoterska"),
    );
    let ataganden = vec![
        Atagande::new("Väger mig och skriver upp vikten", &patient, "varje morgon"),
        Atagande::new("Ställer in läkemedel", &nurse, "varannan vecka"),
        Atagande::new("Bedömer behov av pacemaker", &who, "vid nästa besök"),
    ];
    tale.overenskommelse(
        physician,
        "Kunna bo kvar hemma",
        ataganden,
        Tid::Bokad("Återbesök hjärtmottagningen", who),
    );
}

fn hemtjanst(tale: &mut Tale<'_>) {
    tale.condition("I50.9", "Hjärtsvikt", Severity::Ordinary);
    tale.condition("L97", "Bensår", Severity::Ordinary);
    tale.behov("stort-vard-och-omsorgsbehov");
    tale.insats("hemsjukvard", "hemsjukvard", 300);
    let daughter = tale.relative("Karin", "DAU", "dotter");
    lakarkontakt(tale, 1500);
    let nurse = tale.listed_nurse();
    tale.contact("samordnare", Roll::Samordnare, &nurse, 120, "behov");
    tale.contact(
        "omsorgskontakt",
        Roll::Omsorgskontakt,
        "hemtjanst-underskoterska",
        110,
        "behov",
    );
    tale.sip(
        &nurse,
        &daughter,
        "Vara trygg hemma och träffa vänner på torsdagar",
        false,
    );
}

fn cancer(tale: &mut Tale<'_>) {
    tale.condition("C25.9", "Cancer i bukspottkörteln", Severity::LifeThreateningOwn);
    lakarkontakt(tale, 2000);
    let physician = "onkologkliniken-overlakare";
    // Gävleborg: one fast vårdkontakt per patient, who then coordinates as well.
    let alone = tale.scene.region.one_contact_only;
    let roll = if alone { Roll::Samordnare } else { Roll::Vardkontakt };
    tale.contact("vardkontakt", roll, physician, 90, "livshotande-tillstand");
    if !alone {
        let nurse = tale.listed_nurse();
        tale.contact("samordnare", Roll::Samordnare, &nurse, 60, "behov");
    }
    let contact_nurse = "onkologkliniken-kontaktsjukskoterska";
    tale.contact(
        "kontaktsjukskoterska",
        Roll::Tillagg("kontaktsjukskoterska"),
        contact_nurse,
        90,
        "behov",
    );
    let (patient, who, nurse) = (tale.patient(), tale.role(physician), tale.role(contact_nurse));
    let ataganden = vec![
        Atagande::new("Ringer kontaktsjuksköterskan vid feber", &patient, "vid behov"),
        Atagande::new("Ger cytostatika på dagvården", &nurse, "varannan vecka"),
        Atagande::new("Bedömer behandlingen med röntgen", &who, "efter fyra kurer"),
    ];
    tale.overenskommelse(
        contact_nurse,
        "Vara med på sonens bröllop",
        ataganden,
        Tid::Bokad("Behandling dagvården", nurse),
    );
}

fn psykiatri(tale: &mut Tale<'_>) {
    tale.condition("F31.9", "Bipolär sjukdom", Severity::Ordinary);
    let (contact, counsellor) = ("psykiatri-sjukskoterska", "psykiatri-kurator");
    let team_id = format!("{}-team", tale.person.id);
    let keys = [contact, counsellor, "psykiatri-overlakare"];
    let members: Vec<_> = tale
        .scene
        .staff
        .iter()
        .filter(|employee| keys.contains(&employee.key.as_str()))
        .collect();
    let written = team(
        tale.scene.region.version,
        &team_id,
        "Team Gul",
        "08-465 004 60",
        &members,
    );
    tale.entries.push(Entry::put(written));
    tale.contact_with(
        "vardkontakt",
        Roll::Vardkontakt,
        contact,
        250,
        "patientens-begaran",
        |mut kontakt| {
            kontakt.team = Some(format!("CareTeam/{team_id}"));
            kontakt.note = Some("Nås säkrast genom Team Gul.");
            kontakt
        },
    );
    let (patient, nurse, counsellor) = (tale.patient(), tale.role(contact), tale.role(counsellor));
    let ataganden = vec![
        Atagande::new("Håller fasta tider för sömn", &patient, "varje kväll"),
        Atagande::new("Stödsamtal", &counsellor, "varannan vecka"),
        Atagande::new("Kontrollerar läkemedel och blodprov", &nurse, "varje halvår"),
    ];
    tale.overenskommelse(
        contact,
        "Komma tillbaka till arbetet på halvtid",
        ataganden,
        Tid::Ingen("kallelse-kommer"),
    );
}

fn barn(tale: &mut Tale<'_>) {
    tale.condition("J45.9", "Astma", Severity::Ordinary);
    let mother = tale.relative("Sara", "MTH", "mor, vårdnadshavare");
    lakarkontakt(tale, 500);
    let nurse_key = tale.listed_nurse();
    let nurse = tale.role(&nurse_key);
    let ataganden = vec![
        Atagande::new("Ger medicin och fyller i astmadagboken", &mother, "morgon och kväll"),
        Atagande::new("Lär ut andningsteknik och följer dagboken", &nurse, "vid varje besök"),
    ];
    let contributors = vec![mother, nurse.clone()];
    tale.agreement(
        &nurse_key,
        contributors,
        "Kunna spela fotboll",
        ataganden,
        Tid::Bokad("Astmakontroll", nurse),
        Vec::new(),
    );
}

fn palliativ(tale: &mut Tale<'_>) {
    tale.condition("J44.9", "Svår KOL i sent skede", Severity::LifeThreateningSnomed);
    let son = tale.relative("Anders", "SON", "son");
    lakarkontakt(tale, 2500);
    let physician = tale.listed_physician();
    tale.contact("samordnare", Roll::Samordnare, &physician, 80, "livshotande-tillstand");
    tale.medicinsk_vardplan("Slippa andnöd och få vara hemma");
    let (who, nurse) = (tale.role(&physician), tale.role(&tale.listed_nurse()));
    let ataganden = vec![
        Atagande::new("Hembesök och symtomlindring", &nurse, "två gånger i veckan"),
        Atagande::new("Ser över läkemedel", &who, "varje vecka"),
    ];
    let extensions = vec![
        own_extension(
            "inget-eget-atagande",
            "valueString",
            "Orkar inte längre ta egna åtaganden.",
        ),
        took_part("ej-mojlig"),
    ];
    let contributors = vec![son, who, nurse.clone()];
    tale.agreement(
        &physician,
        contributors,
        "Ha familjen nära",
        ataganden,
        Tid::Bokad("Hembesök", nurse),
        extensions,
    );
}

fn bytt(tale: &mut Tale<'_>) {
    let (yesterday, physician) = (tale.ago(1), tale.listed_physician());
    let before = if physician == "vc-lonnen-lakare" {
        "vc-bjorken-lakare"
    } else {
        "vc-lonnen-lakare"
    };
    tale.contact_with(
        "lakarkontakt-forr",
        Roll::Lakarkontakt,
        before,
        1200,
        "patientens-begaran",
        |mut kontakt| {
            kontakt.ended = Some((yesterday, "byte"));
            kontakt
        },
    );
    lakarkontakt(tale, 0);
}

fn avslutad(tale: &mut Tale<'_>) {
    lakarkontakt(tale, 700);
    let (ended, nurse) = (tale.ago(30), tale.listed_nurse());
    tale.contact_with(
        "vardkontakt-forr",
        Roll::Vardkontakt,
        &nurse,
        500,
        "behov",
        |mut kontakt| {
            kontakt.ended = Some((ended, "behov-upphort"));
            kontakt
        },
    );
}

fn tackat_nej(tale: &mut Tale<'_>) {
    let (patient, nurse, day) = (tale.patient(), tale.role(&tale.listed_nurse()), tale.ago(45));
    let id = format!("{}-erbjudande", tale.person.id);
    tale.entries
        .push(Entry::put(declined_offer(&id, &patient, &nurse, day)));
}

fn sammanhallen(tale: &mut Tale<'_>) {
    tale.condition("G20", "Parkinsons sjukdom", Severity::Ordinary);
    tale.behov("komplext");
    let husband = tale.relative("Bertil", "SPS", "make, maka eller sambo");
    lakarkontakt(tale, 1000);
    let nurse = tale.listed_nurse();
    tale.contact("samordnare", Roll::Samordnare, &nurse, 100, "behov");
    if tale.scene.region.one_contact_only {
        let roll = Roll::Tillagg("patientansvarig-arbetsterapeut");
        tale.contact("behandlande-roll", roll, "hemsjukvard-arbetsterapeut", 100, "behov");
    }
    tale.sip(&nurse, &husband, "Kunna gå till kören", true);
}

/// The contact with responsibility for coordination was appointed while the patient was still in the ward.
fn utskriven(tale: &mut Tale<'_>) {
    tale.condition("I63.9", "Hjärninfarkt", Severity::Ordinary);
    tale.stay("medicinkliniken", (20, 7), true);
    lakarkontakt(tale, 1100);
    let nurse = tale.listed_nurse();
    tale.contact("samordnare", Roll::Samordnare, &nurse, 9, "utskrivning");
}

/// All kinds at once, for someone who looks around: contacts, a SIP, a medicinsk vårdplan and a överenskommelse.
fn allt(tale: &mut Tale<'_>) {
    hemtjanst(tale);
    tale.medicinsk_vardplan("Bo kvar hemma så länge det går");
    let nurse_key = tale.listed_nurse();
    let (patient, nurse) = (tale.patient(), tale.role(&nurse_key));
    let ataganden = vec![
        Atagande::new("Lägger benet högt och rör på foten", &patient, "varje eftermiddag"),
        Atagande::new("Följer såret och lindar benet", &nurse, "varje vecka"),
    ];
    tale.overenskommelse(
        &nurse_key,
        "Gå till torget utan käpp",
        ataganden,
        Tid::Bokad("Sårmottagning", nurse),
    );
}
