//! What a caller sees, as a condition on what is kept beside each row (kept.rs): plain data, which becomes SQL. The store knows
//! no rule: the condition is handed in.

use std::sync::{Arc, LazyLock};

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::connection::on_either;
use super::error::StoreError;
use super::kept::{OKAND, PATIENTEN, Slag};
use super::kind;
use super::search::criterion_holds;
use super::session::Session;
use super::statement::Statement;
use crate::fhir::search::query::Criterion;
use crate::fhir::types::ResourceType;

/// What a caller sees: of the rows, and of their earlier versions. Nothing but these is in any answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sikt {
    pub rader: Villkor,
    pub versioner: Villkor,
}

/// A condition on a row `r` of `resource`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Villkor {
    Alltid,
    Aldrig,
    Alla(Vec<Villkor>),
    Nagot(Vec<Villkor>),
    Inte(Box<Villkor>),
    /// It is of one of these types.
    Typ(Vec<ResourceType>),
    /// It is filed on the patient with this id.
    Patient(String),
    /// It is filed on a patient.
    HarPatient,
    Dold,
    Skyddad,
    Allman,
    /// Kept by one of these, or by a unit within it.
    HallsAv(Vec<String>),
    /// Kept by this one, of which nobody has told what it lies within.
    HallsAvBara(String),
    HallsAvPatienten,
    HallareOkand,
    /// Something in force at this instant is said of the patient.
    Ratt {
        slag: Slag,
        om: Om,
        nu: i64,
    },
    /// It fulfils a search criterion.
    Kriterium(Box<Criterion>),
    /// A Provenance that tells of what is not to be shown to the patient now.
    MalDolt,
    /// A Provenance that tells of what is filed on another patient now.
    MalFlyttat,
    /// The version `h` of history was not to be shown to the patient.
    VersionDold,
    /// The version `h` of history was filed on another patient.
    VersionFlyttad,
}

/// Of whom it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Om {
    /// Whoever.
    Vem,
    /// One of these.
    NagonAv(Vec<String>),
    /// Who keeps the record; when nobody knows, it may be anyone.
    Hallaren,
}

/// ` … ` as SQL, in brackets where it must be.
pub(super) fn condition<'q>(sql: &mut Statement<'q>, villkor: &'q Villkor) {
    match villkor {
        Villkor::Alltid => sql.push("1 = 1"),
        Villkor::Aldrig => sql.push("1 = 0"),
        Villkor::Alla(parts) => joined(sql, parts, (" AND ", "1 = 1")),
        Villkor::Nagot(parts) => joined(sql, parts, (" OR ", "1 = 0")),
        Villkor::Inte(inner) => {
            sql.push("NOT (");
            condition(sql, inner);
            sql.push(")");
        }
        // The plus keeps SQLite from beginning here; so it does below.
        Villkor::Typ(kinds) => match kinds.as_slice() {
            [] => sql.push("1 = 0"),
            kinds => {
                sql.push("+r.kind");
                list(sql, kinds, |sql, kind| sql.kind(*kind));
            }
        },
        Villkor::Patient(id) => {
            sql.push("+r.patient IN (SELECT k.key FROM patient_key k WHERE k.key <> 0 AND k.id = ");
            sql.text(id.as_str());
            sql.push(")");
        }
        Villkor::HarPatient => sql.push("+r.patient <> 0"),
        Villkor::Dold => sql.push("r.dold"),
        Villkor::Skyddad => sql.push("r.skyddad"),
        Villkor::Allman => sql.push("r.allman"),
        Villkor::HallsAv(ids) => match ids.as_slice() {
            [] => sql.push("1 = 0"),
            ids => {
                sql.push("r.hallare IN (SELECT e.hallare FROM hallare_enhet e WHERE e.hsa_id");
                list(sql, ids, |sql, id| sql.text(id.as_str()));
                sql.push(")");
            }
        },
        Villkor::HallsAvBara(id) => {
            sql.push("r.hallare IN (SELECT n.key FROM hallare n WHERE n.namn = ");
            sql.text(id.as_str());
            sql.push(")");
        }
        Villkor::HallsAvPatienten => {
            sql.push("r.hallare = ");
            sql.number(PATIENTEN);
        }
        Villkor::HallareOkand => {
            sql.push("r.hallare = ");
            sql.number(OKAND);
        }
        Villkor::Ratt { slag, om, nu } => {
            sql.push("EXISTS (SELECT 1 FROM ratt x WHERE x.patient = r.patient AND x.slag = ");
            sql.number(i64::from(slag.number()));
            match om {
                Om::Vem => {}
                Om::NagonAv(ids) if ids.is_empty() => sql.push(" AND 1 = 0"),
                Om::NagonAv(ids) => {
                    sql.push(" AND x.hsa_id");
                    list(sql, ids, |sql, id| sql.text(id.as_str()));
                }
                Om::Hallaren => sql.push(
                    " AND (x.hsa_id = '' OR r.hallare = 0 OR EXISTS (SELECT 1 FROM hallare_enhet e \
                     WHERE e.hsa_id = x.hsa_id AND e.hallare = r.hallare))",
                ),
            }
            sql.push(" AND x.low <= ");
            sql.number(*nu);
            sql.push(" AND x.high > ");
            sql.number(*nu);
            sql.push(" LIMIT 1 OFFSET 0)");
        }
        Villkor::Kriterium(criterion) => criterion_holds(sql, criterion),
        Villkor::MalDolt => sql.push(&TARGET_HIDDEN),
        Villkor::MalFlyttat => sql.push(&TARGET_MOVED),
        Villkor::VersionDold => sql.push("h.dold"),
        Villkor::VersionFlyttad => sql.push("h.flyttad"),
    }
}

/// That the row is a Provenance one of whose targets is so. One piece of text each: a statement has many of them.
fn of_target(that: &str) -> String {
    format!(
        "(+r.kind = {} AND EXISTS (SELECT 1 FROM index_reference i JOIN resource t ON t.id = i.target_id \
         AND t.kind = CASE i.target_kind{} \
         WHERE i.patient = r.patient AND i.resource = r.key AND i.param = 'target' AND {that}))",
        kind::number(ResourceType::Provenance),
        *kind::OF_NAME
    )
}

static TARGET_HIDDEN: LazyLock<String> = LazyLock::new(|| of_target("t.dold"));
static TARGET_MOVED: LazyLock<String> = LazyLock::new(|| of_target("t.patient <> 0 AND t.patient <> r.patient"));

fn joined<'q>(sql: &mut Statement<'q>, parts: &'q [Villkor], (between, none): (&'static str, &'static str)) {
    if parts.is_empty() {
        return sql.push(none);
    }
    sql.push("(");
    for (number, part) in parts.iter().enumerate() {
        sql.push(if number == 0 { "" } else { between });
        condition(sql, part);
    }
    sql.push(")");
}

fn list<'q, T>(sql: &mut Statement<'q>, values: &'q [T], each: impl Fn(&mut Statement<'q>, &'q T)) {
    for (number, value) in values.iter().enumerate() {
        sql.push(if number == 0 { " IN (" } else { ", " });
        each(sql, value);
    }
    sql.push(")");
}

impl<'q> Statement<'q> {
    /// A statement whose rows `r` are seen by a caller.
    pub(super) fn seen(sikt: Option<&'q Sikt>) -> Statement<'q> {
        let mut sql = Statement::default();
        sql.sikt = sikt;
        sql
    }

    /// ` AND …`: that the row `r` of `resource` is one that the caller sees. Stands after every `NOT r.deleted` of an answer.
    pub(super) fn visible(&mut self) {
        if let Some(sikt) = self.sikt {
            self.push(" AND ");
            condition(self, &sikt.rader);
        }
    }

    /// ` AND …`: that the version `h` of the row `r` is one that the caller sees.
    pub(super) fn visible_version(&mut self) {
        if let Some(sikt) = self.sikt {
            self.push(" AND ");
            condition(self, &sikt.rader);
            self.push(" AND ");
            condition(self, &sikt.versioner);
        }
    }
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = BigInt)]
    #[expect(dead_code, reason = "only whether there is one")]
    key: i64,
}

impl Session {
    /// What follows is seen with these eyes: searches, includes, histories and `$everything` show nothing else, and look at
    /// nothing else. The rules' own look-ups are not concerned.
    pub fn seen_by<T>(&mut self, sikt: Option<Arc<Sikt>>, work: impl FnOnce(&mut Session) -> T) -> T {
        struct Eyes<'s> {
            session: &'s mut Session,
            before: Option<Arc<Sikt>>,
        }
        impl Drop for Eyes<'_> {
            // Whatever happened: the connection goes back to a pool.
            fn drop(&mut self) {
                self.session.sikt = self.before.take();
            }
        }
        let before = std::mem::replace(&mut self.sikt, sikt);
        let eyes = Eyes { session: self, before };
        work(eyes.session)
    }

    /// Whether anything that is filed on this patient, and not deleted, is seen so.
    pub fn sees_any_of(&mut self, patient: &str, sikt: &Sikt) -> Result<bool, StoreError> {
        let mut sql = Statement::seen(Some(sikt));
        sql.push("SELECT r.key FROM resource r WHERE NOT r.deleted AND r.patient = (SELECT k.key FROM patient_key k WHERE k.id = ");
        sql.text(patient);
        sql.push(")");
        sql.visible();
        sql.push(" LIMIT 1");
        let rows: Vec<KeyRow> = on_either!(self, c => sql.load(c))?;
        Ok(!rows.is_empty())
    }
}
