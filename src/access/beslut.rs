//! The decision about one record: may this caller read it, and (skriva.rs) may this caller write it? Pure functions of the
//! caller, what is kept beside the record (`store::Kept`), what the patient's records say about who may see the others
//! (`store::Ratt`), and the instant. docs/atkomst.md tells the same in words, with the law.
//!
//! [`super::sikt`] says the same of reading as a condition on all rows at once; a property test holds the two together.

mod skriva;

use crate::fhir::search::has_patient;
use crate::fhir::types::ResourceType;
use crate::hsa::hsa_form;
use crate::store::{Hallare, Kept, KeptVersion, Ratt, Slag};

use super::Call;
use super::caller::{Caller, Who};
pub use skriva::{Ersattning, Skrivning, far_ersatta, far_ligga_under, far_skriva};

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

    /// Whether the own unit keeps what is kept so, or what lies within it: as a unit of the caller's vårdgivare, since one that
    /// passes to another vårdgivare leaves its records behind. A unit of which nobody has told more is known by itself.
    pub fn enhet_haller(&self, hallare: &Hallare) -> bool {
        let (Some(enhet), Hallare::Enhet(chain)) = (&self.enhet, hallare) else {
            return false;
        };
        let within = |id: &String| chain.contains(id);
        within(enhet) && (self.vardgivare.as_ref().is_some_and(within) || chain.len() == 1)
    }

    /// Whether the own vårdgivare keeps it.
    pub fn vardgivare_haller(&self, hallare: &Hallare) -> bool {
        let vardgivare = match (&self.vardgivare, hallare) {
            (Some(vardgivare), Hallare::Enhet(chain)) => chain.contains(vardgivare),
            _ => false,
        };
        vardgivare || self.enhet_haller(hallare)
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

/// What of it is in force now, each once. Nothing else of it decides now, and a patient's contacts say much the same.
pub fn gallande(mut ratter: Vec<Ratt>, nu: i64) -> Vec<Ratt> {
    ratter.retain(|ratt| ratt.low <= nu && nu < ratt.high);
    ratter.sort_unstable();
    ratter.dedup_by(|next, last| (next.slag, &next.hsa_id) == (last.slag, &last.hsa_id));
    ratter
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

/// Whether a record tells of no patient: by its type, or a team of staff that contacts are reached through. A Patient that no
/// unit has taken charge of (`allman` too) is one.
pub fn ar_ingens(kind: ResourceType, allman: bool) -> bool {
    !has_patient(kind) || (allman && kind == ResourceType::CareTeam)
}

/// Whether it is open to all as it stands. What a team said in earlier versions may have been meant for the own staff.
fn ar_allmant(kind: ResourceType, kept: &Kept, version: Option<KeptVersion>) -> bool {
    kept.allman && !(kind == ResourceType::CareTeam && version.is_some())
}

/// The patient's own record, and what tells of nobody.
fn patienten_laser(patient: &str, Post { kind, kept, version }: Post<'_>) -> Result<Grund, Hinder> {
    if !has_patient(kind) || (ar_allmant(kind, kept, version) && ar_ingens(kind, true) && !kept.dold) {
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
    let egen_enhet = vard.enhet_haller(&kept.hallare);
    let egen_vardgivare = vard.vardgivare_haller(&kept.hallare);
    let relation = har_relation(vard, kept.patient.as_deref(), ratter, nu);
    let nodoppning = ar_nodoppnad(vard, kept);

    // A version that was filed on another patient, or what tells of one: whose blocks and consents are they? Only who keeps it
    // sees it.
    if (version.is_some_and(|version| version.flyttad) || kept.mal.flyttad) && !egen_enhet {
        return Err(Hinder::Flyttad);
    }
    // Protected persons (OSL 22:1): who and where they are, only for those who take part in their care.
    if ar_skyddad(kind, kept, ratter, nu) && !har_del_i_varden(vard, kept, ratter, nu) {
        return Err(Hinder::Skyddad);
    }
    if ar_allmant(kind, kept, version) {
        return Ok(Grund::Allmant);
    }
    if egen_enhet {
        return Ok(Grund::EgenEnhet);
    }
    // What a team said before, which told of nobody.
    if kept.allman && egen_vardgivare {
        return Ok(Grund::EgenVardgivare);
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

/// Whether the caller has opened this patient's record in an emergency.
fn ar_nodoppnad(vard: &Vard, kept: &Kept) -> bool {
    kept.patient.is_some() && kept.patient == vard.nodoppning
}

/// Whether the caller is one of those who may know who and where a protected person is.
fn har_del_i_varden(vard: &Vard, kept: &Kept, ratter: &[Ratt], nu: i64) -> bool {
    vard.enhet_haller(&kept.hallare)
        || har_relation(vard, kept.patient.as_deref(), ratter, nu)
        || ar_nodoppnad(vard, kept)
}

/// Types that tell who a person is and where she can be found.
pub const PERSONER: [ResourceType; 2] = [ResourceType::Patient, ResourceType::RelatedPerson];

/// Whether the record shows who and where a protected person is: labelled so itself, or the Patient is.
pub fn ar_skyddad(kind: ResourceType, kept: &Kept, ratter: &[Ratt], nu: i64) -> bool {
    kept.skyddad || (PERSONER.contains(&kind) && i_kraft(ratter, Slag::Skyddad, nu).next().is_some())
}

/// Whether the caller may see where a protected person lives and how she is reached: never another vårdgivare, and within
/// the own one who may see the person.
pub fn far_se_adress(lasare: &Lasare, kept: &Kept, ratter: &[Ratt], nu: i64) -> bool {
    match lasare {
        Lasare::Patient { .. } => true,
        Lasare::Vard(vard) => vard.vardgivare_haller(&kept.hallare) && har_del_i_varden(vard, kept, ratter, nu),
    }
}

/// Whether another vårdgivare keeps something that is not blocked and that the caller does not see: that much may be told
/// before the content is shown (SVOD 3:3), to those who take part in the care.
pub fn far_veta(lasare: &Lasare, post: Post<'_>, ratter: &[Ratt], nu: i64) -> bool {
    let Lasare::Vard(vard) = lasare else { return false };
    let utomstaende = matches!(post.kept.hallare, Hallare::Enhet(_)) && !vard.vardgivare_haller(&post.kept.hallare);
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

/// The units of those who keep a record: the vårdgivare as a whole takes part in nobody's care.
pub fn enheter(chain: &[String]) -> &[String] {
    match chain {
        [alone] => std::slice::from_ref(alone),
        [units @ .., _vardgivare] => units,
        [] => &[],
    }
}
