//! Listens to what a check asks for: which resources its answer leans on, and the next day on which the answer may be
//! another although nothing is written. So a work list is renewed when it is needed, and only then.

use std::collections::BTreeSet;
use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{Period, Reference};
use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::fhir::references::local;
use crate::fhir::types::ResourceType;

use super::codes::{EXT_ERSATT_FRAN, EXT_SENAST_OMPROVAD};
use super::policy::Policies;
use super::samlat::Samlat;
use super::underlag::{Fore, Underlag};

/// FVK-07 looks so many days back at a coordinator that ended.
const DAGAR_EFTER_SAMORDNING: i32 = 30;

/// An [`Underlag`] that remembers what was asked of it.
pub struct Avlyssnat<'u, U> {
    inner: &'u mut U,
    today: Date,
    /// How long after a date a rule may change its mind, under any policy.
    frister: Vec<Span>,
    /// What was followed to, whether it was there or not.
    foljda: BTreeSet<(ResourceType, String)>,
    /// The first day after today on which something that was seen begins, has ended or is due.
    vandpunkt: Option<Date>,
    sedda: BTreeSet<(String, String)>,
    /// Its own: what was gathered through the inner one alone was not heard here.
    samlat: Samlat,
}

impl<'u, U> Avlyssnat<'u, U> {
    pub fn new(inner: &'u mut U, policies: &Policies, today: Date) -> Avlyssnat<'u, U> {
        Avlyssnat {
            inner,
            today,
            frister: frister(policies),
            foljda: BTreeSet::new(),
            vandpunkt: None,
            sedda: BTreeSet::new(),
            samlat: Samlat::default(),
        }
    }

    /// What was followed to, these patients apart.
    pub fn beroende_av(&self, patienter: &[String]) -> BTreeSet<(ResourceType, String)> {
        let is_own = |(kind, id): &(ResourceType, String)| *kind == ResourceType::Patient && patienter.contains(id);
        self.foljda.iter().filter(|it| !is_own(it)).cloned().collect()
    }

    /// The last day before anything that was seen begins, ends or comes due.
    pub fn galler_till(&self) -> Option<Date> {
        self.vandpunkt.and_then(|day| day.yesterday().ok())
    }

    fn horde(&mut self, fact: &Fact) {
        if !self
            .sedda
            .insert((fact.resource_type().to_owned(), fact.id().to_owned()))
        {
            return;
        }
        for day in vandpunkter(fact, &self.frister) {
            if day > self.today && self.vandpunkt.is_none_or(|nearest| day < nearest) {
                self.vandpunkt = Some(day);
            }
        }
    }

    fn alla(&mut self, facts: Vec<Arc<Fact>>) -> Vec<Arc<Fact>> {
        facts.iter().for_each(|fact| self.horde(fact));
        facts
    }
}

impl<U: Underlag> Underlag for Avlyssnat<'_, U> {
    type Error = U::Error;

    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, U::Error> {
        if let Some((kind, id)) = reference.reference.as_deref().and_then(local) {
            self.foljda.insert((kind, id.to_owned()));
        }
        let found = self.inner.folj(reference)?;
        found.iter().for_each(|fact| self.horde(fact));
        Ok(found)
    }

    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, U::Error> {
        let found = self.inner.av_patienter(kind, patient_ids)?;
        Ok(self.alla(found))
    }

    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, U::Error> {
        let found = self.inner.med_identifierare(kind, systems, value)?;
        self.foljda
            .extend(found.iter().map(|fact| (kind, fact.id().to_owned())));
        Ok(self.alla(found))
    }

    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, U::Error> {
        let found = self.inner.patienter_som_lankar(patient_id)?;
        Ok(self.alla(found))
    }

    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, U::Error> {
        self.inner.tillkomna(patient_ids)
    }

    fn far_lasa(&mut self, fact: &Fact) -> bool {
        self.inner.far_lasa(fact)
    }

    fn samma_vardgivare(&mut self, kind: ResourceType, one: &str, other: &str) -> Result<Option<bool>, U::Error> {
        self.inner.samma_vardgivare(kind, one, other)
    }

    fn far_ersatta(
        &mut self,
        kind: ResourceType,
        which: (&str, &str),
        samma_vardgivare: bool,
    ) -> Result<bool, U::Error> {
        self.inner.far_ersatta(kind, which, samma_vardgivare)
    }

    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, U::Error> {
        self.inner.fore(current)
    }

    fn samlat(&mut self) -> Option<&mut Samlat> {
        Some(&mut self.samlat)
    }

    fn skrivs_nu(&mut self, current: &Arc<Fact>) -> Result<bool, U::Error> {
        self.inner.skrivs_nu(current)
    }
}

/// Every delay that a rule counts with.
fn frister(policies: &Policies) -> Vec<Span> {
    let mut dagar = BTreeSet::from([0, DAGAR_EFTER_SAMORDNING]);
    let mut manader = BTreeSet::new();
    for own in policies.all().map(|policy| &policy.parameters) {
        dagar.extend([
            own.dagar_till_utsedd,
            own.dagar_efter_utskrivning,
            own.dagar_avbojt_erbjudande,
        ]);
        manader.extend(own.manader_mellan_omprovningar);
    }
    let dagar = dagar.into_iter().filter_map(|days| Span::new().try_days(days).ok());
    let manader = manader
        .into_iter()
        .filter_map(|months| Span::new().try_months(months).ok());
    dagar.chain(manader).collect()
}

/// The days on which something that a resource says begins, is over, or has been so for as long as a rule waits.
fn vandpunkter(fact: &Fact, frister: &[Span]) -> Vec<Date> {
    let mut dates: Vec<FhirDate> = Vec::new();
    let mut add = |date: Option<FhirDate>| dates.extend(date);
    let mut period = |period: &Period| [period.start, period.end].into_iter().for_each(&mut add);
    match fact {
        Fact::CareTeam(it) => {
            period(&it.period);
            add(it.head.extensions.date(EXT_SENAST_OMPROVAD));
            add(it.head.extensions.date(EXT_ERSATT_FRAN));
        }
        Fact::CarePlan(it) => {
            period(&it.period);
            add(it.created);
        }
        Fact::PractitionerRole(it) => period(&it.period),
        Fact::Practitioner(it) => it.qualifications.iter().for_each(|own| period(&own.period)),
        Fact::Consent(it) => {
            period(&it.period);
            it.provisions.iter().for_each(|own| period(&own.period));
        }
        Fact::Encounter(it) => period(&it.actual_period),
        Fact::EpisodeOfCare(it) => period(&it.period),
        Fact::Flag(it) => period(&it.period),
        Fact::RelatedPerson(it) => period(&it.period),
        Fact::Patient(it) => add(it.deceased_at),
        Fact::Task(it) => [it.authored_on, it.last_modified].into_iter().for_each(add),
        Fact::Appointment(it) => {
            period(&Period {
                start: it.start,
                end: it.end,
            });
            it.requested_periods.iter().for_each(period);
        }
        Fact::ServiceRequest(_)
        | Fact::Goal(_)
        | Fact::Condition(_)
        | Fact::Organization(_)
        | Fact::Communication(_)
        | Fact::Questionnaire(_)
        | Fact::QuestionnaireResponse(_)
        | Fact::Provenance(_)
        | Fact::Other(_) => {}
    }
    // What begins does so on its first day; what ends, and what waits, is over the day after its last.
    let first = dates.iter().map(FhirDate::first_day);
    let after = dates.iter().flat_map(|date| {
        let last = date.last_day();
        frister
            .iter()
            .filter_map(move |frist| last.checked_add(*frist).ok()?.checked_add(1.day()).ok())
    });
    first.chain(after).collect()
}
