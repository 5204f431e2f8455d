//! A statement as diesel sees it: SQL with bound values at some places of it; the backend writes the placeholders.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::pg::{Pg, PgQueryBuilder};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, SmallInt, Text, Untyped};

use super::connection::Connection;
use super::error::StoreError;
use super::kind;
use super::session::Session;
use super::sikt::Sikt;
use crate::fhir::search::query::KeyPart;
use crate::fhir::types::ResourceType;

enum Value<'q> {
    Number(i64),
    Kind(i16),
    Text(Cow<'q, str>),
}

/// SQL with its bound values. It borrows them from the query.
pub(in crate::store) struct Statement<'q> {
    /// What comes from a caller is never a part of it.
    sql: String,
    /// Each at its place in the SQL, in order.
    values: Vec<(usize, Value<'q>)>,
    /// With whose eyes the rows of an answer are seen.
    pub(super) sikt: Option<&'q Sikt>,
}

impl Default for Statement<'_> {
    fn default() -> Self {
        // As much as most searches have.
        Statement {
            sql: String::with_capacity(1024),
            values: Vec::with_capacity(32),
            sikt: None,
        }
    }
}

/// Longer than this, in bytes, is a rare search: each connection keeps its prepared statements, so those are not kept.
const LONGEST_KEPT: usize = 5_000;

impl<'q> Statement<'q> {
    pub(in crate::store) fn push(&mut self, sql: &'static str) {
        self.sql.push_str(sql);
    }

    pub(in crate::store) fn number(&mut self, number: i64) {
        self.bind(Value::Number(number));
    }

    pub(in crate::store) fn kind(&mut self, kind: ResourceType) {
        self.bind(Value::Kind(kind::number(kind)));
    }

    pub(in crate::store) fn text(&mut self, text: impl Into<Cow<'q, str>>) {
        self.bind(Value::Text(text.into()));
    }

    fn bind(&mut self, value: Value<'q>) {
        self.values.push((self.sql.len(), value));
    }

    /// ` LIMIT ` so many rows.
    pub(in crate::store) fn limit(&mut self, rows: i64) {
        self.push(" LIMIT ");
        self.number(rows);
    }

    /// With the types of its columns, which are then read by their places; without them they are looked for by their names in
    /// each row.
    pub(in crate::store) fn of_columns<ST>(self) -> Typed<'q, ST> {
        Typed {
            statement: self,
            columns: PhantomData,
        }
    }

    /// The bound values as PostgreSQL's literals, in brackets; nothing when there are none.
    fn literals(&self) -> String {
        let values: Vec<String> = self
            .values
            .iter()
            .map(|(_, value)| match value {
                Value::Number(number) => number.to_string(),
                Value::Kind(kind) => kind.to_string(),
                Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
            })
            .collect();
        if values.is_empty() {
            String::new()
        } else {
            format!("({})", values.join(", "))
        }
    }

    pub(in crate::store) fn part(&mut self, part: &'q KeyPart) {
        match part {
            KeyPart::Number(number) => self.number(*number),
            KeyPart::Text(text) => self.text(text.as_str()),
        }
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl<DB> QueryFragment<DB> for Statement<'_>
where
    DB: Backend,
    i64: ToSql<BigInt, DB>,
    i16: ToSql<SmallInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.sql.len() > LONGEST_KEPT {
            pass.unsafe_to_cache_prepared();
        }
        let mut told = 0;
        for (place, value) in &self.values {
            pass.push_sql(&self.sql[told..*place]);
            told = *place;
            match value {
                Value::Number(number) => pass.push_bind_param::<BigInt, _>(number)?,
                Value::Kind(kind) => pass.push_bind_param::<SmallInt, _>(kind)?,
                Value::Text(text) => pass.push_bind_param::<Text, _>(text.as_ref())?,
            }
        }
        pass.push_sql(&self.sql[told..]);
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Statement<'_> {}

/// A [`Statement`] whose columns have these types.
pub(in crate::store) struct Typed<'q, ST> {
    statement: Statement<'q>,
    columns: PhantomData<ST>,
}

impl<ST> QueryId for Typed<'_, ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Typed<'_, ST> {
    type SqlType = ST;
}

impl<'q, ST, DB> QueryFragment<DB> for Typed<'q, ST>
where
    DB: Backend,
    Statement<'q>: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(pass)
    }
}

impl<ST, C> RunQueryDsl<C> for Typed<'_, ST> {}

impl Session {
    /// How the database goes about a statement, one step per line: for tests. SQLite tells its plan. PostgreSQL carries
    /// the statement out twice, because a prepared statement may be run either way: by the plan for these values, and by
    /// the one for any values; each with the pages that it touched.
    pub(super) fn explain(&mut self, mut statement: Statement<'_>) -> Result<Vec<String>, StoreError> {
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                const EXPLAIN: &str = "EXPLAIN QUERY PLAN ";
                statement.sql.insert_str(0, EXPLAIN);
                for (place, _) in &mut statement.values {
                    *place += EXPLAIN.len();
                }
                let steps: Vec<Step> = statement.load(connection)?;
                Ok(steps.into_iter().map(|step| step.detail).collect())
            }
            Connection::Postgres(connection) => {
                let mut sql = PgQueryBuilder::default();
                statement.to_sql(&mut sql, &Pg)?;
                connection.batch_execute(&format!("PREPARE explained AS {}", sql.finish()))?;
                let execute = format!(
                    "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE explained{}",
                    statement.literals()
                );
                let mut lines = Vec::new();
                for mode in ["force_custom_plan", "force_generic_plan"] {
                    connection.batch_execute(&format!("SET plan_cache_mode = {mode}"))?;
                    let steps: Vec<PgStep> = diesel::sql_query(&execute).load(connection)?;
                    lines.extend(steps.into_iter().map(|step| step.plan));
                }
                connection.batch_execute("RESET plan_cache_mode; DEALLOCATE explained")?;
                Ok(lines)
            }
        }
    }
}

/// SQLite's column.
#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// PostgreSQL's column.
#[derive(QueryableByName)]
struct PgStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}
