//! What is kept of each patient for the work lists, and a page of a unit's list: one walk along an index for each rule
//! and severity that is asked for. Written by the renewal alone (src/door/fornyelse.rs).

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, SmallInt, Text};

use super::connection::on_either;
use super::error::StoreError;
use super::kind;
use super::schema::{kontroll, kontroll_beroende, kontroll_dag, kontroll_lakare, kontroll_rad, patient_key, resource};
use super::session::Session;
use super::statement::Statement;
use crate::fhir::types::ResourceType;

/// The rule under which a patient stands once, with the heaviest severity of all.
pub const VARST: &str = "";

/// Patients looked for at a time, so that a page is found in few steps also when most of them came earlier.
const FEWEST: usize = 64;
/// Patients named in one statement.
const MOST_NAMED: usize = 250;

/// A place in a unit's list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Queryable)]
pub struct Rad {
    pub enhet: i64,
    pub regel: String,
    pub allvarlighet: i16,
    /// The policy whose findings are shown there.
    pub policy: i64,
}

/// The physician who is the patient's fast läkarkontakt, in the list of one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Queryable)]
pub struct Lakarrad {
    pub enhet: i64,
    pub lakare: i64,
    /// 1 specialist, 2 in specialist training, 3 not stated.
    pub typ: i16,
}

/// All that is kept of one patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kvar {
    /// The findings by policy.
    pub fynd: BTreeMap<i64, String>,
    pub rader: BTreeSet<Rad>,
    pub lakare: BTreeSet<Lakarrad>,
    /// What the evaluation leaned on ([`super::kalla`]).
    pub kallor: BTreeSet<i64>,
    /// The day on which it may come out otherwise although nothing is written, in days since 1970.
    pub omprovas: Option<i64>,
}

/// A page of a unit's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub enhet: i64,
    /// The rules that are asked for; [`ListQuery::VARST`] alone for all together.
    pub regler: Vec<String>,
    /// The severities that are asked for, heaviest first.
    pub allvarligheter: Vec<i16>,
    /// Where the page before ended: severity and patient.
    pub efter: Option<(i16, i64)>,
    pub count: usize,
}

/// A patient on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listrad {
    pub allvarlighet: i16,
    pub patient: i64,
    /// The patient's logical id.
    pub id: String,
    pub fynd: String,
}

/// A physician with many patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlista {
    pub kind: ResourceType,
    pub id: String,
    pub patienter: i64,
    /// As in [`Lakarrad`]; of several the first, since the guide value of a specialist is the higher.
    pub typ: i16,
}

impl ListQuery {
    pub const VARST: &'static str = VARST;

    /// The first patients after `efter` under one rule and severity.
    fn lane(&self, regel: &str, allvarlighet: i16, efter: i64, limit: usize) -> Statement<'static> {
        let mut sql = Statement::default();
        sql.push("SELECT patient, policy FROM kontroll_rad WHERE enhet = ");
        sql.number(self.enhet);
        sql.push(" AND regel = ");
        sql.text(regel.to_owned());
        sql.push(" AND allvarlighet = ");
        sql.number(i64::from(allvarlighet));
        sql.push(" AND patient > ");
        sql.number(efter);
        sql.push(" ORDER BY patient");
        sql.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        sql
    }
}

#[derive(QueryableByName)]
struct LaneRow {
    #[diesel(sql_type = BigInt)]
    patient: i64,
    #[diesel(sql_type = BigInt)]
    policy: i64,
}

#[derive(QueryableByName)]
struct OverlistaRow {
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    patienter: i64,
    #[diesel(sql_type = SmallInt)]
    typ: i16,
}

impl Session {
    /// What is kept of a patient.
    pub fn kept(&mut self, patient: i64) -> Result<Kvar, StoreError> {
        let fynd: Vec<(i64, String)> = on_either!(self, c => kontroll::table
            .filter(kontroll::patient.eq(patient))
            .select((kontroll::policy, kontroll::fynd))
            .load(c))?;
        let rader: Vec<Rad> = on_either!(self, c => kontroll_rad::table
            .filter(kontroll_rad::patient.eq(patient))
            .select((kontroll_rad::enhet, kontroll_rad::regel, kontroll_rad::allvarlighet, kontroll_rad::policy))
            .load(c))?;
        let lakare: Vec<Lakarrad> = on_either!(self, c => kontroll_lakare::table
            .filter(kontroll_lakare::patient.eq(patient))
            .select((kontroll_lakare::enhet, kontroll_lakare::lakare, kontroll_lakare::typ))
            .load(c))?;
        let kallor: Vec<i64> = on_either!(self, c => kontroll_beroende::table
            .filter(kontroll_beroende::patient.eq(patient))
            .select(kontroll_beroende::kalla)
            .load(c))?;
        let omprovas: Option<i64> = on_either!(self, c => kontroll_dag::table
            .filter(kontroll_dag::patient.eq(patient))
            .select(kontroll_dag::dag)
            .get_result(c)
            .optional())?;
        Ok(Kvar {
            omprovas,
            fynd: fynd.into_iter().collect(),
            rader: rader.into_iter().collect(),
            lakare: lakare.into_iter().collect(),
            kallor: kallor.into_iter().collect(),
        })
    }

    /// Puts the new in the place of the old; what is the same in both is not touched.
    pub fn keep(&mut self, patient: i64, old: &Kvar, new: &Kvar) -> Result<(), StoreError> {
        for policy in old.fynd.keys().filter(|policy| !new.fynd.contains_key(policy)) {
            on_either!(self, c => diesel::delete(
                kontroll::table.filter(kontroll::patient.eq(patient)).filter(kontroll::policy.eq(policy)),
            )
            .execute(c))?;
        }
        for (policy, fynd) in new
            .fynd
            .iter()
            .filter(|(policy, fynd)| old.fynd.get(policy) != Some(fynd))
        {
            on_either!(self, c => diesel::insert_into(kontroll::table)
                .values((kontroll::patient.eq(patient), kontroll::policy.eq(policy), kontroll::fynd.eq(fynd)))
                .on_conflict((kontroll::patient, kontroll::policy))
                .do_update()
                .set(kontroll::fynd.eq(fynd))
                .execute(c))?;
        }
        for rad in old.rader.difference(&new.rader) {
            on_either!(self, c => diesel::delete(
                kontroll_rad::table
                    .filter(kontroll_rad::enhet.eq(rad.enhet))
                    .filter(kontroll_rad::regel.eq(&rad.regel))
                    .filter(kontroll_rad::allvarlighet.eq(rad.allvarlighet))
                    .filter(kontroll_rad::patient.eq(patient)),
            )
            .execute(c))?;
        }
        for rad in new.rader.difference(&old.rader) {
            on_either!(self, c => diesel::insert_into(kontroll_rad::table)
                .values((
                    kontroll_rad::enhet.eq(rad.enhet),
                    kontroll_rad::regel.eq(&rad.regel),
                    kontroll_rad::allvarlighet.eq(rad.allvarlighet),
                    kontroll_rad::patient.eq(patient),
                    kontroll_rad::policy.eq(rad.policy),
                ))
                .execute(c))?;
        }
        for rad in old.lakare.difference(&new.lakare) {
            on_either!(self, c => diesel::delete(
                kontroll_lakare::table
                    .filter(kontroll_lakare::enhet.eq(rad.enhet))
                    .filter(kontroll_lakare::lakare.eq(rad.lakare))
                    .filter(kontroll_lakare::patient.eq(patient)),
            )
            .execute(c))?;
        }
        for rad in new.lakare.difference(&old.lakare) {
            on_either!(self, c => diesel::insert_into(kontroll_lakare::table)
                .values((
                    kontroll_lakare::enhet.eq(rad.enhet),
                    kontroll_lakare::lakare.eq(rad.lakare),
                    kontroll_lakare::patient.eq(patient),
                    kontroll_lakare::typ.eq(rad.typ),
                ))
                .execute(c))?;
        }
        for kalla in old.kallor.difference(&new.kallor) {
            on_either!(self, c => diesel::delete(
                kontroll_beroende::table
                    .filter(kontroll_beroende::patient.eq(patient))
                    .filter(kontroll_beroende::kalla.eq(kalla)),
            )
            .execute(c))?;
        }
        for kalla in new.kallor.difference(&old.kallor) {
            on_either!(self, c => diesel::insert_into(kontroll_beroende::table)
                .values((kontroll_beroende::patient.eq(patient), kontroll_beroende::kalla.eq(kalla)))
                .execute(c))?;
        }
        match new.omprovas {
            same if same == old.omprovas => {}
            Some(dag) => {
                on_either!(self, c => diesel::insert_into(kontroll_dag::table)
                    .values((kontroll_dag::patient.eq(patient), kontroll_dag::dag.eq(dag)))
                    .on_conflict(kontroll_dag::patient)
                    .do_update()
                    .set(kontroll_dag::dag.eq(dag))
                    .execute(c))?;
            }
            None => {
                on_either!(self, c => diesel::delete(kontroll_dag::table.filter(kontroll_dag::patient.eq(patient)))
                    .execute(c))?;
            }
        }
        Ok(())
    }

    /// The patients of a page, heaviest first, then in the order of their keys; one more than the page holds when there
    /// is a next one.
    pub fn list(&mut self, query: &ListQuery) -> Result<Vec<Listrad>, StoreError> {
        let wanted = query.count + 1;
        let mut page: Vec<(i16, i64, i64)> = Vec::new();
        let (from, after) = query.efter.unwrap_or((0, 0));
        for severity in query
            .allvarligheter
            .iter()
            .copied()
            .filter(|severity| *severity >= from)
        {
            let mut efter = if severity == from { after } else { 0 };
            while page.len() < wanted {
                let most = (wanted - page.len()).max(FEWEST);
                let mut found = self.under(query, severity, efter, most)?;
                let exhausted = found.len() < most;
                efter = found.last().map_or(efter, |(patient, _)| *patient);
                let earlier = self.under_a_heavier(query, severity, &found)?;
                found.retain(|(patient, _)| !earlier.contains(patient));
                found.truncate(wanted - page.len());
                page.extend(found.into_iter().map(|(patient, policy)| (severity, patient, policy)));
                if exhausted {
                    break;
                }
            }
        }
        self.with_findings(&page)
    }

    /// The first patients, and by which policy, after `efter` under any of the rules with this severity: a walk for each
    /// rule, put together.
    fn under(
        &mut self,
        query: &ListQuery,
        severity: i16,
        efter: i64,
        most: usize,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut found: Vec<(i64, i64)> = Vec::new();
        for regel in &query.regler {
            let lane = query.lane(regel, severity, efter, most);
            let rows: Vec<LaneRow> = on_either!(self, c => lane.load(c))?;
            found.extend(rows.into_iter().map(|row| (row.patient, row.policy)));
        }
        found.sort_unstable();
        found.dedup_by_key(|(patient, _)| *patient);
        found.truncate(most);
        Ok(found)
    }

    /// Those who came earlier in the list, under a heavier severity that is asked for.
    fn under_a_heavier(
        &mut self,
        query: &ListQuery,
        severity: i16,
        patients: &[(i64, i64)],
    ) -> Result<BTreeSet<i64>, StoreError> {
        let heavier: Vec<i16> = query
            .allvarligheter
            .iter()
            .copied()
            .filter(|it| *it < severity)
            .collect();
        let mut earlier = BTreeSet::new();
        if heavier.is_empty() || query.regler == [VARST] {
            return Ok(earlier);
        }
        for some in patients.chunks(MOST_NAMED) {
            let found: Vec<i64> = on_either!(self, c => kontroll_rad::table
                .filter(kontroll_rad::patient.eq_any(some.iter().map(|(patient, _)| *patient)))
                .filter(kontroll_rad::enhet.eq(query.enhet))
                .filter(kontroll_rad::regel.eq_any(&query.regler))
                .filter(kontroll_rad::allvarlighet.eq_any(&heavier))
                .select(kontroll_rad::patient)
                .load(c))?;
            earlier.extend(found);
        }
        Ok(earlier)
    }

    fn with_findings(&mut self, page: &[(i16, i64, i64)]) -> Result<Vec<Listrad>, StoreError> {
        let patients: Vec<i64> = page.iter().map(|(_, patient, _)| *patient).collect();
        let mut found: BTreeMap<(i64, i64), (String, String)> = BTreeMap::new();
        for some in patients.chunks(MOST_NAMED) {
            let rows: Vec<(i64, i64, String, String)> = on_either!(self, c => kontroll::table
                .inner_join(patient_key::table.on(patient_key::key.eq(kontroll::patient)))
                .filter(kontroll::patient.eq_any(some))
                .select((kontroll::patient, kontroll::policy, patient_key::id, kontroll::fynd))
                .load(c))?;
            found.extend(
                rows.into_iter()
                    .map(|(patient, policy, id, fynd)| ((patient, policy), (id, fynd))),
            );
        }
        let row = |(allvarlighet, patient, policy): &(i16, i64, i64)| {
            let (id, fynd) = found
                .remove(&(*patient, *policy))
                .ok_or_else(|| StoreError::Corrupt("a work list shows findings that are not kept".to_owned()))?;
            Ok(Listrad {
                allvarlighet: *allvarlighet,
                patient: *patient,
                id,
                fynd,
            })
        };
        page.iter().map(row).collect()
    }

    /// How the database goes about a page, one step per line: for the tests that none walks a table.
    pub fn explain_list(&mut self, query: &ListQuery) -> Result<Vec<String>, StoreError> {
        let mut steps = Vec::new();
        for severity in query.allvarligheter.clone() {
            for regel in &query.regler {
                let lane = query.lane(regel, severity, 0, query.count + 1);
                steps.extend(self.explain(lane)?);
            }
        }
        Ok(steps)
    }

    /// The physicians of a unit's list with more patients than this, most first.
    pub fn physicians_above(&mut self, enhet: i64, patients: i64) -> Result<Vec<Overlista>, StoreError> {
        let mut sql = Statement::default();
        sql.push(
            "SELECT r.kind, r.id, n.patienter, n.typ FROM (SELECT lakare, count(*) AS patienter, min(typ) AS typ \
             FROM kontroll_lakare WHERE enhet = ",
        );
        sql.number(enhet);
        sql.push(" GROUP BY lakare HAVING count(*) > ");
        sql.number(patients);
        sql.push(") n JOIN resource r ON r.key = n.lakare ORDER BY n.patienter DESC, r.key");
        let rows: Vec<OverlistaRow> = on_either!(self, c => sql.load(c))?;
        rows.into_iter()
            .map(|row| {
                Ok(Overlista {
                    kind: kind::of_number(row.kind)?,
                    id: row.id,
                    patienter: row.patienter,
                    typ: row.typ,
                })
            })
            .collect()
    }

    /// The key of a stored resource that is not deleted.
    pub fn living_key(&mut self, kind: ResourceType, id: &str) -> Result<Option<i64>, StoreError> {
        Ok(on_either!(self, c => resource::table
            .filter(resource::kind.eq(kind::number(kind)))
            .filter(resource::id.eq(id))
            .filter(resource::deleted.eq(false))
            .select(resource::key)
            .get_result(c)
            .optional())?)
    }
}
