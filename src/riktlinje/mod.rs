//! The riktlinje: the regions' guidelines as rules that a machine can check, and the one question the rest of the house
//! asks of them: may this be written? Pure: no HTTP, no SQL, no clock; today is an input.
//!
//! The way of a judgement: gather a plain picture of the write ([`kontakt`], [`plan`], [`period`], [`id`]) through
//! [`Underlag`]; run every rule of the [`catalogue`] on it; weigh each remark by the policy and the [`principles`].
//! To add a rule: its row in the catalogue, its function in the file of its family, its vectors in tests/riktlinje/[id].

pub mod catalogue;
pub mod codes;
pub mod effect;
pub mod enhet;
pub mod enhetstyp;
pub mod finding;
pub mod giltighet;
pub mod identity;
pub mod intervals;
pub mod kontakt;
pub mod kontakttyp;
pub mod kontroll;
pub mod lakarkontakter;
pub mod list;
pub mod medlem;
pub mod nabarhet;
pub mod patient;
pub mod patientbild;
pub mod period;
pub mod plan;
pub mod policy;
pub mod principles;
pub mod profession;
pub mod underlag;

mod andra;
mod atertagande;
mod avlyssnat;
mod dok;
mod ersattmarke;
mod ersattning;
mod files;
mod fk;
mod flk;
mod fok;
mod fvk;
mod hallare;
mod handelse;
mod id;
mod ip;
mod livshotande;
mod mvp;
mod pat;
mod samlat;
mod samordning;
mod sip;
mod skal;
mod uts;
mod vistelse;

use fastkontakt_model::Fact;
use fastkontakt_model::facts::Reference;
use jiff::civil::Date;

pub use catalogue::{Rule, RuleId, catalogue};
pub use codes::CODE_SYSTEM;
pub use effect::{Avslut, Effect, Ersattning, Meddelande, Target};
pub use files::Files;
pub use finding::{Finding, Judgement, Severity};
pub use hallare::{enhet_som_anges, enhetens_hsa_id, hallande_enhet, ovanfor, vardgivaren};
pub use handelse::efter_handelse;
pub use kontroll::{Kontroll, Kontrollfynd, kontrollera, kontrollera_for_listor, policy_for};
pub use patient::{nummer, samma_patient, samma_som, till_patient, utan_patientresurs};
pub use policy::{Policies, Policy, PolicyError};
pub use principles::only_ends_or_limits;
pub use samlat::Samlat;
pub use underlag::{Fore, Underlag};

use catalogue::Check;
use enhet::{Enhet, Val, valj};
use finding::Remark;
use id::Identitetsbild;
use kontakt::Kontaktbild;
use period::Periodbild;
use plan::Planbild;
use principles::{Skede, is_same_fault, weigh};

use crate::fhir::fault::Text;

/// A write to be judged. A DELETE is an ending and is not judged; what follows of it tells [`bedom_borttagning`].
pub struct Skrivning<'a> {
    pub written: &'a Fact,
    /// The version before, unless there is none or it is deleted.
    pub stored: Option<&'a Fact>,
    /// What [`only_ends_or_limits`] says of the two versions; `false` without a stored one.
    pub bara_avslut: bool,
}

/// What holds for a judgement as a whole.
pub struct Villkor<'a> {
    pub policies: &'a Policies,
    /// A policy that goes before the choice of GEN-04.
    pub forced: Option<&'a str>,
    /// The policy of a check of the whole picture: it judges every resource, whatever the unit behind that belongs to.
    pub policy: Option<&'a Policy>,
    /// The Swedish day.
    pub today: Date,
    /// The stored version is judged: the patient's other resources as they were before the transaction (GEN-02).
    pub fore: bool,
}

impl<'a> Villkor<'a> {
    /// By the policy that GEN-04 chooses, on the state that is.
    fn of(policies: &'a Policies, today: Date) -> Villkor<'a> {
        Villkor {
            policies,
            forced: None,
            policy: None,
            today,
            fore: false,
        }
    }

    /// The policy that judges a resource whose unit chose this one.
    fn policy(&self, val: &Val<'a>) -> &'a Policy {
        self.policy.unwrap_or(val.policy)
    }
}

/// Judges a write on the state after the whole transaction, by the policy that GEN-04 chooses.
pub fn bedom<U: Underlag>(
    skrivning: &Skrivning<'_>,
    underlag: &mut U,
    policies: &Policies,
    today: Date,
) -> Result<Judgement, U::Error> {
    bedom_enligt(skrivning, underlag, policies, None, today)
}

/// As [`bedom`], by the policy of that name when one is given.
pub fn bedom_enligt<U: Underlag>(
    skrivning: &Skrivning<'_>,
    underlag: &mut U,
    policies: &Policies,
    forced: Option<&str>,
    today: Date,
) -> Result<Judgement, U::Error> {
    let villkor = Villkor {
        forced,
        ..Villkor::of(policies, today)
    };
    let revealed = handelse::efter_handelse_enligt(skrivning.written, &villkor, underlag)?;
    if !revealed.is_empty() {
        // No other family is about an event.
        return Ok(Judgement {
            findings: revealed,
            effects: Vec::new(),
        });
    }
    let bild = Bild::samla(skrivning.written, skrivning.stored, &villkor, underlag)?;
    let mut told = bild.doma(skrivning.bara_avslut);
    if let Some(stored) = skrivning.stored
        && told.iter().any(|told| told.severity == Severity::Error)
    {
        let villkor = Villkor { fore: true, ..villkor };
        let before = Bild::samla(stored, None, &villkor, underlag)?.doma(false);
        told.iter_mut().for_each(|told| told.no_worse_than(&before));
    }
    let mut judgement = Judgement {
        findings: findings(fk_03_alone(told)),
        effects: Vec::new(),
    };
    if judgement.refuses() {
        return Ok(judgement);
    }
    if !skrivning.bara_avslut {
        judgement.effects = bild.effects();
    }
    if let Some(stored) = skrivning.stored {
        let villkor = Villkor { fore: false, ..villkor };
        let mut more = atertagande::efter_andring(stored, Some(skrivning.written), &villkor, underlag)?;
        judgement.findings.append(&mut more.findings);
        judgement.findings.sort_by_key(|finding| finding.severity);
        judgement.effects.append(&mut more.effects);
    }
    Ok(judgement)
}

/// What a delete brings about and tells; it is never refused.
pub fn bedom_borttagning<U: Underlag>(
    stored: &Fact,
    underlag: &mut U,
    policies: &Policies,
    today: Date,
) -> Result<Judgement, U::Error> {
    atertagande::efter_andring(stored, None, &Villkor::of(policies, today), underlag)
}

/// What is to be said today of a stored resource, by the policy that GEN-04 chooses: as if it was written again as it
/// stands, so that what only holds for a change is not told. Nothing is milder because it was there before.
pub fn omprova<U: Underlag>(
    stored: &Fact,
    underlag: &mut U,
    policies: &Policies,
    today: Date,
) -> Result<Vec<Finding>, U::Error> {
    let villkor = Villkor::of(policies, today);
    let revealed = handelse::efter_handelse_enligt(stored, &villkor, underlag)?;
    if !revealed.is_empty() {
        return Ok(revealed);
    }
    let bild = Bild::samla(stored, Some(stored), &villkor, underlag)?;
    Ok(findings(fk_03_alone(bild.doma(false))))
}

/// A period that ends before it starts is told alone.
fn fk_03_alone(mut told: Vec<Told>) -> Vec<Told> {
    let is_backwards = |told: &Told| told.rule.id.as_str() == "FK-03" && told.severity == Severity::Error;
    match told.iter().position(is_backwards) {
        Some(backwards) => vec![told.swap_remove(backwards)],
        None => told,
    }
}

/// What the rules see of a written resource.
struct Bild<'a> {
    innehall: Innehall<'a>,
    period: Option<Periodbild<'a>>,
    policy: &'a Policy,
    skede: Skede,
}

enum Innehall<'a> {
    Kontakt(Box<Kontaktbild<'a>>),
    Plan(Box<Planbild<'a>>),
    Identitet(Identitetsbild<'a>),
    /// Ordinary FHIR: the riktlinje is silent.
    Annat,
}

/// A remark with its rule and weight.
struct Told {
    rule: &'static Rule,
    severity: Severity,
    remark: Remark,
}

impl Told {
    /// GEN-02: an error that the stored version already has, judged now, comes as a warning.
    fn no_worse_than(&mut self, before: &[Told]) {
        let had_it = |earlier: &Told| {
            earlier.severity == Severity::Error
                && earlier.rule.id == self.rule.id
                && is_same_fault(&earlier.remark, &self.remark)
        };
        if self.severity == Severity::Error && before.iter().any(had_it) {
            self.severity = Severity::Warning;
        }
    }
}

impl<'a> Bild<'a> {
    fn samla<U: Underlag>(
        written: &'a Fact,
        stored: Option<&'a Fact>,
        villkor: &Villkor<'a>,
        underlag: &mut U,
    ) -> Result<Bild<'a>, U::Error> {
        let (innehall, policy) = match written {
            Fact::CareTeam(care_team) if kontakt::is_fast_kontakt(care_team) => {
                let bild = kontakt::samla(written, care_team, stored, villkor, underlag)?;
                let policy = bild.policy;
                (Innehall::Kontakt(Box::new(bild)), policy)
            }
            Fact::CarePlan(plan) if plan::is_ours(plan) => {
                let bild = plan::samla(written, plan, stored, villkor, underlag)?;
                let policy = bild.policy;
                (Innehall::Plan(Box::new(bild)), policy)
            }
            _ => {
                let policy = policy_of(written, villkor, underlag)?;
                let bild = Identitetsbild::of(written, villkor.today).map_or(Innehall::Annat, Innehall::Identitet);
                (bild, policy)
            }
        };
        let skede = Skede::of(written, villkor.today);
        Ok(Bild {
            innehall,
            period: Periodbild::of(written, villkor.today),
            policy,
            skede,
        })
    }

    /// Runs every rule that is about this resource.
    fn doma(&self, bara_avslut: bool) -> Vec<Told> {
        let mut told = Vec::new();
        for rule in catalogue().filter(|rule| rule.at_ending || !bara_avslut) {
            for remark in self.remarks(rule) {
                if let Some(severity) = weigh(rule, &remark, self.policy, self.skede) {
                    told.push(Told { rule, severity, remark });
                }
            }
        }
        told
    }

    fn remarks(&self, rule: &Rule) -> Vec<Remark> {
        match (rule.check, &self.innehall) {
            (Check::Kontakt(kontakter, check), Innehall::Kontakt(bild)) if kontakter.includes(&bild.typer) => {
                check(bild)
            }
            (Check::Plan(planer, check), Innehall::Plan(bild)) if planer.includes(&bild.plan.categories) => check(bild),
            (Check::Identitet(check), Innehall::Identitet(bild)) => check(bild),
            (Check::Period(check), _) => self.period.as_ref().map(check).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// What an accepted, enforced write brings about.
    fn effects(&self) -> Vec<Effect> {
        match &self.innehall {
            Innehall::Kontakt(bild) if self.skede == Skede::Galler => {
                bild.ersatta.iter().flat_map(ersattning::Ersatt::effects).collect()
            }
            Innehall::Plan(bild) => {
                let signal = bild.signal.iter().cloned();
                signal.map(|it| Effect::Meddela(Box::new(it))).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The policy of a person or organization: by itself, or by the unit it belongs to.
fn policy_of<'a, U: Underlag>(written: &Fact, villkor: &Villkor<'a>, underlag: &mut U) -> Result<&'a Policy, U::Error> {
    let itself = |fact: &Fact| Reference {
        reference: Some(format!("Organization/{}", fact.id())),
        ..Reference::default()
    };
    let unit: Option<Reference> = match written {
        Fact::Patient(patient) => {
            let listed = patient
                .general_practitioners
                .iter()
                .find(|it| it.target_type() == Some("Organization"));
            patient.managing_organization.as_ref().or(listed).cloned()
        }
        Fact::Organization(_) => Some(itself(written)),
        _ => None,
    };
    let enhet = match &unit {
        Some(unit) => Some(Enhet::samla(underlag, unit, written)?),
        None => None,
    };
    Ok(villkor.policy(&valj(enhet.as_ref(), villkor.policies, villkor.forced)))
}

/// Errors first, otherwise in the order of the catalogue; the same thing is told once.
fn findings(mut told: Vec<Told>) -> Vec<Finding> {
    told.sort_by_key(|told| told.severity);
    let mut findings: Vec<Finding> = Vec::with_capacity(told.len());
    for Told { rule, severity, remark } in told {
        let text: Text = remark.text;
        let finding = Finding {
            rule: rule.id,
            severity,
            expression: remark.expression,
            text,
            source: rule.source.to_owned(),
        };
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}
