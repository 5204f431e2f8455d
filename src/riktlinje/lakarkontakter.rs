//! Whose fast läkarkontakt a physician is today, and in which units' lists: what LIST-01 counts.

use std::collections::BTreeSet;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::CareTeamStatus;
use jiff::civil::Date;

use crate::fhir::types::ResourceType;

use super::giltighet::interval_av;
use super::kontakt::{self, Kontakter, is_fast_kontakt, typer};
use super::kontroll::Enheter;
use super::list::Lakartyp;
use super::medlem::Medlem;
use super::policy::Policies;
use super::underlag::Underlag;

/// A fast läkarkontakt that is valid today, with a physician who could be followed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lakarkontakt {
    /// The id of the Practitioner.
    pub lakare: String,
    /// By the befattningar of the assignment.
    pub typ: Option<Lakartyp>,
    /// Ids of the stored Organizations in whose lists it counts: the vårdenhet and all above it.
    pub enheter: BTreeSet<String>,
}

/// The fasta läkarkontakter of one person, who may have several Patient resources (GEN-01).
pub fn lakarkontakter<U: Underlag>(
    patienter: &[String],
    policies: &Policies,
    today: Date,
    underlag: &mut U,
) -> Result<Vec<Lakarkontakt>, U::Error> {
    let mut all = Vec::new();
    for fact in underlag.av_patienter(ResourceType::CareTeam, patienter)? {
        let Fact::CareTeam(team) = fact.as_ref() else { continue };
        let is_active = matches!(team.status, None | Some(CareTeamStatus::Active));
        let is_valid = interval_av(team).is_some_and(|interval| interval.contains(today));
        if !(is_active && is_valid && is_fast_kontakt(team) && Kontakter::Lakarkontakt.includes(&typer(team))) {
            continue;
        }
        let member = team.participants.first().and_then(|first| first.member.as_ref());
        let medlem = Medlem::samla(underlag, member, &fact)?;
        let Some(lakare) = medlem.practitioner().map(|it| it.head.id.clone()) else {
            continue;
        };
        let mut enheter = Enheter::new(policies);
        if let Some(enhet) = kontakt::enhet_av(underlag, team, Some(&medlem), &fact)? {
            enheter.lagg_till(&enhet, underlag)?;
        }
        all.push(Lakarkontakt {
            lakare,
            typ: Lakartyp::of(medlem.role()),
            enheter: enheter.into_ids(),
        });
    }
    Ok(all)
}
