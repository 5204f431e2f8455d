//! The person behind a fast kontakt: participant.member → PractitionerRole → Practitioner, as far as it can be followed.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Practitioner, PractitionerRole, Reference};

use super::finding::Evidence;
use super::identity::{hsa_ids, logical};
use super::underlag::{Traff, Underlag, folj};

/// Types a member may point at that are no named member of the staff.
pub const NO_STAFF: &[&str] = &[
    "Organization",
    "CareTeam",
    "Patient",
    "RelatedPerson",
    "Group",
    "Device",
    "Location",
    "HealthcareService",
];

/// A member, and what following it showed.
#[derive(Clone, Debug, Default)]
pub struct Medlem {
    pub reference: Option<Reference>,
    target: Option<Traff>,
    practitioner: Option<Arc<Fact>>,
}

impl Medlem {
    /// Follows the member of a contact.
    pub fn samla<U: Underlag>(
        underlag: &mut U,
        reference: Option<&Reference>,
        within: &Fact,
    ) -> Result<Medlem, U::Error> {
        let Some(reference) = reference else {
            return Ok(Medlem::default());
        };
        let target = folj(underlag, reference, within)?;
        let practitioner = match &target {
            Some(Traff { fact, home }) => match fact.as_ref() {
                Fact::PractitionerRole(role) => match &role.practitioner {
                    Some(practitioner) => folj(underlag, practitioner, home)?.map(|found| found.fact),
                    None => None,
                },
                Fact::Practitioner(_) => Some(fact.clone()),
                _ => None,
            },
            None => None,
        };
        Ok(Medlem {
            reference: Some(reference.clone()),
            target,
            practitioner,
        })
    }

    /// The assignment, when it could be followed.
    pub fn role(&self) -> Option<&PractitionerRole> {
        match self.target.as_ref().map(|target| target.fact.as_ref()) {
            Some(Fact::PractitionerRole(role)) => Some(role),
            _ => None,
        }
    }

    /// The person, when it could be followed.
    pub fn practitioner(&self) -> Option<&Practitioner> {
        match self.practitioner.as_deref() {
            Some(Fact::Practitioner(practitioner)) => Some(practitioner),
            _ => None,
        }
    }

    /// The resource that references in the assignment are read in.
    pub fn home(&self) -> Option<&Fact> {
        self.target.as_ref().map(|target| target.home.as_ref())
    }

    /// Whether the member could be followed to a resource.
    pub fn is_found(&self) -> bool {
        self.target.is_some()
    }

    /// Whether the contact names a person of the staff (FK-01).
    pub fn is_named(&self) -> Evidence {
        let Some(reference) = &self.reference else {
            return Evidence::Contradicted;
        };
        let to_practitioner = self.role().and_then(|role| role.practitioner.as_ref());
        if reference.extensions.is_masked() || to_practitioner.is_some_and(|it| it.extensions.is_masked()) {
            return Evidence::Shown;
        }
        if !reference.is_stated() || self.is_no_staff() {
            return Evidence::Contradicted;
        }
        let has_display = is_text(&reference.display) || to_practitioner.is_some_and(|it| is_text(&it.display));
        match self.practitioner() {
            Some(practitioner) => {
                let named = practitioner
                    .names
                    .iter()
                    .any(|name| name.is_stated() || name.is_masked());
                if named || (has_display && self.has_hsa_id(practitioner)) {
                    Evidence::Shown
                } else {
                    Evidence::Contradicted
                }
            }
            // A display says who it is when the role lies elsewhere; alone it leads to nobody.
            None if has_display && self.leads_somewhere() => Evidence::Shown,
            None => Evidence::NotStated,
        }
    }

    /// Whether the member is known to be something else than a person of the staff.
    fn is_no_staff(&self) -> bool {
        let found = self.target.as_ref().map(|target| target.fact.resource_type());
        let kind = found.or_else(|| self.reference.as_ref().and_then(Reference::target_type));
        kind.is_some_and(|kind| NO_STAFF.contains(&kind))
    }

    /// Whether the member points at something: a literal reference, or an HSA-id.
    fn leads_somewhere(&self) -> bool {
        self.reference
            .as_ref()
            .is_some_and(|reference| is_text(&reference.reference) || !hsa_ids(logical(reference)).is_empty())
    }

    fn has_hsa_id(&self, practitioner: &Practitioner) -> bool {
        let by_reference = self
            .reference
            .as_ref()
            .is_some_and(|reference| !hsa_ids(logical(reference)).is_empty());
        let by_role = self.role().is_some_and(|role| !hsa_ids(&role.identifiers).is_empty());
        by_reference || by_role || !hsa_ids(&practitioner.identifiers).is_empty()
    }
}

fn is_text(text: &Option<String>) -> bool {
    text.as_deref().is_some_and(|text| !text.trim().is_empty())
}
