//! The work list of a unit (`Organization/[id]/$riktlinjekontroll`): whose whole picture the riktlinje has something to
//! say about, judged by the unit's policy. Answered from what the renewal keeps (fornyelse.rs), after taking in what was
//! written lately.

use fastkontakt_model::facts::Reference;
use jiff::Timestamp;

use super::fornyelse::Lage;
use super::kontroll::{locate, told_of};
use super::kvar::{las, severity_number, type_of_number};
use super::logg::told;
use super::read::live;
use super::underlag::OppenTransaktion;
use super::{Door, problem::Problem};
use crate::access::beslut::{Lasare, halls_av};
use crate::access::{Call, Right};
use crate::fhir::search::page;
use crate::fhir::search::query::KeyPart;
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::list::{Lakarlista, lakarens_lista};
use crate::riktlinje::{Kontrollfynd, RuleId, Severity, catalogue, kontrollera, policy_for};
use crate::store::{ListQuery, Listrad, Session};

/// What is asked of a unit's list.
pub struct Listfraga {
    /// The id of the Organization.
    pub enhet: String,
    /// Only findings of these rules; of all when empty.
    pub regler: Vec<RuleId>,
    /// Only findings of these severities; of all when empty.
    pub allvarligheter: Vec<Severity>,
    pub count: usize,
    /// Where the page before ended: a token of [`Arbetslista::next`].
    pub page: Option<String>,
    /// The version that expressions are told in.
    pub version: FhirVersion,
}

/// A page of a unit's list.
pub struct Arbetslista {
    /// Patients, those with errors first; each with the findings that were asked for.
    pub patienter: Vec<Listpost>,
    /// Physicians with more patients than the guide value (LIST-01); on the last page.
    pub lakare: Vec<Listpost>,
    pub next: Option<String>,
    /// As of when the list holds; `None` while it is made for the first time.
    pub per: Option<Timestamp>,
    /// Later changes are being taken in.
    pub fornyas: bool,
}

/// One entry of a list.
pub struct Listpost {
    pub id: String,
    pub fynd: Vec<Kontrollfynd>,
}

/// The heaviest first.
const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Information];

impl Listfraga {
    fn wants(&self, fynd: &Kontrollfynd) -> bool {
        (self.regler.is_empty() || self.regler.contains(&fynd.rule)) && self.wants_severity(fynd.severity)
    }

    fn wants_severity(&self, severity: Severity) -> bool {
        self.allvarligheter.is_empty() || self.allvarligheter.contains(&severity)
    }

    fn severities(&self) -> Vec<i16> {
        let wanted = SEVERITIES.into_iter().filter(|severity| self.wants_severity(*severity));
        wanted.map(severity_number).collect()
    }

    /// The rules whose places in the list are walked. When all rules are asked for, a patient's heaviest severity is
    /// enough, unless a heavier one is left out.
    fn walked(&self, severities: &[i16]) -> Vec<String> {
        let from_the_heaviest = severities
            .iter()
            .zip(1..)
            .all(|(severity, heaviest)| *severity == heaviest);
        match self.regler.as_slice() {
            [] if from_the_heaviest => vec![ListQuery::VARST.to_owned()],
            [] => catalogue().map(|rule| rule.id.to_string()).collect(),
            some => some.iter().map(ToString::to_string).collect(),
        }
    }

    /// Ties a page token to this list and these filters.
    fn fingerprint(&self) -> u64 {
        let mut regler: Vec<&str> = self.regler.iter().map(|regel| regel.as_str()).collect();
        regler.sort_unstable();
        regler.dedup();
        let severities = SEVERITIES.iter().filter(|severity| self.wants_severity(**severity));
        let parts = ["arbetslista", self.enhet.as_str()].into_iter().chain(regler);
        page::fingerprint(parts.chain(severities.map(|severity| severity.code())))
    }

    fn query(&self, enhet: i64) -> Result<ListQuery, Problem> {
        let efter = match &self.page {
            None => None,
            Some(token) => match page::decode(token, self.fingerprint()).as_deref() {
                Some([KeyPart::Number(severity), KeyPart::Number(patient)]) => {
                    Some((i16::try_from(*severity).unwrap_or(i16::MAX), *patient))
                }
                _ => {
                    return Err(Problem::bad_request(
                        "Länken till sidan är inte en av tjänstens, eller hör till en annan lista.",
                        "The link to the page is not one of this service's, or belongs to another list.",
                    ));
                }
            },
        };
        let allvarligheter = self.severities();
        Ok(ListQuery {
            enhet,
            regler: self.walked(&allvarligheter),
            allvarligheter,
            efter,
            count: self.count,
        })
    }
}

impl Door {
    /// A page of a unit's list.
    pub async fn arbetslista(&self, call: &Call, fraga: Listfraga) -> Result<Arbetslista, Problem> {
        self.permit_findings(call)?;
        self.hinn_ikapp().await;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    let lista = door.list_page(&call, session, &fraga)?;
                    let patients = lista
                        .patienter
                        .iter()
                        .map(|post| (ResourceType::Patient, post.id.as_str()));
                    let posts = lista.patienter.iter().chain(&lista.lakare);
                    let findings = posts.flat_map(|post| told_of(&post.fynd));
                    let unit = (ResourceType::Organization, fraga.enhet.as_str());
                    call.disclosed
                        .note(told(session, patients.chain(findings).chain([unit]))?);
                    Ok(lista)
                })
            })
            .await
    }

    fn list_page(&self, call: &Call, session: &mut Session, fraga: &Listfraga) -> Result<Arbetslista, Problem> {
        let unit = session.current(ResourceType::Organization, &fraga.enhet)?;
        live(self.seen(call, session, (Right::Read, unit, false))?)?;
        // A unit's list is its own.
        let lasare = Lasare::of(call);
        if let Some(Lasare::Vard(vard)) = &lasare {
            let unit = session.kept_beside(ResourceType::Organization, &fraga.enhet)?;
            if !unit.is_some_and(|unit| halls_av(&unit, &vard.egen_enhet())) {
                return Err(Problem::Forbidden);
            }
        }
        let enhet = session
            .living_key(ResourceType::Organization, &fraga.enhet)?
            .ok_or(Problem::NotFound)?;
        let query = fraga.query(enhet)?;
        let mut rows = session.list(&query)?;
        let mut next = None;
        if rows.len() > fraga.count {
            rows.truncate(fraga.count);
            let end = |last: &Listrad| {
                [
                    KeyPart::Number(i64::from(last.allvarlighet)),
                    KeyPart::Number(last.patient),
                ]
            };
            next = rows.last().map(|last| page::encode(fraga.fingerprint(), &end(last)));
        }
        let mut patienter = Vec::with_capacity(rows.len());
        for row in rows {
            let mut fynd = match &lasare {
                None => las(&row.fynd)?,
                // What is kept leans on everybody's records: what this caller may read says it anew.
                Some(_) => self.fynd_for(call, session, (&row.id, &fraga.enhet))?,
            };
            fynd.retain(|fynd| fraga.wants(fynd));
            if lasare.is_some() && fynd.is_empty() {
                continue;
            }
            locate(session, fraga.version, &mut fynd)?;
            patienter.push(Listpost { id: row.id, fynd });
        }
        let lakare = match next {
            None => self.physicians(session, fraga, enhet)?,
            Some(_) => Vec::new(),
        };
        let (per, fornyas) = match self.lage(session)? {
            Lage::Nu => (Some(self.clock.now()), false),
            Lage::Fornyas(per) => (Some(per), true),
            Lage::Gors => (None, true),
        };
        Ok(Arbetslista {
            patienter,
            lakare,
            next,
            per,
            fornyas,
        })
    }

    /// What is to be said of a patient in a unit's list, as far as the caller may read what it leans on.
    fn fynd_for(
        &self,
        call: &Call,
        session: &mut Session,
        (patient, enhet): (&str, &str),
    ) -> Result<Vec<Kontrollfynd>, Problem> {
        let stored = session.current(ResourceType::Patient, patient)?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        if self.visible(call, session, (Right::Read, stored, false))?.is_none() {
            return Ok(Vec::new());
        }
        let to_unit = Reference {
            reference: Some(format!("Organization/{enhet}")),
            ..Reference::default()
        };
        let mut underlag = OppenTransaktion::new(session, &self.understood)
            .only_what_is_seen(call, self.nu())
            .give(self.judged_in);
        let today = self.clock.today();
        let kontroll = kontrollera(patient, Some(&to_unit), &self.policies, today, &mut underlag)?;
        Ok(kontroll.map(|kontroll| kontroll.fynd).unwrap_or_default())
    }

    /// The physicians of the unit's list with more patients than the guide value.
    fn physicians(&self, session: &mut Session, fraga: &Listfraga, enhet: i64) -> Result<Vec<Listpost>, Problem> {
        let to_unit = Reference {
            reference: Some(format!("Organization/{}", fraga.enhet)),
            ..Reference::default()
        };
        let mut underlag = OppenTransaktion::new(session, &self.understood);
        let policy = policy_for(&to_unit, &self.policies, &mut underlag)?;
        let parameters = &policy.parameters;
        let least = parameters
            .invanare_per_specialist
            .min(parameters.invanare_per_st_lakare);
        let mut told = Vec::new();
        for many in underlag
            .session
            .physicians_above(enhet, i64::try_from(least).unwrap_or(i64::MAX))?
        {
            let lista = Lakarlista {
                antal: usize::try_from(many.patienter).unwrap_or(usize::MAX),
                typ: type_of_number(many.typ),
            };
            let mut fynd = lakarens_lista(&many.id, &lista, policy);
            fynd.retain(|fynd| fraga.wants(fynd));
            if !fynd.is_empty() {
                told.push(Listpost { id: many.id, fynd });
            }
        }
        Ok(told)
    }
}
