//! The period of a written CareTeam or CarePlan: all that FK-03 looks at.

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeamStatus, Period};
use jiff::civil::Date;

use super::giltighet::{ar_over, ersatt_fran};
use super::kontakt::is_fast_kontakt;

/// What FK-03 sees.
pub struct Periodbild<'a> {
    pub period: &'a Period,
    /// `CareTeam.period` or `CarePlan.period`
    pub expression: &'static str,
    /// An active fast kontakt (without status counts as active) that is treated as ended.
    pub is_ended_kontakt: bool,
}

impl<'a> Periodbild<'a> {
    /// The picture of a CareTeam or CarePlan; `None` for other types.
    pub fn of(fact: &'a Fact, today: Date) -> Option<Periodbild<'a>> {
        match fact {
            Fact::CareTeam(care_team) => Some(Periodbild {
                period: &care_team.period,
                // One that was replaced ends without an end in its period.
                expression: if care_team.period.end.is_none() && ersatt_fran(care_team).is_some() {
                    "CareTeam.extension"
                } else {
                    "CareTeam.period"
                },
                is_ended_kontakt: is_fast_kontakt(care_team)
                    && matches!(care_team.status, None | Some(CareTeamStatus::Active))
                    && ar_over(care_team, today),
            }),
            Fact::CarePlan(plan) => Some(Periodbild {
                period: &plan.period,
                expression: "CarePlan.period",
                is_ended_kontakt: false,
            }),
            _ => None,
        }
    }

    /// Whether the end lies wholly before the start, each with its own precision (per-1).
    pub fn is_backwards(&self) -> bool {
        match (self.period.start, self.period.end) {
            (Some(start), Some(end)) => end.range().1 <= start.range().0,
            _ => false,
        }
    }
}
