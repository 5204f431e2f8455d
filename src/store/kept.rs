//! What is kept beside each row for the access decision (`crate::access`).
//!
//! Who keeps a record (`hallare`) is told when it is written and stays, as PDL has it: the unit first, what it lies within
//! after it, the vårdgivare last, each by HSA-id. What follows from a patient's consents, blocks and contacts (`ratt`) is
//! derived from the resource that says so, in the same write.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::connection::on_either;
use super::error::StoreError;
use super::index::fnv1a;
use super::kind;
use super::schema::{hallare, hallare_enhet, history, patient_key, ratt, resource};
use super::session::Session;
use super::sikt::{Villkor, condition};
use super::statement::Statement;
use crate::fhir::types::ResourceType;

/// Who keeps a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hallare {
    /// Nobody knows: it was written in open mode, and says nothing of it.
    #[default]
    Okand,
    /// The patient wrote it.
    Patienten,
    /// A unit, what it lies within, and last its vårdgivare: HSA-ids in capitals. Never empty.
    Enhet(Vec<String>),
}

/// Whoever keeps a record that is written, by the store's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hallarnyckel(pub(super) i64);

impl Hallarnyckel {
    /// Whether a unit keeps it ([`Hallare::Enhet`]).
    pub fn ar_enhet(self) -> bool {
        !matches!(self.0, OKAND | PATIENTEN)
    }
}

/// What a patient's records say about who may see the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slag {
    /// Consent to sammanhållen vårddokumentation: this unit or vårdgivare may read what others keep.
    Samtycke,
    /// What this unit keeps is blocked for all other units.
    InreSparr,
    /// What this unit or vårdgivare keeps is blocked for other vårdgivare.
    YttreSparr,
    /// This unit takes part in the patient's care.
    Relation,
    /// The person is protected (sekretessmarkering, skyddad folkbokföring).
    Skyddad,
    /// The patient lets this unit or vårdgivare read what is blocked.
    Havning,
    /// This unit has the patient's contact with the overall responsibility for coordination.
    Samordning,
}

impl Slag {
    pub const ALL: [Slag; 7] = [
        Slag::Samtycke,
        Slag::InreSparr,
        Slag::YttreSparr,
        Slag::Relation,
        Slag::Skyddad,
        Slag::Havning,
        Slag::Samordning,
    ];

    /// The stored number, for ever.
    pub(super) fn number(self) -> i16 {
        match self {
            Slag::Samtycke => 1,
            Slag::InreSparr => 2,
            Slag::YttreSparr => 3,
            Slag::Relation => 4,
            Slag::Skyddad => 5,
            Slag::Havning => 6,
            Slag::Samordning => 7,
        }
    }
}

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratt {
    pub slag: Slag,
    /// The unit or vårdgivare, in capitals; empty: every one.
    pub hsa_id: String,
    /// In force in [low, high), microseconds since 1970; open ends are the smallest and the largest number.
    pub low: i64,
    pub high: i64,
}

/// What is to be kept beside a version that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// `None`: as before; of a first version, nobody knows.
    pub hallare: Option<Hallare>,
    /// Not to be shown to the patient.
    pub dold: bool,
    /// The resource itself is labelled as a protected person's.
    pub skyddad: bool,
    /// Tells of no patient, or is a Patient that states no unit.
    pub allman: bool,
    pub ratter: Vec<Ratt>,
}

/// What is kept beside a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The logical id of the patient that the record is filed on.
    pub patient: Option<String>,
    pub hallare: Hallare,
    pub dold: bool,
    pub skyddad: bool,
    pub allman: bool,
    /// Of a Provenance: how what it tells of stands now, any of its targets.
    pub mal: KeptVersion,
}

/// What is kept beside a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptVersion {
    /// This version was not to be shown to the patient.
    pub dold: bool,
    /// It was filed on another patient than the record is now.
    pub flyttad: bool,
}

/// `resource.hallare` when nobody knows who keeps the record.
pub(super) const OKAND: i64 = 0;
/// `resource.hallare` when the patient wrote it.
pub(super) const PATIENTEN: i64 = 1;

/// No row of `resource` has this key.
const NO_ROW: i64 = -1;

/// The columns of [`Ratt`].
type RattRow = (i16, String, i64, i64);

fn ratt_of_row((number, hsa_id, low, high): RattRow) -> Result<Ratt, StoreError> {
    let slag = Slag::ALL.into_iter().find(|slag| slag.number() == number);
    let slag = slag.ok_or_else(|| StoreError::Corrupt(format!("no kind of right has the number {number}")))?;
    Ok(Ratt {
        slag,
        hsa_id,
        low,
        high,
    })
}

#[derive(QueryableByName)]
struct TargetsRow {
    #[diesel(sql_type = BigInt)]
    dold: i64,
    #[diesel(sql_type = BigInt)]
    flyttad: i64,
}

/// The columns of [`Kept`].
type KeptRow = (i64, String, i64, String, bool, bool, bool);

type KeptColumns = (
    resource::patient,
    patient_key::id,
    resource::hallare,
    hallare::namn,
    resource::dold,
    resource::skyddad,
    resource::allman,
);
const KEPT: KeptColumns = (
    resource::patient,
    patient_key::id,
    resource::hallare,
    hallare::namn,
    resource::dold,
    resource::skyddad,
    resource::allman,
);

/// Ids in one statement, at the most.
const MANY: usize = 500;

fn kept_of_row((key, patient, halls, namn, dold, skyddad, allman): KeptRow) -> Kept {
    Kept {
        patient: (key != 0).then_some(patient),
        hallare: match halls {
            OKAND => Hallare::Okand,
            PATIENTEN => Hallare::Patienten,
            _ => Hallare::Enhet(namn.split(' ').map(str::to_owned).collect()),
        },
        dold,
        skyddad,
        allman,
        mal: KeptVersion::default(),
    }
}

impl Session {
    /// What is kept beside a resource, deleted or not.
    pub fn kept_beside(&mut self, kind: ResourceType, id: &str) -> Result<Option<Kept>, StoreError> {
        let row: Option<KeptRow> = on_either!(self, c => resource::table
            .inner_join(patient_key::table.on(patient_key::key.eq(resource::patient)))
            .inner_join(hallare::table.on(hallare::key.eq(resource::hallare)))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .select(KEPT)
            .get_result(c)
            .optional())?;
        let mal = match kind {
            ResourceType::Provenance if row.is_some() => self.targets_of(id)?,
            _ => KeptVersion::default(),
        };
        Ok(row.map(|row| Kept {
            mal,
            ..kept_of_row(row)
        }))
    }

    /// The same of many at once, by their ids; not of Provenances.
    pub fn kept_beside_all(&mut self, kind: ResourceType, ids: &[&str]) -> Result<Vec<(String, Kept)>, StoreError> {
        let mut all = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MANY) {
            let rows: Vec<(String, KeptRow)> = on_either!(self, c => resource::table
                .inner_join(patient_key::table.on(patient_key::key.eq(resource::patient)))
                .inner_join(hallare::table.on(hallare::key.eq(resource::hallare)))
                .filter(resource::kind.eq(kind::number(kind)))
                .filter(resource::id.eq_any(ids))
                .select((resource::id, KEPT))
                .load(c))?;
            all.extend(rows.into_iter().map(|(id, row)| (id, kept_of_row(row))));
        }
        Ok(all)
    }

    /// How what a Provenance tells of stands now.
    fn targets_of(&mut self, id: &str) -> Result<KeptVersion, StoreError> {
        let mut sql = Statement::default();
        sql.push("SELECT CAST(CASE WHEN ");
        condition(&mut sql, &Villkor::MalDolt);
        sql.push(" THEN 1 ELSE 0 END AS BIGINT) AS dold, CAST(CASE WHEN ");
        condition(&mut sql, &Villkor::MalFlyttat);
        sql.push(" THEN 1 ELSE 0 END AS BIGINT) AS flyttad FROM resource r WHERE r.kind = ");
        sql.kind(ResourceType::Provenance);
        sql.push(" AND r.id = ");
        sql.text(id);
        let rows: Vec<TargetsRow> = on_either!(self, c => sql.load(c))?;
        Ok(rows.first().map_or(KeptVersion::default(), |row| KeptVersion {
            dold: row.dold != 0,
            flyttad: row.flyttad != 0,
        }))
    }

    /// Those of these resources that this unit or vårdgivare keeps, or a unit within it.
    pub fn kept_by(
        &mut self,
        keeper: &str,
        resources: &[(ResourceType, &str)],
    ) -> Result<Vec<(ResourceType, String)>, StoreError> {
        let mut kept = Vec::new();
        for (kind, id) in resources {
            let within = hallare_enhet::table
                .filter(hallare_enhet::hsa_id.eq(keeper))
                .select(hallare_enhet::hallare);
            let found: Option<i64> = on_either!(self, c => resource::table
                .filter(resource::kind.eq(kind::number(*kind)))
                .filter(resource::id.eq(id))
                .filter(resource::hallare.eq_any(within))
                .select(resource::key)
                .get_result(c)
                .optional())?;
            kept.extend(found.map(|_| (*kind, (*id).to_owned())));
        }
        Ok(kept)
    }

    /// What is kept beside one version.
    pub fn kept_version(
        &mut self,
        kind: ResourceType,
        id: &str,
        version: i64,
    ) -> Result<Option<KeptVersion>, StoreError> {
        let row: Option<(bool, bool)> = on_either!(self, c => resource::table
            .inner_join(history::table.on(
                history::patient.eq(resource::patient).and(history::resource.eq(resource::key)),
            ))
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .filter(history::version.eq(version))
            .select((history::dold, history::flyttad))
            .get_result(c)
            .optional())?;
        Ok(row.map(|(dold, flyttad)| KeptVersion { dold, flyttad }))
    }

    /// What a patient's records say about who may see the others, in force now (microseconds since 1970) or later.
    pub fn ratter(&mut self, patient: &str, nu: i64) -> Result<Vec<Ratt>, StoreError> {
        self.ratter_but_of(patient, NO_ROW, nu)
    }

    /// How many units the patient's consents and blocks name that are in force or will be, without those of this one.
    pub fn sagda_utom(&mut self, patient: &str, (kind, id): (ResourceType, &str), nu: i64) -> Result<i64, StoreError> {
        let own = self.living_key(kind, id)?.unwrap_or(NO_ROW);
        let said = [Slag::Samtycke, Slag::InreSparr, Slag::YttreSparr, Slag::Havning].map(Slag::number);
        Ok(on_either!(self, c => ratt::table
            .inner_join(patient_key::table.on(patient_key::key.eq(ratt::patient)))
            .filter(patient_key::id.eq(patient))
            .filter(ratt::slag.eq_any(said))
            .filter(ratt::resource.ne(own))
            .filter(ratt::high.gt(nu))
            .count()
            .get_result(c))?)
    }

    /// The same, without what this resource says.
    pub fn ratter_apart_from(
        &mut self,
        patient: &str,
        (kind, id): (ResourceType, &str),
        nu: i64,
    ) -> Result<Vec<Ratt>, StoreError> {
        let key = self.living_key(kind, id)?;
        self.ratter_but_of(patient, key.unwrap_or(NO_ROW), nu)
    }

    /// What this resource alone says.
    pub fn ratter_of(&mut self, kind: ResourceType, id: &str) -> Result<Vec<Ratt>, StoreError> {
        let Some(key) = self.living_key(kind, id)? else {
            return Ok(Vec::new());
        };
        let rows: Vec<RattRow> = on_either!(self, c => ratt::table
            .filter(ratt::patient.eq_any(resource::table.filter(resource::key.eq(key)).select(resource::patient)))
            .filter(ratt::resource.eq(key))
            .order((ratt::slag, ratt::hsa_id, ratt::low))
            .select((ratt::slag, ratt::hsa_id, ratt::low, ratt::high))
            .load(c))?;
        rows.into_iter().map(ratt_of_row).collect()
    }

    fn ratter_but_of(&mut self, patient: &str, resource: i64, nu: i64) -> Result<Vec<Ratt>, StoreError> {
        let rows: Vec<RattRow> = on_either!(self, c => ratt::table
            .inner_join(patient_key::table.on(patient_key::key.eq(ratt::patient)))
            .filter(patient_key::id.eq(patient))
            .filter(ratt::resource.ne(resource))
            .filter(ratt::high.gt(nu))
            .order((ratt::slag, ratt::hsa_id, ratt::resource, ratt::low))
            .select((ratt::slag, ratt::hsa_id, ratt::low, ratt::high))
            .load(c))?;
        rows.into_iter().map(ratt_of_row).collect()
    }

    /// The key of whoever keeps a record, made when it is the first time.
    pub(super) fn hallare_key(&mut self, who: &Hallare) -> Result<i64, StoreError> {
        let chain = match who {
            Hallare::Okand => return Ok(OKAND),
            Hallare::Patienten => return Ok(PATIENTEN),
            Hallare::Enhet(chain) => chain,
        };
        let namn = chain.join(" ");
        if let Some(key) = self.known_hallare(&namn)? {
            return Ok(key);
        }
        // One transaction at a time makes new ones: two that make the same in another order would wait for each other (PostgreSQL).
        self.lock(vec![fnv1a("hallare")])?;
        on_either!(self, c => diesel::insert_into(hallare::table)
            .values(hallare::namn.eq(&namn))
            .on_conflict_do_nothing()
            .execute(c))?;
        // Two transactions may make the same at once: the second waits for the first and then finds its row.
        let key = self.known_hallare(&namn)?.ok_or(StoreError::Conflict)?;
        for hsa_id in chain {
            on_either!(self, c => diesel::insert_into(hallare_enhet::table)
                .values((hallare_enhet::hsa_id.eq(hsa_id), hallare_enhet::hallare.eq(key)))
                .on_conflict_do_nothing()
                .execute(c))?;
        }
        Ok(key)
    }

    fn known_hallare(&mut self, namn: &str) -> Result<Option<i64>, StoreError> {
        Ok(on_either!(self, c => hallare::table
            .filter(hallare::namn.eq(namn))
            .select(hallare::key)
            .get_result(c)
            .optional())?)
    }

    /// Puts what a resource says about who may see a patient's records in the place of what it said before.
    pub(super) fn put_ratter(
        &mut self,
        (before, patient, key): (Option<i64>, i64, i64),
        ratter: &[Ratt],
    ) -> Result<(), StoreError> {
        if let Some(before) = before {
            on_either!(self, c => diesel::delete(
                ratt::table.filter(ratt::patient.eq(before)).filter(ratt::resource.eq(key)),
            )
            .execute(c))?;
        }
        if patient == 0 {
            return Ok(());
        }
        for it in ratter {
            on_either!(self, c => diesel::insert_into(ratt::table)
                .values((
                    ratt::patient.eq(patient),
                    ratt::slag.eq(it.slag.number()),
                    ratt::hsa_id.eq(&it.hsa_id),
                    ratt::resource.eq(key),
                    ratt::low.eq(it.low),
                    ratt::high.eq(it.high),
                ))
                .on_conflict_do_nothing()
                .execute(c))?;
        }
        Ok(())
    }
}
