//! The vårdenhet and the vårdgivare of a CareTeam as SQL: an implicit chain over the index. `fhir::search::units` says what
//! of it the CareTeam's own rows hold; here the Organizations and assignments are followed.
//!
//! The vårdgivare is the Organization that is part of no other, as the rules have it. A `partOf` that only names an
//! identifier is followed when it is the vårdgivare's own.

use std::borrow::Cow;

use crate::fhir::search::query::TokenValue;
use crate::fhir::search::units::{ABOVE, ABOVE_IDENTIFIER, UNIT, UNIT_IDENTIFIER, UNIT_ITSELF};
use crate::fhir::types::ResourceType;
use crate::store::statement::Statement;

use super::criteria::{Names, named, one_of, tokens};

/// Which of the two is asked for, and the identifiers.
#[derive(Clone, Copy)]
pub(super) struct Asked<'q> {
    pub any_of: &'q [TokenValue],
    pub is_giver: bool,
}

/// The ids of the assignments (PractitionerRole) to one of these Organizations, or to one that they name by the identifier.
pub(super) fn assignments<'q>(sql: &mut Statement<'q>, any_of: &'q [TokenValue], units: &'q [String]) {
    sql.push("SELECT p.id FROM index_reference i CROSS JOIN resource p WHERE i.kind = ");
    sql.kind(ResourceType::PractitionerRole);
    sql.push(" AND i.param = 'organization' AND i.target_kind = 'Organization' AND i.target_url = '' AND i.target_id");
    one_of(sql, units.iter().map(|id| Cow::Borrowed(id.as_str())));
    sql.push(" AND p.key = i.resource UNION ALL SELECT p.id FROM index_token i CROSS JOIN resource p WHERE i.kind = ");
    sql.kind(ResourceType::PractitionerRole);
    sql.push(" AND i.param = 'organization:identifier' AND p.key = i.resource AND ");
    tokens(sql, any_of, "i");
}

impl<'q> Asked<'q> {
    fn references(self) -> Names {
        (UNIT, if self.is_giver { &[ABOVE] } else { &[] })
    }

    fn identifiers(self) -> Names {
        (
            UNIT_IDENTIFIER,
            if self.is_giver {
                &[ABOVE_IDENTIFIER]
            } else {
                &[UNIT_ITSELF]
            },
        )
    }

    /// The driver: a list of the resources' keys.
    pub fn drive(self, sql: &mut Statement<'q>, kind: ResourceType) {
        let of_kind = |sql: &mut Statement<'q>, table: &'static str, names: Names| {
            sql.push("SELECT t.resource FROM ");
            sql.push(table);
            sql.push(" t WHERE t.kind = ");
            sql.kind(kind);
            sql.push(" AND ");
            named(sql, names);
            sql.push(" AND ");
        };
        sql.push("r.key IN (");
        of_kind(sql, "index_reference", self.references());
        self.place(sql);
        sql.push(" UNION ALL ");
        of_kind(sql, "index_token", self.identifiers());
        self.logical(sql, "t");
        if self.is_giver {
            sql.push(" UNION ALL ");
            of_kind(sql, "index_token", self.identifiers());
            self.unknown(sql, "t");
        }
        sql.push(")");
    }

    /// A test of a resource that is found.
    pub fn probe(self, sql: &mut Statement<'q>) {
        let of_this = |sql: &mut Statement<'q>, table: &'static str, names: Names| {
            sql.push("EXISTS (SELECT 1 FROM ");
            sql.push(table);
            sql.push(" t WHERE t.patient = r.patient AND t.resource = r.key AND ");
            named(sql, names);
            sql.push(" AND ");
        };
        sql.push("(");
        of_this(sql, "index_reference", self.references());
        self.place(sql);
        sql.push(" LIMIT 1) OR ");
        of_this(sql, "index_token", self.identifiers());
        self.told(sql, "t");
        sql.push(" LIMIT 1))");
    }

    /// `t` points at one of the units, or at an assignment to one.
    fn place(self, sql: &mut Statement<'q>) {
        // One simple SELECT around: SQLite uses an index for a pair of columns only so.
        sql.push("t.target_url = '' AND (t.target_id, t.target_kind) IN (SELECT w.id, w.kind FROM (");
        self.units(sql);
        // `CROSS JOIN` makes SQLite keep the order of the tables; to PostgreSQL it is any join.
        sql.push("SELECT o.id AS id, 'Organization' AS kind FROM units u CROSS JOIN resource o WHERE o.key = u.key");
        sql.push(" UNION ALL SELECT p.id, 'PractitionerRole' FROM units u CROSS JOIN resource o");
        sql.push(" CROSS JOIN index_reference i CROSS JOIN resource p WHERE o.key = u.key AND i.kind = ");
        sql.kind(ResourceType::PractitionerRole);
        sql.push(" AND i.param = 'organization' AND i.target_id = o.id AND i.target_kind = 'Organization'");
        sql.push(" AND i.target_url = '' AND p.key = i.resource");
        sql.push(" UNION ALL SELECT p.id, 'PractitionerRole' FROM index_token i CROSS JOIN resource p WHERE i.kind = ");
        sql.kind(ResourceType::PractitionerRole);
        sql.push(" AND i.param = 'organization:identifier' AND p.key = i.resource AND ");
        self.told(sql, "i");
        sql.push(") w)");
    }

    /// The identifier in `table` is one of a unit's.
    fn told(self, sql: &mut Statement<'q>, table: &'static str) {
        sql.push("(");
        self.logical(sql, table);
        if self.is_giver {
            sql.push(" OR ");
            self.unknown(sql, table);
        }
        sql.push(")");
    }

    fn logical(self, sql: &mut Statement<'q>, table: &'static str) {
        if !self.is_giver {
            return tokens(sql, self.any_of, table);
        }
        sql.push("(");
        sql.push(table);
        sql.push(".value, ");
        sql.push(table);
        sql.push(".system) IN (");
        self.units(sql);
        sql.push("SELECT k.value, k.system FROM units u CROSS JOIN index_token k");
        sql.push(" WHERE k.patient = 0 AND k.resource = u.key AND k.param = 'identifier')");
    }

    /// The vårdgivare itself is named, and stored nowhere: what stands alone is its own vårdgivare.
    fn unknown(self, sql: &mut Statement<'q>, table: &'static str) {
        sql.push("(");
        tokens(sql, self.any_of, table);
        sql.push(" AND NOT EXISTS (SELECT 1 FROM index_token i WHERE i.kind = ");
        sql.kind(ResourceType::Organization);
        sql.push(" AND i.param = 'identifier' AND ");
        tokens(sql, self.any_of, "i");
        sql.push("))");
    }

    /// `units`: the keys of the Organizations with the identifier; of a vårdgivare, all that are part of it too.
    fn units(self, sql: &mut Statement<'q>) {
        sql.push("WITH RECURSIVE units(key) AS (SELECT i.resource FROM index_token i WHERE i.kind = ");
        sql.kind(ResourceType::Organization);
        sql.push(" AND i.param = 'identifier' AND ");
        tokens(sql, self.any_of, "i");
        if self.is_giver {
            sql.push(
                " AND NOT EXISTS (SELECT 1 FROM index_reference x WHERE x.patient = 0 AND x.resource = i.resource",
            );
            sql.push(" AND x.param = 'partof') UNION SELECT i.resource FROM index_token i WHERE i.kind = ");
            sql.kind(ResourceType::Organization);
            sql.push(" AND i.param = 'partof:identifier' AND ");
            tokens(sql, self.any_of, "i");
            // UNION, not UNION ALL: a circle ends where it closes.
            sql.push(" UNION SELECT i.resource FROM units u CROSS JOIN resource o CROSS JOIN index_reference i");
            sql.push(" WHERE o.key = u.key AND i.target_id = o.id AND i.kind = ");
            sql.kind(ResourceType::Organization);
            sql.push(" AND i.param = 'partof' AND i.target_kind = 'Organization' AND i.target_url = ''");
        }
        sql.push(") ");
    }
}
