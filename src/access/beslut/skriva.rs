//! Who may write what: of what stands there, and of what is to stand.

use std::rc::Rc;

use super::{Hinder, Lasare, Post, Vard, enheter, har_relation, sagt, varden_laser};
use crate::fhir::types::ResourceType;
use crate::hsa::{hsa_form, number_inside};
use crate::store::{Hallare, Kept, Ratt, Slag};

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
    /// ([`crate::access::harledning::bara_innehall`]).
    pub bara_innehall: bool,
    /// Of a Consent that is there nothing changes but that it ends ([`crate::access::harledning::bara_avslut`]).
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
    // What others wrote down as her word she takes back herself: any consent, a lifting, and a block too. One who acts for her
    // takes back what is known to be no block.
    let ord = |ratt: &Ratt| match ratt.slag {
        Slag::Samtycke => true,
        Slag::Havning | Slag::InreSparr | Slag::YttreSparr => !ombud,
        Slag::Relation | Slag::Skyddad | Slag::Samordning => false,
    };
    let tar_tillbaka = skrivning.kind == ResourceType::Consent
        && skrivning.bara_avslut
        && skrivning.fore.is_some_and(|fore| efter.hallare == fore.hallare)
        && !(ombud && skrivning.gav.is_empty())
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
    if let Some(fore) = fore
        && rors_for_annan(vard, skrivning, fore, nu)?
    {
        return Ok(());
    }
    match efter {
        Some(efter) => far_sta(vard, skrivning, efter, nu),
        None => Ok(()),
    }
}

/// Of what stands there: the own unit's; else what is changed for a plan's coordinator, or ended for the patient, which
/// suffices (true).
fn rors_for_annan(vard: &Vard, skrivning: Skrivning<'_>, fore: &Kept, nu: i64) -> Result<bool, Hinder> {
    let Skrivning { kind, efter, .. } = skrivning;
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
    match samordnar || at_patienten {
        false if !vard.enhet_haller(&fore.hallare) => Err(Hinder::AnnanEnhet),
        suffices => Ok(suffices),
    }
}

/// Of what is to stand there: it is kept by the own unit, and says nothing of others' records.
fn far_sta(vard: &Vard, skrivning: Skrivning<'_>, efter: &Kept, nu: i64) -> Result<(), Hinder> {
    // A new record is the own unit's; one that is there may be handed over within the vårdgivare.
    let egen = match skrivning.fore {
        Some(_) => vard.vardgivare_haller(&efter.hallare),
        None => vard.enhet_haller(&efter.hallare),
    };
    if !egen {
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
    Ok(())
}

/// Whether what is given now was given before, for as long at the least.
fn gavs(gav: &[Ratt], now: &Ratt) -> bool {
    gav.iter().any(|ratt| {
        (ratt.slag, &ratt.hsa_id) == (now.slag, &now.hsa_id) && ratt.low <= now.low && now.high <= ratt.high
    })
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
    /// The same of the person's other Patient resources: vårdgivare that do not see each other's have each their own.
    pub samma_person: &'a [(String, Rc<[Ratt]>)],
}

/// May the service end or mark another contact because of what this caller writes? Of another vårdgivare's, and of what is
/// blocked, only on the word of one who takes part in the care already, or of the patient: the new contact itself is no part
/// in it, neither is a nödöppning, nor a Patient of one's own with the same number. Care that is recorded on that one is.
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
    let deltar = |patient: &str, ratter: &[Ratt]| {
        har_relation(vard, Some(patient), ratter, nu) || sagt(ratter, Slag::Relation, system, nu)
    };
    let mut samma_person = ersattning.samma_person.iter();
    if patient
        .is_some_and(|patient| deltar(patient, ratter) || samma_person.any(|(patient, ratter)| deltar(patient, ratter)))
    {
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
