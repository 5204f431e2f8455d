//! The decision about one record: may this caller read it, may this caller write it? Pure functions of the caller, what is
//! kept beside the record (`store::Kept`), what the patient's records say about who may see the others (`store::Ratt`), and
//! the instant. docs/atkomst.md tells the same in words, with the law.
//!
//! [`super::sikt`] says the same of reading as a condition on all rows at once; a property test holds the two together.

use crate::fhir::search::has_patient;
use crate::fhir::types::ResourceType;
use crate::hsa::{hsa_form, number_inside};
use crate::store::{Hallare, Kept, KeptVersion, Ratt, Slag};

use super::Call;
use super::caller::{Caller, Who};

/// A caller, as the decision about a record sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lasare {
    /// The patient, or one who acts for the patient.
    Patient { patient: String, ombud: bool },
    /// One who works in care, or a system of a vårdgivare.
    Vard(Vard),
}

/// One who works in care, or a system of a vårdgivare. HSA-ids in capitals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vard {
    /// On whose behalf: the unit; of a system that acts for all units of its vårdgivare, the vårdgivare. `None`: what is
    /// told is no HSA-id, and nothing is the caller's own.
    pub enhet: Option<String>,
    pub vardgivare: Option<String>,
    /// A program without a person behind it.
    pub system: bool,
    /// A system that writes the catalogue of all vårdgivare.
    pub katalog: bool,
    /// The token was made for this patient: the care relation is asserted.
    pub i_kontext: Option<String>,
    /// The patient whose record is opened by a nödöppning, with its reason.
    pub nodoppning: Option<String>,
    /// The purpose is care of the patient.
    pub for_vard: bool,
}

/// Purposes (v3 PurposeOfUse) that are care: only for these does one vårdgivare see what another keeps (SVOD 3:1).
const VARD: [&str; 2] = ["TREAT", "ETREAT"];

impl Lasare {
    /// `None` for who sees everything (open mode, the service itself). One that is not known is never asked about records.
    pub fn of(call: &Call) -> Option<Lasare> {
        let identity = match &call.caller {
            Caller::Open | Caller::Service => return None,
            // Nobody's patient: sees what tells of no patient, and is stopped long before.
            Caller::Anonymous => {
                return Some(Lasare::Patient {
                    patient: String::new(),
                    ombud: true,
                });
            }
            Caller::Known(identity) => identity,
        };
        let nodoppning = || {
            let stated = call.nodoppning.as_ref()?;
            (!stated.skal.trim().is_empty() && !stated.patient.is_empty()).then(|| stated.patient.clone())
        };
        let for_vard = VARD.contains(&call.purpose.as_ref());
        Some(match &identity.who {
            Who::Patient(it) => Lasare::Patient {
                patient: it.patient.clone(),
                ombud: it.ombud.is_some(),
            },
            Who::Medarbetare(it) => Lasare::Vard(Vard {
                enhet: hsa_form(&it.vardenhet),
                vardgivare: hsa_form(&it.vardgivare),
                system: false,
                katalog: false,
                i_kontext: it.patient.clone().filter(|id| !id.is_empty()),
                nodoppning: nodoppning().filter(|_| for_vard),
                for_vard,
            }),
            Who::System(it) => Lasare::Vard(Vard {
                enhet: hsa_form(it.vardenhet.as_deref().unwrap_or(&it.vardgivare)),
                vardgivare: hsa_form(&it.vardgivare),
                system: true,
                katalog: it.katalog,
                i_kontext: None,
                nodoppning: None,
                for_vard,
            }),
        })
    }
}

impl Vard {
    /// The unit, by which its own records are known.
    pub fn egen_enhet(&self) -> Vec<String> {
        self.enhet.iter().cloned().collect()
    }

    /// The unit and its vårdgivare.
    pub fn egna(&self) -> Vec<String> {
        self.enhet.iter().chain(&self.vardgivare).cloned().collect()
    }
}

/// A record that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    pub kind: ResourceType,
    pub kept: &'a Kept,
    /// The version that is asked for; `None`: the current one.
    pub version: Option<KeptVersion>,
}

/// Why a record is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grund {
    /// It tells of no patient, or it is a Patient that no unit has taken charge of.
    Allmant,
    /// The patient's own record (PDL 5:5).
    EgenJournal,
    /// The caller's own unit keeps it (PDL 4:1).
    EgenEnhet,
    /// Another unit of the caller's vårdgivare keeps it, and it is not blocked (PDL 4:1, 4:4).
    EgenVardgivare,
    /// The patient wrote it, for those who take part in the care.
    PatientenSjalv,
    /// Another vårdgivare's, with the patient's consent and a care relation (SVOD 3:4–5).
    Samtycke,
    /// Nödöppning (SVOD 3:7, PDL 4:5).
    Nodoppning,
}

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hinder {
    /// Another patient's, or filed on no patient.
    AnnanPatient,
    /// It is not to be shown to the patient (NOPATIENT).
    Dold,
    /// This version was filed on another patient.
    Flyttad,
    /// The person is protected, and the caller's unit has no part in the care.
    Skyddad,
    /// Blocked by the patient (PDL 4:4, SVOD 3:3).
    Sparrad,
    /// Another vårdgivare's: the purpose is not care, or there is no care relation.
    IngenRelation,
    /// Another vårdgivare's, and the patient has not consented.
    IngetSamtycke,
    /// Nobody knows who keeps it.
    OkandHallare,
    /// Only a system may write this type.
    BaraSystem,
    /// An Organization would have an HSA-id that another organisation issues.
    AnnansNamn,
    /// The caller may not write this type.
    FelTyp,
    /// Another unit keeps it, or would.
    AnnanEnhet,
    /// One who acts for a patient can neither block nor lift a block (PDL 4:4, third paragraph: a guardian may not block a child's data).
    OmbudSparrar,
    /// Consents and blocks are written for the caller's own unit or vårdgivare.
    AnnansSparr,
}

/// Whether the record is kept by one of these, or within it.
pub fn halls_av(kept: &Kept, ids: &[String]) -> bool {
    matches!(&kept.hallare, Hallare::Enhet(chain) if chain.iter().any(|own| ids.contains(own)))
}

/// Something in force that is said of the patient, of one of these.
pub fn sagt(ratter: &[Ratt], slag: Slag, ids: &[String], nu: i64) -> bool {
    i_kraft(ratter, slag, nu).any(|ratt| ids.contains(&ratt.hsa_id))
}

fn i_kraft(ratter: &[Ratt], slag: Slag, nu: i64) -> impl Iterator<Item = &Ratt> {
    ratter
        .iter()
        .filter(move |ratt| ratt.slag == slag && ratt.low <= nu && nu < ratt.high)
}

/// Something in force that is said of who keeps the record; when nobody knows who does, it may be anyone.
fn sagt_om_hallaren(ratter: &[Ratt], slag: Slag, kept: &Kept, nu: i64) -> bool {
    i_kraft(ratter, slag, nu).any(|ratt| {
        ratt.hsa_id.is_empty()
            || match &kept.hallare {
                Hallare::Enhet(chain) => chain.contains(&ratt.hsa_id),
                Hallare::Patienten => false,
                Hallare::Okand => true,
            }
    })
}

/// May this caller read the record?
pub fn far_lasa(lasare: &Lasare, post: Post<'_>, ratter: &[Ratt], nu: i64) -> Result<Grund, Hinder> {
    match lasare {
        Lasare::Patient { patient, .. } => patienten_laser(patient, post),
        Lasare::Vard(vard) => varden_laser(vard, post, ratter, nu),
    }
}

/// The patient's own record, and what tells of nobody.
fn patienten_laser(patient: &str, Post { kind, kept, version }: Post<'_>) -> Result<Grund, Hinder> {
    if !has_patient(kind) {
        return Ok(Grund::Allmant);
    }
    if patient.is_empty() || kept.patient.as_deref() != Some(patient) {
        return Err(Hinder::AnnanPatient);
    }
    let version = version.unwrap_or_default();
    if kept.dold || version.dold || kept.mal.dold {
        return Err(Hinder::Dold);
    }
    if version.flyttad || kept.mal.flyttad {
        return Err(Hinder::Flyttad);
    }
    Ok(Grund::EgenJournal)
}

fn varden_laser(
    vard: &Vard,
    Post { kind, kept, version }: Post<'_>,
    ratter: &[Ratt],
    nu: i64,
) -> Result<Grund, Hinder> {
    let egen_enhet = halls_av(kept, &vard.egen_enhet());
    let egen_vardgivare = halls_av(kept, &vard.egna());
    let relation = har_relation(vard, kept.patient.as_deref(), ratter, nu);
    let nodoppning = kept.patient.is_some() && kept.patient == vard.nodoppning;

    // A version that was filed on another patient, or what tells of one: whose blocks and consents are they? Only who keeps it
    // sees it.
    if (version.is_some_and(|version| version.flyttad) || kept.mal.flyttad) && !egen_enhet {
        return Err(Hinder::Flyttad);
    }
    // Protected persons (OSL 22:1): who and where they are, only for those who take part in their care.
    if ar_skyddad(kind, kept, ratter, nu) && !(egen_enhet || relation || nodoppning) {
        return Err(Hinder::Skyddad);
    }
    if kept.allman {
        return Ok(Grund::Allmant);
    }
    if egen_enhet {
        return Ok(Grund::EgenEnhet);
    }
    // By whom the record is about nobody can be asked.
    if kept.patient.is_none() {
        return Err(Hinder::AnnanPatient);
    }
    if nodoppning {
        return Ok(Grund::Nodoppning);
    }
    // The patient's blocks, and the patient's own leave to read past them.
    if kind == ResourceType::Patient && egen_vardgivare {
        // Who the patient is, is no care documentation: whoever is to honour the block must know of whom.
        return Ok(Grund::EgenVardgivare);
    }
    let sparrad = sagt_om_hallaren(ratter, Slag::InreSparr, kept, nu)
        || (!egen_vardgivare && sagt_om_hallaren(ratter, Slag::YttreSparr, kept, nu));
    if sparrad && !sagt(ratter, Slag::Havning, &vard.egna(), nu) {
        return Err(Hinder::Sparrad);
    }
    if egen_vardgivare {
        return Ok(Grund::EgenVardgivare);
    }
    // Another vårdgivare's: for care only, with a relation and the patient's consent.
    if !vard.for_vard || !relation {
        return Err(Hinder::IngenRelation);
    }
    match kept.hallare {
        Hallare::Patienten => Ok(Grund::PatientenSjalv),
        Hallare::Okand => Err(Hinder::OkandHallare),
        Hallare::Enhet(_) if sagt(ratter, Slag::Samtycke, &vard.egna(), nu) => Ok(Grund::Samtycke),
        Hallare::Enhet(_) => Err(Hinder::IngetSamtycke),
    }
}

/// Whether the caller's unit takes part in the patient's care.
pub fn har_relation(vard: &Vard, patient: Option<&str>, ratter: &[Ratt], nu: i64) -> bool {
    let i_kontext = patient.is_some() && vard.i_kontext.as_deref() == patient;
    i_kontext || sagt(ratter, Slag::Relation, &vard.egen_enhet(), nu)
}

/// Types that tell who a person is and where she can be found.
pub const PERSONER: [ResourceType; 2] = [ResourceType::Patient, ResourceType::RelatedPerson];

/// Whether the record shows who and where a protected person is: labelled so itself, or the Patient is.
pub fn ar_skyddad(kind: ResourceType, kept: &Kept, ratter: &[Ratt], nu: i64) -> bool {
    kept.skyddad || (PERSONER.contains(&kind) && i_kraft(ratter, Slag::Skyddad, nu).next().is_some())
}

/// Whether the caller may see where a protected person lives and how she is reached: never another vårdgivare.
pub fn far_se_adress(lasare: &Lasare, kept: &Kept) -> bool {
    match lasare {
        Lasare::Patient { .. } => true,
        Lasare::Vard(vard) => halls_av(kept, &vard.egna()),
    }
}

/// Whether another vårdgivare keeps something that is not blocked and that the caller does not see: that much may be told
/// before the content is shown (SVOD 3:3), to those who take part in the care.
pub fn far_veta(lasare: &Lasare, post: Post<'_>, ratter: &[Ratt], nu: i64) -> bool {
    let Lasare::Vard(vard) = lasare else { return false };
    let utomstaende = matches!(post.kept.hallare, Hallare::Enhet(_)) && !halls_av(post.kept, &vard.egna());
    let sparrad = [Slag::InreSparr, Slag::YttreSparr]
        .into_iter()
        .any(|slag| sagt_om_hallaren(ratter, slag, post.kept, nu));
    has_patient(post.kind)
        && utomstaende
        && !sparrad
        && vard.for_vard
        && har_relation(vard, post.kept.patient.as_deref(), ratter, nu)
        && far_lasa(lasare, post, ratter, nu).is_err()
}

// ── Writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What a patient may write, and whether also change.
#[rustfmt::skip]
const PATIENTEN_SKRIVER: &[ResourceType] = &[
    ResourceType::QuestionnaireResponse,
    ResourceType::Consent,
];

/// What stands for the organization of care, in which units and persons are found: written by systems that bring it from
/// the catalogue, never by a single person, since it decides which unit a record is kept by.
#[rustfmt::skip]
const KATALOG: &[ResourceType] = &[
    ResourceType::Organization,
    ResourceType::Practitioner,
    ResourceType::PractitionerRole,
    ResourceType::Questionnaire,
];

/// A write: what stood there, and what is to stand there.
#[derive(Clone, Copy, Debug)]
pub struct Skrivning<'a> {
    pub kind: ResourceType,
    /// What is replaced or deleted.
    pub fore: Option<&'a Kept>,
    /// What is to stand; nothing after a delete.
    pub efter: Option<&'a Kept>,
    /// It is, or was, a block.
    pub sparr: bool,
    /// Of what is there only the content changes: not whether it was a mistake, its labels or who is responsible for it
    /// ([`super::harledning::bara_innehall`]).
    pub bara_innehall: bool,
    /// Of a Consent that is there nothing changes but that it ends ([`super::harledning::bara_avslut`]).
    pub bara_avslut: bool,
    /// What the record that is there says about who may see the patient's records.
    pub gav: &'a [Ratt],
    /// What it is to say of that.
    pub ger: &'a [Ratt],
    /// The HSA-ids that an Organization is to have and has not had.
    pub nya_hsa_id: &'a [String],
    /// What is said of the patient by what stands there already.
    pub ratter: &'a [Ratt],
}

/// Whether a vårdgivare's system may say that an organization has this HSA-id: such begin with the number of whoever issued
/// them, `SE[organisationsnummer]-`. Who may not, and names a unit of others that is not in the catalogue, would lead to
/// itself what is written there later.
fn far_namna(vard: &Vard, hsa_id: &str) -> bool {
    let own = vard.vardgivare.as_deref().and_then(number_inside);
    own.is_some() && own == number_inside(hsa_id)
}

/// May a system put an Organization where these lie above it (`stated`: it says so of any)? Whoever keeps what is above may lead
/// records there; only who keeps everybody's catalogue says what lies where between vårdgivare.
pub fn far_ligga_under(vard: &Vard, stated: bool, above: &[String]) -> bool {
    let own = vard.vardgivare.as_deref().and_then(hsa_form);
    vard.katalog || !stated || own.is_some_and(|own| above.iter().any(|id| hsa_form(id).as_ref() == Some(&own)))
}

/// May this caller make this write? What stood there must be one that the caller may read; that is asked before.
pub fn far_skriva(lasare: &Lasare, skrivning: Skrivning<'_>, nu: i64) -> Result<(), Hinder> {
    match lasare {
        Lasare::Patient { patient, ombud } => patienten_skriver(patient, *ombud, skrivning),
        Lasare::Vard(vard) => varden_skriver(vard, skrivning, nu),
    }
}

/// Some types, in her own record, and of what stands there what she wrote herself.
fn patienten_skriver(patient: &str, ombud: bool, skrivning: Skrivning<'_>) -> Result<(), Hinder> {
    if !PATIENTEN_SKRIVER.contains(&skrivning.kind) {
        return Err(Hinder::FelTyp);
    }
    let Some(efter) = skrivning.efter else {
        // Nothing of a patient's record goes by her own hand (PDL 3:14).
        return Err(Hinder::FelTyp);
    };
    let hennes = |kept: &Kept| !patient.is_empty() && kept.patient.as_deref() == Some(patient);
    if !hennes(efter) || !skrivning.fore.is_none_or(hennes) {
        return Err(Hinder::AnnanPatient);
    }
    // What others wrote down as her word she takes back herself: a consent and a lifting, and a block too.
    let ord = |ratt: &Ratt| match ratt.slag {
        Slag::Samtycke => true,
        Slag::Havning | Slag::InreSparr | Slag::YttreSparr => !ombud,
        Slag::Relation | Slag::Skyddad | Slag::Samordning => false,
    };
    let tar_tillbaka = skrivning.kind == ResourceType::Consent
        && skrivning.bara_avslut
        && skrivning.fore.is_some_and(|fore| efter.hallare == fore.hallare)
        && !skrivning.gav.is_empty()
        && skrivning.gav.iter().all(ord)
        && skrivning.ger.iter().all(|now| gavs(skrivning.gav, now));
    if tar_tillbaka && !(ombud && skrivning.sparr) {
        return Ok(());
    }
    if skrivning.fore.is_some_and(|fore| fore.hallare != Hallare::Patienten) || efter.hallare != Hallare::Patienten {
        return Err(Hinder::AnnanEnhet);
    }
    let haver = skrivning.ger.iter().any(|ratt| ratt.slag == Slag::Havning);
    if ombud && (skrivning.sparr || haver) {
        return Err(Hinder::OmbudSparrar);
    }
    Ok(())
}

/// Whether what is given now was given before, for as long at the least.
fn gavs(gav: &[Ratt], now: &Ratt) -> bool {
    gav.iter().any(|ratt| {
        (ratt.slag, &ratt.hsa_id) == (now.slag, &now.hsa_id) && ratt.low <= now.low && now.high <= ratt.high
    })
}

/// Whether one vårdgivare keeps both: the vårdgivare of the one is among those whom the other is kept by. Of what nobody
/// knows who keeps it nothing is the same.
pub fn samma_vardgivare(one: &Hallare, other: &Hallare) -> bool {
    match (one, other) {
        (Hallare::Enhet(one), Hallare::Enhet(other)) => {
            let within =
                |vardgivare: Option<&String>, chain: &[String]| vardgivare.is_some_and(|it| chain.contains(it));
            within(one.last(), other) || within(other.last(), one)
        }
        _ => false,
    }
}

/// A contact that the one which is written replaces (FLK-04, FVK-03).
#[derive(Clone, Copy, Debug)]
pub struct Ersattning<'a> {
    pub fore: &'a Kept,
    pub samma_vardgivare: bool,
    /// Who is to keep the new contact.
    pub ny: &'a Hallare,
    /// What is said of the patient, by other records than the one that is written.
    pub ratter: &'a [Ratt],
}

/// May the service end or mark another contact because of what this caller writes? Of another vårdgivare's, and of what is
/// blocked, only on the word of one who takes part in the care already, or of the patient: the new contact itself is no part
/// in it, neither is a nödöppning, nor a Patient of one's own with the same number.
pub fn far_ersatta(lasare: &Lasare, ersattning: Ersattning<'_>, nu: i64) -> bool {
    let Ersattning { fore, ratter, .. } = ersattning;
    let vard = match lasare {
        Lasare::Patient { patient, .. } => return !patient.is_empty() && fore.patient.as_deref() == Some(patient),
        Lasare::Vard(vard) => vard,
    };
    let patient = fore.patient.as_deref();
    // A system writes for the unit that is to keep the contact.
    let system = match ersattning.ny {
        Hallare::Enhet(chain) if vard.system => enheter(chain),
        _ => &[],
    };
    if patient.is_some() && (har_relation(vard, patient, ratter, nu) || sagt(ratter, Slag::Relation, system, nu)) {
        return true;
    }
    let post = Post {
        kind: ResourceType::CareTeam,
        kept: fore,
        version: None,
    };
    let utan_nodoppning = Vard {
        nodoppning: None,
        ..vard.clone()
    };
    ersattning.samma_vardgivare && varden_laser(&utan_nodoppning, post, ratter, nu).is_ok()
}

/// The units of those who keep a record: the vårdgivare as a whole takes part in nobody's care.
pub fn enheter(chain: &[String]) -> &[String] {
    match chain {
        [alone] => std::slice::from_ref(alone),
        [units @ .., _vardgivare] => units,
        [] => &[],
    }
}

/// What the caller's own unit keeps, and goes on keeping; of plans also what the unit of the coordinating contact changes.
fn varden_skriver(vard: &Vard, skrivning: Skrivning<'_>, nu: i64) -> Result<(), Hinder> {
    let Skrivning { kind, fore, efter, .. } = skrivning;
    if KATALOG.contains(&kind) {
        if !vard.system {
            return Err(Hinder::BaraSystem);
        }
        if vard.katalog {
            return Ok(());
        }
        if skrivning.nya_hsa_id.iter().any(|id| !far_namna(vard, id)) {
            return Err(Hinder::AnnansNamn);
        }
    }
    // What keeps the catalogue of all keeps no records.
    if vard.katalog && !KATALOG.contains(&kind) {
        return Err(Hinder::AnnanEnhet);
    }
    if let Some(fore) = fore {
        let samordnar = kind == ResourceType::CarePlan
            && skrivning.bara_innehall
            && sagt(skrivning.ratter, Slag::Samordning, &vard.egen_enhet(), nu)
            && efter.is_some_and(|efter| efter.hallare == fore.hallare && efter.patient == fore.patient);
        // Who gave her word is told by the record, and by whom it was heard: it is not turned into another patient's.
        if kind == ResourceType::Consent && efter.is_some_and(|efter| efter.patient != fore.patient) {
            return Err(Hinder::AnnanPatient);
        }
        // The patient's own consents and blocks are also ended, and only ended, by the unit that she asks; a block by those
        // whose records it blocks (PDL 4:4), so that nobody lets herself in.
        let blocks = |ratt: &&Ratt| matches!(ratt.slag, Slag::InreSparr | Slag::YttreSparr);
        let at_patienten = kind == ResourceType::Consent
            && fore.hallare == Hallare::Patienten
            && skrivning.bara_avslut
            && efter.is_some_and(|efter| efter.hallare == fore.hallare)
            && skrivning.ger.iter().all(|now| gavs(skrivning.gav, now))
            && skrivning
                .gav
                .iter()
                .filter(blocks)
                .all(|block| vard.egna().contains(&block.hsa_id))
            && har_relation(vard, fore.patient.as_deref(), skrivning.ratter, nu);
        if samordnar || at_patienten {
            return Ok(());
        }
        if !halls_av(fore, &vard.egen_enhet()) {
            return Err(Hinder::AnnanEnhet);
        }
    }
    if let Some(efter) = efter {
        // A new record is the own unit's; one that is there may be handed over within the vårdgivare.
        let egna = if fore.is_some() { vard.egna() } else { vard.egen_enhet() };
        if !halls_av(efter, &egna) {
            return Err(Hinder::AnnanEnhet);
        }
        // A system of the whole vårdgivare registers the blocks of each of its units.
        let hela = vard.system && vard.enhet == vard.vardgivare;
        let om_andra = skrivning.ger.iter().any(|ratt| {
            let villkor = match ratt.slag {
                Slag::Samtycke | Slag::Havning => true,
                Slag::InreSparr | Slag::YttreSparr => !hela,
                Slag::Relation | Slag::Skyddad | Slag::Samordning => false,
            };
            villkor && !vard.egna().contains(&ratt.hsa_id)
        });
        if om_andra {
            return Err(Hinder::AnnansSparr);
        }
        // Whoever has no part in the care has not been given the patient's word. (A system registers what others were given.)
        let oppnar = |ratt: &Ratt| matches!(ratt.slag, Slag::Samtycke | Slag::Havning) && ratt.high > nu;
        if !vard.system
            && skrivning.ger.iter().any(oppnar)
            && !har_relation(vard, efter.patient.as_deref(), skrivning.ratter, nu)
        {
            return Err(Hinder::IngenRelation);
        }
    }
    Ok(())
}
