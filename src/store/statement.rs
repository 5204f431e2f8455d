//! A statement as diesel sees it: SQL in pieces with bound values between them; the backend writes the placeholders.

use std::borrow::Cow;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, SmallInt, Text, Untyped};

use super::connection::Connection;
use super::error::StoreError;
use super::kind;
use super::session::Session;
use crate::fhir::search::query::KeyPart;
use crate::fhir::types::ResourceType;

enum Piece<'q> {
    Sql(&'static str),
    Number(i64),
    Kind(i16),
    Text(Cow<'q, str>),
}

/// SQL with its bound values. It borrows them from the query.
#[derive(Default)]
pub(in crate::store) struct Statement<'q> {
    pieces: Vec<Piece<'q>>,
}

/// Above this many pieces a search is a rare one: each connection keeps its prepared statements, so those are not kept.
const MOST_PIECES_KEPT: usize = 160;

impl<'q> Statement<'q> {
    pub(in crate::store) fn push(&mut self, sql: &'static str) {
        self.pieces.push(Piece::Sql(sql));
    }

    /// Puts something before what is there, such as `EXPLAIN`.
    pub(in crate::store) fn prefix(&mut self, sql: &'static str) {
        self.pieces.insert(0, Piece::Sql(sql));
    }

    pub(in crate::store) fn number(&mut self, number: i64) {
        self.pieces.push(Piece::Number(number));
    }

    pub(in crate::store) fn kind(&mut self, kind: ResourceType) {
        self.pieces.push(Piece::Kind(kind::number(kind)));
    }

    pub(in crate::store) fn text(&mut self, text: impl Into<Cow<'q, str>>) {
        self.pieces.push(Piece::Text(text.into()));
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
        if self.pieces.len() > MOST_PIECES_KEPT {
            pass.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => pass.push_sql(sql),
                Piece::Number(number) => pass.push_bind_param::<BigInt, _>(number)?,
                Piece::Kind(kind) => pass.push_bind_param::<SmallInt, _>(kind)?,
                Piece::Text(text) => pass.push_bind_param::<Text, _>(text.as_ref())?,
            }
        }
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for Statement<'_> {}

impl Session {
    /// How the database goes about a statement, one step per line.
    pub(super) fn explain(&mut self, mut statement: Statement<'_>) -> Result<Vec<String>, StoreError> {
        let lines: Vec<ExplainRow> = match &mut self.connection {
            Connection::Sqlite(connection) => {
                statement.prefix("EXPLAIN QUERY PLAN ");
                statement.load(connection)?
            }
            Connection::Postgres(connection) => {
                statement.prefix("EXPLAIN ");
                statement
                    .load::<PgExplainRow>(connection)?
                    .into_iter()
                    .map(ExplainRow::from)
                    .collect()
            }
        };
        Ok(lines.into_iter().map(|line| line.detail).collect())
    }
}

/// SQLite's column.
#[derive(QueryableByName)]
struct ExplainRow {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// PostgreSQL's column.
#[derive(QueryableByName)]
struct PgExplainRow {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

impl From<PgExplainRow> for ExplainRow {
    fn from(row: PgExplainRow) -> ExplainRow {
        ExplainRow { detail: row.plan }
    }
}
