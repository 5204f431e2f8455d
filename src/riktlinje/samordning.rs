//! What FVK-07 looks at: the responsibility for coordination (role 4) has come here from elsewhere, and whether the patient
//! has an individual plan. Asked only when it may have.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{CareTeamStatus, RequestStatus};
use jiff::ToSpan;
use jiff::civil::Date;

use super::Villkor;
use super::andra::Grannkontakt;
use super::enhet::Enhet;
use super::kontakt::Kontaktbild;
use super::kontakttyp::{Kontakttyp, is_active, typer};
use super::plan::Planer;
use super::underlag::{Underlag, lasbara};
use crate::fhir::types::ResourceType;

/// Days that an ended responsibility is looked back at.
const DAYS: i32 = 30;

impl Kontaktbild<'_> {
    /// Whether role 4 is new here, ended elsewhere lately, and no individual plan is active.
    pub(super) fn samla_samordning<U: Underlag>(
        &mut self,
        contacts: &[Arc<Grannkontakt>],
        patients: &[String],
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<(), U::Error> {
        let is_new = !self
            .stored
            .is_some_and(|stored| is_active(stored) && typer(stored).contains(&Kontakttyp::Samordnande));
        if self.policy.asks("FVK-07")
            && is_new
            && self.typer.contains(&Kontakttyp::Samordnande)
            && self.ended_elsewhere(contacts, villkor, underlag)?
        {
            let plans = lasbara(underlag, ResourceType::CarePlan, patients)?;
            self.overtar_utan_plan = !plans.iter().any(|fact| is_individual_plan(fact, self.today));
        }
        Ok(())
    }

    fn ended_elsewhere<U: Underlag>(
        &self,
        contacts: &[Arc<Grannkontakt>],
        villkor: &Villkor<'_>,
        underlag: &mut U,
    ) -> Result<bool, U::Error> {
        let (Some(own), Some(interval)) = (&self.enhet, self.interval) else {
            return Ok(false);
        };
        let takes_over = |typer: &[Kontakttyp], enhet: Option<&Enhet>| {
            typer.contains(&Kontakttyp::Samordnande) && enhet.is_some_and(|enhet| !own.same_unit(enhet))
        };
        let mut replaced = self
            .ersatta
            .iter()
            .filter_map(|ersatt| self.andra.iter().find(|it| it.id == ersatt.id));
        if replaced.any(|other| other.far_lasas && takes_over(&other.typer, other.enhet())) {
            return Ok(true);
        }
        let day = interval.first_day_from(self.today);
        let since = day.checked_sub(DAYS.days()).unwrap_or(Date::MIN);
        for other in contacts.iter().filter(|other| other.id != self.kontakt.head.id) {
            let was_valid = !other.kontakt().is_some_and(|other| {
                matches!(
                    other.status,
                    Some(CareTeamStatus::EnteredInError | CareTeamStatus::Proposed)
                )
            });
            let lately = other.interval.end.is_some_and(|end| since <= end && end <= day);
            if was_valid && lately && other.far_lasas && other.typer.contains(&Kontakttyp::Samordnande) {
                let enhet = other.samla_plats(villkor, underlag)?;
                if takes_over(&other.typer, enhet) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// An active SIP, SPU, HP or RP whose period has not ended.
fn is_individual_plan(fact: &Fact, today: Date) -> bool {
    let Fact::CarePlan(plan) = fact else { return false };
    plan.status == Some(RequestStatus::Active)
        && plan.period.last_day().is_none_or(|last| today <= last)
        && [Planer::Sip, Planer::Individuell]
            .iter()
            .any(|planer| planer.includes(&plan.categories))
}
