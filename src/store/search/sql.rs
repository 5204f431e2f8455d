//! The SQL of a search: which rows, in which order, from where. See [`super`] for how the look-up is laid out.

mod arms;
mod chain;
mod criteria;
mod order;
mod ranges;
mod strings;
mod units;

use crate::fhir::search::dates::Test;
use crate::fhir::search::query::{Criterion, Far, SearchQuery, SortBy, SortKey, SystemMatch, TokenValue};
use crate::fhir::types::ResourceType;
use crate::store::sikt::Sikt;
use crate::store::statement::Statement;

use super::ahead::Search;
use arms::Arms;
pub(super) use arms::is_unit_alone;
use chain::spreads;
use criteria::{FEW, drive, names_a_patient, probe, rank, to_patients, tokens};
use order::{beyond, order, sort_columns, tie_descending};

/// The page a query asks for, and one row more, which tells that there is a next page: the row key, the current version's
/// columns, and the values of the sort keys when [`holds_values`].
pub(super) fn select<'q>(search: &'q Search<'_>) -> Statement<'q> {
    let query = &*search.query;
    if let Some(arms) = arms(search) {
        return page_of_arms(search, &arms);
    }
    if gives_the_order(query) {
        return page_in_order(search);
    }
    let mut sql = search.statement();
    // The page's keys first, the bodies after: a sort must not carry bodies.
    sql.push("SELECT p.key, p.kind, p.id, p.patient, p.hallare, p.version, p.last_updated, h.body");
    if holds_values(query) {
        sql.push(", p.s0, p.s1, p.s2, p.t0, p.t1, p.t2");
    }
    sql.push(" FROM (");
    if query.also.is_empty() {
        page_of_type(&mut sql, query, query.kind, &query.criteria);
    } else {
        // Each type gives a page, read in its own order; row keys count over all types, so the page is their beginning.
        sql.push("SELECT u.* FROM (");
        for (number, (kind, criteria)) in query.parts().enumerate() {
            sql.push(if number == 0 {
                "SELECT a.* FROM ("
            } else {
                " UNION ALL SELECT a.* FROM ("
            });
            page_of_type(&mut sql, query, kind, criteria);
            sql.push(") a");
        }
        sql.push(") u");
        order(&mut sql, query, "u.", "u.key");
        sql.limit(rows(query));
    }
    sql.push(") p JOIN history h ON h.seq = p.current");
    order(&mut sql, query, "p.", "p.key");
    sql
}

/// Whether the end of a page is told by values that stand in the index.
pub(super) fn holds_values(query: &SearchQuery) -> bool {
    query
        .sort
        .iter()
        .any(|key| matches!(key.by, SortBy::Date(_) | SortBy::Text(_)))
}

/// The page, and one row more.
fn rows(query: &SearchQuery) -> i64 {
    i64::from(query.count) + 1
}

fn page_of_type<'q>(sql: &mut Statement<'q>, query: &'q SearchQuery, kind: ResourceType, criteria: &'q [Criterion]) {
    sql.push("SELECT r.key, r.kind, r.id, r.patient, r.hallare, r.version, r.last_updated, r.current");
    if holds_values(query) {
        sort_columns(sql, &query.sort);
    }
    let start = Start::of(kind, criteria, &query.sort);
    sql.push(start.tables());
    sql.push(" WHERE ");
    matches(sql, kind, criteria, start);
    from_there(sql, query, start);
    order(sql, query, "r.", start.key());
    sql.limit(rows(query));
}

/// Where the page begins.
fn from_there<'q>(sql: &mut Statement<'q>, query: &'q SearchQuery, start: Start) {
    if let Some(end) = &query.after {
        sql.push(" AND ");
        beyond(sql, &query.sort, end, (start.key(), tie_descending(query)));
    }
}

// ── Rows that come in their order ──────────────────────────────────────────────────────────────────────────────────────────

/// Whether a page costs no more rows than it shows, although many may fulfil what is asked: one criterion, whose rows stand in
/// the order of the page; or a vårdenhet with a role, which stand in one index ([`looks_ahead`](super::looks_ahead)).
pub(super) fn goes_no_further_than_the_page(query: &SearchQuery) -> bool {
    if query.sort.is_empty() && is_unit_alone(&query.criteria) {
        return true;
    }
    query.criteria.len() == 1
        && match query.criteria.first() {
            Some(Criterion::LastUpdated { any_of }) => {
                let is_a_span = matches!(&any_of[..], [date] if !matches!(date.test(), Test::Either(..)));
                is_a_span && !query.sort.is_empty() && gives_the_order(query)
            }
            Some(Criterion::Token { .. } | Criterion::Reference { .. }) => {
                query.sort.is_empty()
                    && (matches!(Start::of(query.kind, &query.criteria, &query.sort), Start::InOrder(_))
                        || Arms::of(&query.criteria, 0, None).is_some_and(|arms| arms.are_in_order()))
            }
            _ => false,
        }
}

/// Whether the look-up gives the rows in the order of the page, or so few that sorting them with their bodies is nothing: then
/// they are read as they come, bodies and all.
fn gives_the_order(query: &SearchQuery) -> bool {
    let by_time = matches!(
        &query.sort[..],
        [SortKey {
            by: SortBy::LastUpdated,
            ..
        }]
    );
    query.also.is_empty()
        && match Start::of(query.kind, &query.criteria, &query.sort) {
            Start::Type => query.sort.is_empty() || by_time,
            Start::InOrder(_) => true,
            Start::OfPatient(_) => query.sort.is_empty(),
            Start::Driver(number) => {
                let driver = query.criteria.get(number);
                query.sort.is_empty() && driver.is_some_and(|criterion| leaves_few(query.kind, criterion))
            }
            Start::Lately => false,
        }
}

/// The types of which a patient has a handful. (A patient may have thousands of tasks and messages.)
pub(super) const FEW_OF_A_PATIENT: &[ResourceType] = &[
    ResourceType::CareTeam,
    ResourceType::CarePlan,
    ResourceType::RelatedPerson,
    ResourceType::Consent,
    ResourceType::Goal,
];

/// Whether few resources fulfil the criterion that the look-up begins at.
pub(super) fn leaves_few(kind: ResourceType, criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Id { .. } => true,
        Criterion::Token {
            param: "identifier", ..
        } => true,
        Criterion::Token {
            param: "subject:identifier" | "patient:identifier",
            ..
        } => FEW_OF_A_PATIENT.contains(&kind),
        Criterion::Reference { any_of, .. } => FEW_OF_A_PATIENT.contains(&kind) && any_of.iter().all(names_a_patient),
        _ => false,
    }
}

/// The page and one row more as they come, without the sort that their order would cost: for the few that a patient has, which
/// hardly ever are more than a page. `None` when the order costs nothing, or there may be many.
pub(super) fn unsorted<'q>(search: &'q Search<'_>) -> Option<Statement<'q>> {
    let query = &*search.query;
    let start = Start::of(query.kind, &query.criteria, &query.sort);
    let is_few = matches!(start, Start::OfPatient(_)) && query.sort.is_empty() && query.also.is_empty();
    is_few.then(|| {
        let mut sql = rows_of_page(search);
        sql.limit(rows(query));
        sql
    })
}

fn page_in_order<'q>(search: &'q Search<'_>) -> Statement<'q> {
    let query = &*search.query;
    let start = Start::of(query.kind, &query.criteria, &query.sort);
    let mut sql = rows_of_page(search);
    order(&mut sql, query, "r.", start.key());
    sql.limit(rows(query));
    sql
}

/// The rows that may stand on the page, with their bodies.
fn rows_of_page<'q>(search: &'q Search<'_>) -> Statement<'q> {
    let query = &*search.query;
    let start = Start::of(query.kind, &query.criteria, &query.sort);
    let mut sql = search.statement();
    sql.push(COLUMNS);
    sql.push(start.tables());
    sql.push(" CROSS JOIN history h WHERE h.seq = r.current AND ");
    matches(&mut sql, query.kind, &query.criteria, start);
    from_there(&mut sql, query, start);
    sql
}

const COLUMNS: &str = "SELECT r.key, r.kind, r.id, r.patient, r.hallare, r.version, r.last_updated, h.body";

/// What many may share, each value of it a walk of its own in the order of the row keys: no walk goes further than a page.
fn page_of_arms<'q>(search: &'q Search<'_>, Arms { arms, covered }: &Arms<'q>) -> Statement<'q> {
    let query = &*search.query;
    let few = covered.iter().any(|number| is_selective(query.criteria.get(*number)));
    let others = || {
        let all = query.criteria.iter().enumerate();
        all.filter(|(number, _)| !covered.contains(number))
            .map(|(_, criterion)| criterion)
    };
    let mut sql = search.statement();
    sql.push(COLUMNS);
    // A list of keys: SQLite reads it in the order of the page, so that nothing is sorted with its body.
    sql.push(" FROM resource r CROSS JOIN history h WHERE NOT r.deleted AND h.seq = r.current AND r.key IN (");
    for (place, arm) in arms.iter().enumerate() {
        sql.push(if place == 0 { "" } else { " UNION " });
        sql.push(if arm.repeats() {
            "SELECT a.key FROM (SELECT DISTINCT o.resource AS key FROM "
        } else {
            "SELECT a.key FROM (SELECT o.resource AS key FROM "
        });
        sql.push(arm.table());
        // What is deleted has no rows in the index, so that the resource is looked at only for what else is asked, and for
        // whether it is seen.
        sql.push(if others().next().is_some() || search.sikt.is_some() {
            " o CROSS JOIN resource r WHERE r.key = o.resource AND o.kind = "
        } else {
            " o WHERE o.kind = "
        });
        sql.kind(query.kind);
        arm.condition(&mut sql);
        sql.visible();
        for criterion in others() {
            sql.push(" AND ");
            test(&mut sql, query.kind, criterion, few);
        }
        if let Some([end]) = query.after.as_deref() {
            sql.push(" AND o.resource < ");
            sql.part(end);
        }
        sql.push(" ORDER BY o.resource DESC");
        sql.limit(rows(query));
        sql.push(") a");
    }
    sql.push(" ORDER BY 1 DESC");
    sql.limit(rows(query));
    sql.push(") ORDER BY r.key DESC");
    sql
}

/// A page without a sort that begins at what many may share, arm by arm.
fn arms<'q>(search: &'q Search<'_>) -> Option<Arms<'q>> {
    let query = &*search.query;
    if !query.sort.is_empty() || !query.also.is_empty() {
        return None;
    }
    let Start::Driver(number) = Start::of(query.kind, &query.criteria, &query.sort) else {
        return None;
    };
    // What leaves few is looked up at once.
    if leaves_few(query.kind, query.criteria.get(number)?) {
        return None;
    }
    Arms::of(&query.criteria, number, search.unit.as_ref())
}

/// The ids of the assignments (PractitionerRole) to these units, `most` of them.
pub(super) fn assigned<'q>(any_of: &'q [TokenValue], units: &'q [String], most: i64) -> Statement<'q> {
    let mut sql = Statement::default();
    units::assignments(&mut sql, any_of, units);
    sql.limit(most);
    sql
}

/// Type and id of the resources that are asked for at the far end of a chain by a token, `most` of them. They are read as they
/// stand in the index, without a list of their keys before: one that has the token twice stands there twice.
pub(super) fn those<'q>(far: &'q [Far], most: i64, sikt: Option<&'q Sikt>) -> Statement<'q> {
    let start = Start::InOrder(0);
    let mut sql = Statement::seen(sikt);
    for (number, far) in far.iter().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        sql.push("SELECT r.kind, r.id");
        sql.push(start.tables());
        sql.push(" WHERE ");
        matches(&mut sql, far.kind, std::slice::from_ref(&far.criterion), start);
    }
    sql.limit(most);
    sql
}

/// How many resources there are in all.
pub(super) fn count<'q>(search: &'q Search<'_>) -> Statement<'q> {
    let query = &*search.query;
    let mut sql = search.statement();
    sql.push("SELECT CAST(SUM(c.number) AS BIGINT) AS total FROM (");
    for (number, (kind, criteria)) in query.parts().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        sql.push("SELECT COUNT(*) AS number");
        let start = Start::of(kind, criteria, &query.sort);
        sql.push(start.tables());
        sql.push(" WHERE ");
        matches(&mut sql, kind, criteria, start);
    }
    sql.push(") c");
    sql
}

/// That the resource `r` fulfils a criterion.
pub(in crate::store) fn criterion_holds<'q>(sql: &mut Statement<'q>, criterion: &'q Criterion) {
    probe(sql, criterion);
}

impl Search<'_> {
    fn statement(&self) -> Statement<'_> {
        Statement::seen(self.sikt.as_deref())
    }
}

/// The criterion at which the look-up of a search on one type begins.
pub(super) fn beginning(query: &SearchQuery) -> Option<&Criterion> {
    match Start::of(query.kind, &query.criteria, &query.sort) {
        Start::Driver(number) | Start::InOrder(number) | Start::OfPatient(number) => query.criteria.get(number),
        Start::Type | Start::Lately => None,
    }
}

/// Where the look-up begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the type, in the order that is asked for.
    Type,
    /// At what was written lately: the end of the type's index by time, then sorted.
    Lately,
    /// At the criterion of this number, the driver: all its rows, then sorted.
    Driver(usize),
    /// At one token, which many may share (a status, a unit), read from its index in the order of the row keys, so that a
    /// page needs no more rows than it shows.
    InOrder(usize),
    /// At the few of one type that a patient has, by the reference to her of which each has one.
    OfPatient(usize),
}

/// The parameters of [`FEW_OF_A_PATIENT`] whose element holds one reference at the most.
const ONE_PATIENT: [&str; 2] = ["subject", "patient"];

impl Start {
    /// The criterion that is likely to leave fewest rows.
    fn of(kind: ResourceType, criteria: &[Criterion], sort: &[SortKey]) -> Start {
        let best = criteria
            .iter()
            .enumerate()
            .filter_map(|(number, criterion)| Some((rank(criterion)?, number)))
            .min();
        let Some((_, number)) = best else { return Start::Type };
        match criteria.get(number) {
            Some(Criterion::LastUpdated { .. }) if sort.is_empty() => Start::Lately,
            // The index by time gives the order, or what is to be sorted.
            Some(Criterion::LastUpdated { .. }) => Start::Type,
            Some(Criterion::Token { any_of, .. }) if sort.is_empty() && in_order(any_of) => Start::InOrder(number),
            Some(criterion @ Criterion::Reference { param, .. })
                if ONE_PATIENT.contains(param) && leaves_few(kind, criterion) =>
            {
                Start::OfPatient(number)
            }
            _ => Start::Driver(number),
        }
    }

    /// `CROSS JOIN` makes SQLite keep the order of the tables; to PostgreSQL it is any join.
    fn tables(self) -> &'static str {
        match self {
            Start::InOrder(_) => " FROM index_token o CROSS JOIN resource r",
            Start::OfPatient(_) => " FROM index_reference o CROSS JOIN resource r",
            Start::Type | Start::Lately | Start::Driver(_) => " FROM resource r",
        }
    }

    /// The row key in the index that is read.
    fn key(self) -> &'static str {
        match self {
            Start::InOrder(_) | Start::OfPatient(_) => "o.resource",
            Start::Type | Start::Driver(_) => "r.key",
            // No column of an index: else SQLite rather walks the type in the order of its keys than sort a few rows.
            Start::Lately => "(r.key + 0)",
        }
    }
}

/// Whether the rows of these tokens stand in their index in the order of the row keys: one value in one system.
fn in_order(any_of: &[TokenValue]) -> bool {
    matches!(any_of, [token] if token.value.is_some() && token.system != SystemMatch::Any)
}

/// The resources that fulfil every criterion.
fn matches<'q>(sql: &mut Statement<'q>, kind: ResourceType, criteria: &'q [Criterion], start: Start) {
    sql.push(match start {
        Start::InOrder(_) | Start::OfPatient(_) => "r.key = o.resource AND NOT r.deleted",
        Start::Type | Start::Lately | Start::Driver(_) => "NOT r.deleted",
    });
    sql.visible();
    // A driver's index rows are of the type already; saying so again would only tempt the planner to walk the type.
    if matches!(start, Start::Type | Start::Lately) {
        sql.push(" AND r.kind = ");
        sql.kind(kind);
    }
    let few = match start {
        Start::Driver(number) => is_selective(criteria.get(number)),
        Start::OfPatient(_) => true,
        _ => false,
    };
    for (number, criterion) in criteria.iter().enumerate() {
        sql.push(" AND ");
        match criterion {
            Criterion::Token { param, any_of, .. } if start == Start::InOrder(number) => {
                sql.push("o.kind = ");
                sql.kind(kind);
                sql.push(" AND o.param = ");
                sql.text(*param);
                sql.push(" AND ");
                tokens(sql, any_of, "o");
            }
            Criterion::Reference { param, any_of } if start == Start::OfPatient(number) => {
                sql.push("o.kind = ");
                sql.kind(kind);
                sql.push(" AND o.param = ");
                sql.text(*param);
                sql.push(" AND ");
                to_patients(sql, any_of);
            }
            _ if start == Start::Driver(number) => drive(sql, kind, criterion),
            _ => test(sql, kind, criterion, few),
        }
    }
}

/// Whether what the look-up begins at is likely to leave some few.
fn is_selective(criterion: Option<&Criterion>) -> bool {
    criterion.and_then(rank).is_some_and(|rank| rank <= FEW)
}

/// A criterion beside the one that the look-up begins at; `few`: that leaves some few.
fn test<'q>(sql: &mut Statement<'q>, kind: ResourceType, criterion: &'q Criterion, few: bool) {
    if !few && spreads(criterion) {
        drive(sql, kind, criterion);
    } else {
        probe(sql, criterion);
    }
}
