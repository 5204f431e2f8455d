//! What a caller sees, as a condition on all rows at once: the mirror of [`super::beslut::far_lasa`] and of the scopes, for
//! searches, includes, histories and `$everything`. A property test holds the two together.

use std::sync::Arc;

use super::beslut::{Lasare, PERSONER, Vard, ar_ingens};
use super::caller::Caller;
use super::medgivande::medgivanden;
use super::scope::Right;
use super::{Call, Identity};
use crate::fhir::search::has_patient;
use crate::fhir::types::ResourceType;
use crate::store::{Om, Sikt, Slag, Villkor};

use Villkor::*;

/// What the call sees, by its right to search or to read; `None`: everything.
pub fn sikt(call: &Call, right: Right, nu: i64) -> Option<Arc<Sikt>> {
    told(call, right, nu, false)
}

/// The same, for a search that asks where a person lives or how she is reached: there nobody but her own vårdgivare meets
/// one who is protected, since a match would tell.
pub fn sikt_pa_adress(call: &Call, right: Right, nu: i64) -> Option<Arc<Sikt>> {
    told(call, right, nu, true)
}

fn told(call: &Call, right: Right, nu: i64, adress: bool) -> Option<Arc<Sikt>> {
    let lasare = Lasare::of(call)?;
    let scopes = match &call.caller {
        Caller::Known(identity) => by_scope(identity, right),
        _ => Aldrig,
    };
    let mut rader = vec![scopes, records(&lasare, nu)];
    if let (true, Lasare::Vard(vard)) = (adress, &lasare) {
        rader.push(Nagot(vec![Inte(Box::new(skyddad(nu))), egen_vardgivare(vard)]));
    }
    Some(Arc::new(Sikt {
        rader: Alla(rader),
        versioner: match &lasare {
            Lasare::Patient { .. } => Alla(vec![
                Nagot(vec![nobodys(), Inte(Box::new(VersionDold))]),
                Nagot(vec![nobodys(), Inte(Box::new(VersionFlyttad))]),
                Nagot(vec![nobodys(), HarPatient]),
            ]),
            Lasare::Vard(vard) => Nagot(vec![
                Alla(vec![
                    Inte(Box::new(VersionFlyttad)),
                    // What a team that is open to all said before is for the own vårdgivare.
                    Nagot(vec![
                        Inte(Box::new(Typ(vec![ResourceType::CareTeam]))),
                        HarPatient,
                        Alla(vec![Allman, egen_vardgivare(vard)]),
                    ]),
                ]),
                egen_enhet(vard),
            ]),
        },
    }))
}

/// What another vårdgivare keeps of this patient, that may be known to exist though it is not seen: the mirror of
/// [`super::beslut::far_veta`]. `None`: nothing may.
pub fn anas(call: &Call, patient: &str, nu: i64) -> Option<Sikt> {
    let Some(Lasare::Vard(vard)) = Lasare::of(call) else {
        return None;
    };
    if !vard.for_vard {
        return None;
    }
    let kinds = ResourceType::ALL.iter().copied().filter(|kind| has_patient(*kind));
    Some(Sikt {
        rader: Alla(vec![
            Patient(patient.to_owned()),
            Typ(kinds.collect()),
            Inte(Box::new(Nagot(vec![
                HallareOkand,
                HallsAvPatienten,
                egen_vardgivare(&vard),
            ]))),
            Inte(Box::new(sparrat(Slag::InreSparr, nu))),
            Inte(Box::new(sparrat(Slag::YttreSparr, nu))),
            relation(&vard, nu),
            Inte(Box::new(vardens(&vard, nu))),
        ]),
        versioner: Aldrig,
    })
}

/// The types that tell of no patient.
fn nobodys() -> Villkor {
    let kinds = ResourceType::ALL.iter().copied().filter(|kind| !has_patient(*kind));
    Typ(kinds.collect())
}

fn by_scope(identity: &Identity, right: Right) -> Villkor {
    let mut whole = Vec::new();
    let mut parts = Vec::new();
    for kind in ResourceType::ALL {
        for granted in medgivanden(identity, right, *kind) {
            let mut all = vec![Typ(vec![*kind])];
            if let Some(patient) = granted.bara.filter(|_| has_patient(*kind)) {
                all.push(match ar_ingens(*kind, true) {
                    true => Nagot(vec![Patient(patient), Allman]),
                    false => Patient(patient),
                });
            }
            all.extend(
                granted
                    .filter
                    .into_iter()
                    .map(|criterion| Kriterium(Box::new(criterion))),
            );
            match all.len() {
                1 => whole.push(*kind),
                _ => parts.push(Alla(all)),
            }
        }
    }
    if whole.len() == ResourceType::ALL.len() {
        return Alltid;
    }
    parts.insert(0, Typ(whole));
    Nagot(parts)
}

fn records(lasare: &Lasare, nu: i64) -> Villkor {
    match lasare {
        Lasare::Patient { patient, .. } => Nagot(vec![
            nobodys(),
            Alla(vec![Typ(vec![ResourceType::CareTeam]), Allman, Inte(Box::new(Dold))]),
            Alla(vec![
                Patient(patient.clone()),
                Inte(Box::new(Dold)),
                Inte(Box::new(MalDolt)),
                Inte(Box::new(MalFlyttat)),
            ]),
        ]),
        Lasare::Vard(vard) => vardens(vard, nu),
    }
}

/// Line by line as `varden_laser`.
fn vardens(vard: &Vard, nu: i64) -> Villkor {
    let egen_enhet = egen_enhet(vard);
    let egen_vardgivare = egen_vardgivare(vard);
    let nodoppning = || vard.nodoppning.clone().map_or(Aldrig, Patient);

    let far_veta_vem = Nagot(vec![
        Inte(Box::new(skyddad(nu))),
        egen_enhet.clone(),
        relation(vard, nu),
        nodoppning(),
    ]);
    let inte_sparrad = Nagot(vec![
        Ratt {
            slag: Slag::Havning,
            om: Om::NagonAv(vard.egna()),
            nu,
        },
        Alla(vec![
            Inte(Box::new(sparrat(Slag::InreSparr, nu))),
            Nagot(vec![
                egen_vardgivare.clone(),
                Inte(Box::new(sparrat(Slag::YttreSparr, nu))),
            ]),
        ]),
    ]);
    let annans = Alla(vec![
        if vard.for_vard { Alltid } else { Aldrig },
        relation(vard, nu),
        Nagot(vec![
            HallsAvPatienten,
            Alla(vec![
                Inte(Box::new(HallareOkand)),
                Ratt {
                    slag: Slag::Samtycke,
                    om: Om::NagonAv(vard.egna()),
                    nu,
                },
            ]),
        ]),
    ]);
    Alla(vec![
        Nagot(vec![Inte(Box::new(MalFlyttat)), egen_enhet.clone()]),
        far_veta_vem,
        Nagot(vec![
            Allman,
            egen_enhet,
            Alla(vec![
                HarPatient,
                Nagot(vec![
                    nodoppning(),
                    Alla(vec![Typ(vec![ResourceType::Patient]), egen_vardgivare.clone()]),
                    Alla(vec![inte_sparrad, Nagot(vec![egen_vardgivare, annans])]),
                ]),
            ]),
        ]),
    ])
}

/// What the patient's blocks say of who keeps the row. What the patient wrote herself no unit keeps, so no block meets it
/// but one on every unit.
fn sparrat(slag: Slag, nu: i64) -> Villkor {
    Ratt {
        slag,
        om: Om::Hallaren,
        nu,
    }
}

/// The mirror of `Vard::enhet_haller`.
fn egen_enhet(vard: &Vard) -> Villkor {
    let vardgivare = HallsAv(vard.vardgivare.iter().cloned().collect());
    Alla(vec![
        HallsAv(vard.egen_enhet()),
        Nagot(vec![vardgivare, vard.enhet.clone().map_or(Aldrig, HallsAvBara)]),
    ])
}

/// The mirror of `Vard::vardgivare_haller`.
fn egen_vardgivare(vard: &Vard) -> Villkor {
    let vardgivare = HallsAv(vard.vardgivare.iter().cloned().collect());
    Nagot(vec![vardgivare, egen_enhet(vard)])
}

fn relation(vard: &Vard, nu: i64) -> Villkor {
    let mut ways = vec![Ratt {
        slag: Slag::Relation,
        om: Om::NagonAv(vard.egen_enhet()),
        nu,
    }];
    ways.extend(vard.i_kontext.clone().map(Patient));
    Nagot(ways)
}

fn skyddad(nu: i64) -> Villkor {
    Nagot(vec![
        Skyddad,
        Alla(vec![
            Typ(PERSONER.to_vec()),
            Ratt {
                slag: Slag::Skyddad,
                om: Om::Vem,
                nu,
            },
        ]),
    ])
}
