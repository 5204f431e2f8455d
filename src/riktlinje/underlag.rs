//! What the rules may ask for while the context of a write is gathered. Implemented by the door over the open
//! transaction and by [`super::Files`] over a list of facts; the rules themselves never ask, they get it gathered.

use std::sync::Arc;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::{Contained, Head, Other, Reference};

use crate::fhir::identifiers::{HSA_ID, equivalent_systems};
use crate::fhir::types::ResourceType;

use super::identity::{hsa_ids, logical};
use super::samlat::{self, Samlat};

/// The state after all entries of the transaction, the written resource included (GEN-01).
pub trait Underlag {
    type Error;

    /// Follows a literal reference; `None` when it cannot be followed. References into `contained` are not asked for.
    fn folj(&mut self, reference: &Reference) -> Result<Option<Arc<Fact>>, Self::Error>;

    /// Current, not deleted resources of one type about these patients: in their compartments, or by nothing but a
    /// personnummer or samordningsnummer that one of them carries (GEN-01).
    fn av_patienter(&mut self, kind: ResourceType, patient_ids: &[String]) -> Result<Vec<Arc<Fact>>, Self::Error>;

    /// Resources of one type (Patient, Organization …) that carry this identifier under any of the equivalent systems.
    fn med_identifierare(
        &mut self,
        kind: ResourceType,
        systems: &[&str],
        value: &str,
    ) -> Result<Vec<Arc<Fact>>, Self::Error>;

    /// Patients whose `link` points at this patient.
    fn patienter_som_lankar(&mut self, patient_id: &str) -> Result<Vec<Arc<Fact>>, Self::Error>;

    /// The places of these patients in the order in which Patients were made, whatever became of them since; `None`: never
    /// stored.
    fn tillkomna(&mut self, patient_ids: &[String]) -> Result<Vec<Option<i64>>, Self::Error>;

    /// Whether the caller may read a resource. What is hidden from the caller is not used for findings on a write, but
    /// FLK-04 and FVK-03 may count it (GEN-05).
    fn far_lasa(&mut self, fact: &Fact) -> bool {
        let _ = fact;
        true
    }

    /// Whether one vårdgivare keeps both of these resources of a type, as the service knows who keeps them; `None`: the
    /// catalogue tells.
    fn samma_vardgivare(&mut self, kind: ResourceType, one: &str, other: &str) -> Result<Option<bool>, Self::Error> {
        let _ = (kind, one, other);
        Ok(None)
    }

    /// Whether whoever writes the one may bring about a change of the other, which one's own vårdgivare keeps, or not.
    fn far_ersatta(
        &mut self,
        kind: ResourceType,
        (written, other): (&str, &str),
        samma_vardgivare: bool,
    ) -> Result<bool, Self::Error> {
        let _ = (kind, written, other, samma_vardgivare);
        Ok(true)
    }

    /// What stood before the transaction where this current resource stands now. Asked for when the stored version is
    /// judged (GEN-02): two resources written in one transaction must not excuse each other.
    fn fore(&mut self, current: &Arc<Fact>) -> Result<Fore, Self::Error> {
        let _ = current;
        Ok(Fore::Oforandrad)
    }

    /// Where what is gathered of this state is kept for the next that is judged on it; forgotten when something is written.
    /// `None`: it is gathered each time.
    fn samlat(&mut self) -> Option<&mut Samlat> {
        None
    }

    /// Whether the transaction that is judged writes this current resource.
    fn skrivs_nu(&mut self, current: &Arc<Fact>) -> Result<bool, Self::Error> {
        Ok(!matches!(self.fore(current)?, Fore::Oforandrad))
    }
}

/// A resource before the transaction.
#[derive(Clone, Debug)]
pub enum Fore {
    /// The transaction does not touch it.
    Oforandrad,
    /// The version that was current.
    Fanns(Arc<Fact>),
    /// There was none.
    FannsInte,
}

/// A resource that was followed to.
#[derive(Clone, Debug)]
pub struct Traff {
    pub fact: Arc<Fact>,
    /// What its own `#` references point into: the resource itself, or for a contained one a stand-in that holds all that
    /// is contained beside it.
    pub home: Arc<Fact>,
}

/// Follows a reference that stands in `within`, into `contained` too. What the caller may not read cannot be followed
/// (GEN-05).
pub fn folj<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Option<Traff>, U::Error> {
    let Some(literal) = reference.reference.as_deref() else {
        return Ok(None);
    };
    if reference.is_contained() {
        let contained = &within.head().contained;
        return Ok(contained.find(literal).map(|found| Traff {
            fact: found.clone(),
            home: beside(contained),
        }));
    }
    let found = underlag.folj(reference)?;
    Ok(found.filter(|fact| underlag.far_lasa(fact)).map(|fact| Traff {
        home: fact.clone(),
        fact,
    }))
}

/// What of a type carries the HSA-id that a reference tells its target by: where there is no address to follow.
pub fn folj_hsa_id<U: Underlag>(
    underlag: &mut U,
    reference: &Reference,
    kind: ResourceType,
) -> Result<Option<Traff>, U::Error> {
    for hsa_id in hsa_ids(logical(reference)) {
        let found = underlag.med_identifierare(kind, &equivalent_systems(HSA_ID), &hsa_id)?;
        if let Some(fact) = found.into_iter().find(|fact| underlag.far_lasa(fact)) {
            return Ok(Some(Traff {
                home: fact.clone(),
                fact,
            }));
        }
    }
    Ok(None)
}

/// A resource that is nothing but what it contains.
fn beside(contained: &Contained) -> Arc<Fact> {
    let head = Head {
        contained: contained.clone(),
        ..Head::default()
    };
    Arc::new(Fact::from(Other {
        head,
        ..Other::default()
    }))
}

/// What of [`Underlag::av_patienter`] the caller may read: what findings may lean on (GEN-05).
pub fn lasbara<U: Underlag>(
    underlag: &mut U,
    kind: ResourceType,
    patient_ids: &[String],
) -> Result<Arc<[Arc<Fact>]>, U::Error> {
    samlat::lasbara(underlag, kind, patient_ids, false)
}

/// The type a reference points at: as it says itself, else as following it shows.
pub fn typ_av<U: Underlag>(underlag: &mut U, reference: &Reference, within: &Fact) -> Result<Option<String>, U::Error> {
    if let Some(stated) = reference.target_type() {
        return Ok(Some(stated.to_owned()));
    }
    Ok(folj(underlag, reference, within)?.map(|found| found.fact.resource_type().to_owned()))
}
