//! Criteria on other resources as SQL. Inside a subselect `r` is the resource at the other end of the reference, so what
//! is asked of it is written by the same functions.
//!
//! A driver begins at the far end, with what is asked there, and gives all the resources at once; a probe follows the
//! references of one resource that is found. A probe costs as much as the ways it goes, and those that lead from many to
//! one and back to many (`organization._has:Patient:organization:…`) are as many as the square of the patients; there the
//! driver's way is taken, whose every step is taken once.

use std::borrow::Cow;

use crate::fhir::search::canonical;
use crate::fhir::search::query::{Criterion, Far, Naming, SystemMatch};
use crate::fhir::types::ResourceType;
use crate::store::statement::Statement;

use super::criteria::{NEVER, SHARED_TOKEN, drive, one_of, probe, rank};

/// The rank of what is asked of the other end, a step away. Many resources share a code of a short list (a status, a
/// gender), and many more refer to them: no place to begin.
fn rank_far(far: &Far) -> Option<u8> {
    match &far.criterion {
        Criterion::Token { any_of, .. }
            if rank(&far.criterion) == Some(SHARED_TOKEN)
                && any_of.iter().any(|token| token.system == SystemMatch::None) =>
        {
            None
        }
        criterion => rank(criterion).map(|rank| rank + 1),
    }
}

/// As [`rank`]: alternatives are no better than the worst of them.
pub(super) fn rank_reaching(criterion: &Criterion) -> Option<u8> {
    match criterion {
        Criterion::Chain { any_of, .. } => worst(any_of, rank_far),
        Criterion::Has { from, .. } => rank_far(from),
        Criterion::Any(any_of) => worst(any_of, rank),
        _ => None,
    }
}

fn worst<T>(alternatives: &[T], rank: impl Fn(&T) -> Option<u8>) -> Option<u8> {
    alternatives
        .iter()
        .try_fold(0, |worst, one| rank(one).map(|rank| worst.max(rank)))
}

/// Whether the way goes on from one resource to all that refer to it, after many led to it.
pub(super) fn spreads(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Chain { any_of, .. } => any_of.iter().any(|far| goes_back(&far.criterion)),
        Criterion::Has { from, .. } => spreads(&from.criterion),
        _ => false,
    }
}

fn goes_back(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Chain { any_of, .. } => any_of.iter().any(|far| goes_back(&far.criterion)),
        Criterion::Has { .. } => true,
        _ => false,
    }
}

/// The resource at the far end, which is found.
fn one_of_them<'q>(sql: &mut Statement<'q>, far: &'q Far) {
    if spreads(&far.criterion) {
        drive(sql, far.kind, &far.criterion);
    } else {
        probe(sql, &far.criterion);
    }
}

/// As [`drive`], of a criterion on other resources.
pub(super) fn drive_reaching<'q>(sql: &mut Statement<'q>, kind: ResourceType, criterion: &'q Criterion) {
    match criterion {
        Criterion::Chain { param, any_of, by } => {
            sql.push("r.key IN (");
            union(sql, any_of, &|sql, far| {
                sql.push("SELECT t.resource FROM index_reference t WHERE t.kind = ");
                sql.kind(kind);
                sql.push(" AND t.param = ");
                sql.text(*param);
                match by {
                    Naming::Place { own_bases } => {
                        sql.push(" AND t.target_id IN (SELECT r.id FROM resource r WHERE NOT r.deleted");
                        sql.visible();
                        sql.push(" AND ");
                        drive(sql, far.kind, &far.criterion);
                        sql.push(") AND ");
                        points_at(sql, far.kind, own_bases);
                    }
                    Naming::Canonical { own_bases } => {
                        sql.push(A_CANONICAL);
                        sql.push(" AND t.target_url IN (SELECT b.base || n.value FROM resource r CROSS JOIN index_token n CROSS JOIN (SELECT '' AS base");
                        for base in own_bases {
                            sql.push(" UNION ALL SELECT ");
                            sql.text(below(base));
                        }
                        sql.push(") b WHERE NOT r.deleted");
                        sql.visible();
                        sql.push(" AND ");
                        drive(sql, far.kind, &far.criterion);
                        sql.push(" AND n.patient = r.patient AND n.resource = r.key AND n.param = ");
                        sql.text(canonical::NAMES);
                        sql.push(")");
                    }
                }
            });
            sql.push(")");
        }
        Criterion::Has { to, param, from, by } => {
            // In this order: what is asked for, its references by the key they begin with, the resource they name.
            sql.push(match by {
                Naming::Place { .. } => "r.key IN (SELECT f.key FROM resource r CROSS JOIN index_reference t CROSS JOIN resource f WHERE NOT r.deleted",
                Naming::Canonical { .. } => "r.key IN (SELECT n.resource FROM resource r CROSS JOIN index_reference t CROSS JOIN index_token n WHERE NOT r.deleted",
            });
            sql.visible();
            sql.push(" AND ");
            drive(sql, from.kind, &from.criterion);
            sql.push(" AND t.patient = r.patient AND t.resource = r.key AND t.param = ");
            sql.text(*param);
            match by {
                Naming::Place { own_bases } => {
                    sql.push(" AND ");
                    points_at(sql, *to, own_bases);
                    sql.push(" AND f.kind = ");
                    sql.kind(*to);
                    sql.push(" AND f.id = t.target_id)");
                }
                Naming::Canonical { own_bases } => {
                    sql.push(" AND n.kind = ");
                    sql.kind(*to);
                    sql.push(" AND n.param = ");
                    sql.text(canonical::NAMES);
                    names_what_is_stated(sql, own_bases);
                    sql.push(")");
                }
            }
        }
        Criterion::Any(any_of) => {
            sql.push("r.key IN (");
            union(sql, any_of, &|sql, criterion| {
                sql.push("SELECT r.key FROM resource r WHERE ");
                drive(sql, kind, criterion);
            });
            sql.push(")");
        }
        _ => probe(sql, criterion),
    }
}

/// As [`probe`], of a criterion on other resources.
pub(super) fn probe_reaching<'q>(sql: &mut Statement<'q>, criterion: &'q Criterion) {
    match criterion {
        Criterion::Chain { param, any_of, by } => {
            // `OFFSET 0` says nothing, but with it PostgreSQL does not turn the probe into a join that begins at the far end.
            sql.push("EXISTS (SELECT 1 FROM index_reference t WHERE t.patient = r.patient AND t.resource = r.key AND t.param = ");
            sql.text(*param);
            sql.push(" AND (");
            for (number, far) in any_of.iter().enumerate() {
                sql.push(if number == 0 { "" } else { " OR " });
                match by {
                    Naming::Place { own_bases } => {
                        points_at(sql, far.kind, own_bases);
                        sql.push(" AND EXISTS (SELECT 1 FROM resource r WHERE r.kind = ");
                        sql.kind(far.kind);
                        sql.push(" AND r.id = t.target_id");
                    }
                    Naming::Canonical { own_bases } => {
                        sql.push("EXISTS (SELECT 1 FROM index_token n CROSS JOIN resource r WHERE n.kind = ");
                        sql.kind(far.kind);
                        sql.push(" AND n.param = ");
                        sql.text(canonical::NAMES);
                        names_what_is_stated(sql, own_bases);
                        sql.push(" AND r.key = n.resource");
                    }
                }
                sql.push(" AND NOT r.deleted");
                sql.visible();
                sql.push(" AND ");
                one_of_them(sql, far);
                sql.push(" LIMIT 1 OFFSET 0)");
            }
            sql.push(if any_of.is_empty() { NEVER } else { "" });
            sql.push(") LIMIT 1 OFFSET 0)");
        }
        Criterion::Has { to, param, from, by } => {
            sql.push(match by {
                Naming::Place { .. } => "EXISTS (SELECT 1 FROM index_reference t WHERE t.kind = ",
                Naming::Canonical { .. } => {
                    "EXISTS (SELECT 1 FROM index_token n CROSS JOIN index_reference t WHERE t.kind = "
                }
            });
            sql.kind(from.kind);
            sql.push(" AND t.param = ");
            sql.text(*param);
            match by {
                Naming::Place { own_bases } => {
                    sql.push(" AND t.target_id = r.id AND ");
                    points_at(sql, *to, own_bases);
                }
                Naming::Canonical { own_bases } => {
                    sql.push(A_CANONICAL);
                    sql.push(" AND t.target_url IN (n.value");
                    for base in own_bases {
                        sql.push(", ");
                        sql.text(below(base));
                        sql.push(" || n.value");
                    }
                    sql.push(") AND n.patient = r.patient AND n.resource = r.key AND n.param = ");
                    sql.text(canonical::NAMES);
                }
            }
            sql.push(" AND EXISTS (SELECT 1 FROM resource r WHERE r.key = t.resource AND NOT r.deleted");
            sql.visible();
            sql.push(" AND ");
            one_of_them(sql, from);
            sql.push(" LIMIT 1 OFFSET 0) LIMIT 1 OFFSET 0)");
        }
        Criterion::Any(any_of) => {
            sql.push("(");
            for (number, criterion) in any_of.iter().enumerate() {
                sql.push(if number == 0 { "" } else { " OR " });
                probe(sql, criterion);
            }
            sql.push(if any_of.is_empty() { NEVER } else { "" });
            sql.push(")");
        }
        _ => probe(sql, criterion),
    }
}

/// What the index holds of a canonical besides its address: the index begins with it.
const A_CANONICAL: &str = " AND t.target_id = '' AND t.target_kind = ''";

/// That the name `n` is the one that the canonical `t` states, or the place that it states under one of our own bases.
fn names_what_is_stated(sql: &mut Statement<'_>, own_bases: &[String]) {
    sql.push(" AND n.value IN (t.target_url");
    for base in own_bases {
        sql.push(", REPLACE(t.target_url, ");
        sql.text(below(base));
        sql.push(", '')");
    }
    sql.push(")");
}

/// What a place under a base begins with.
fn below(base: &str) -> String {
    format!("{}/", base.trim_end_matches('/'))
}

/// `a UNION ALL b …`, which the planners begin one by one, as they do not the terms of an `OR`.
fn union<'q, T>(sql: &mut Statement<'q>, alternatives: &'q [T], each: &impl Fn(&mut Statement<'q>, &'q T)) {
    for (number, alternative) in alternatives.iter().enumerate() {
        sql.push(if number == 0 { "" } else { " UNION ALL " });
        each(sql, alternative);
    }
    if alternatives.is_empty() {
        sql.push("SELECT 0 WHERE 1 = 0");
    }
}

/// That the reference `t` is to a resource of ours of that type, whose id is known: relative, or under one of our bases.
fn points_at(sql: &mut Statement<'_>, kind: ResourceType, own_bases: &[String]) {
    sql.push("t.target_kind");
    one_of(sql, [Cow::Borrowed(kind.name())]);
    sql.push(" AND t.target_url IN (''");
    for base in own_bases {
        sql.push(", ");
        sql.text(format!("{}/{kind}/", base.trim_end_matches('/')));
        sql.push(" || t.target_id");
    }
    sql.push(")");
}
