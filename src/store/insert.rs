//! INSERTs of many rows. diesel's own batch insert of a `Vec` is prepared anew each time; these are prepared once for
//! 1 to 8, 16 and 32 rows of each table.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, SmallInt, Text};

use super::connection::on_either;
use super::error::StoreError;
use super::session::Session;

/// A row to be inserted; [`row!`] makes it of the columns.
pub(super) trait Row {
    /// By which the statements are remembered.
    type Table: 'static;
    /// The statement from INTO up to its first row.
    const INTO: &'static str;

    fn bind<'b, DB>(&'b self, pass: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend,
        i16: ToSql<SmallInt, DB>,
        i64: ToSql<BigInt, DB>,
        str: ToSql<Text, DB>;
}

/// `row!(Name<'_> => table (first_column: Type = field, …))`: whose fields are which columns.
macro_rules! row {
    ($row:ty => $table:ident ($first:ident: $first_type:ident = $($first_path:ident).+
        $(, $column:ident: $type:ident = $($path:ident).+)* $(,)?)) => {
        impl $crate::store::insert::Row for $row {
            type Table = $crate::store::schema::$table::table;
            const INTO: &'static str = concat!(
                " INTO ", stringify!($table), " (", stringify!($first) $(, ", ", stringify!($column))*, ") VALUES "
            );

            fn bind<'b, DB>(&'b self, pass: &mut diesel::query_builder::AstPass<'_, 'b, DB>) -> diesel::QueryResult<()>
            where
                DB: diesel::backend::Backend,
                i16: diesel::serialize::ToSql<diesel::sql_types::SmallInt, DB>,
                i64: diesel::serialize::ToSql<diesel::sql_types::BigInt, DB>,
                str: diesel::serialize::ToSql<diesel::sql_types::Text, DB>,
            {
                $crate::store::insert::row!(@bind pass, $first_type, self.$($first_path).+);
                $(
                    pass.push_sql(", ");
                    $crate::store::insert::row!(@bind pass, $type, self.$($path).+);
                )*
                Ok(())
            }
        }
    };
    (@bind $pass:ident, Text, $value:expr) => {
        $pass.push_bind_param::<diesel::sql_types::Text, str>($value.as_ref())?
    };
    (@bind $pass:ident, $type:ident, $value:expr) => {
        $pass.push_bind_param::<diesel::sql_types::$type, _>(&$value)?
    };
}
pub(super) use row;

impl Session {
    /// Puts rows in. Should one fail, those before it stand: the whole piece of work is to be undone.
    pub(super) fn insert<R: Row>(&mut self, rows: &[R]) -> Result<(), StoreError> {
        let mut rest = rows;
        while !rest.is_empty() {
            rest = match rest.len() {
                1 => self.insert_some::<R, 1>(rest),
                2 => self.insert_some::<R, 2>(rest),
                3 => self.insert_some::<R, 3>(rest),
                4 => self.insert_some::<R, 4>(rest),
                5 => self.insert_some::<R, 5>(rest),
                6 => self.insert_some::<R, 6>(rest),
                7 => self.insert_some::<R, 7>(rest),
                ..16 => self.insert_some::<R, 8>(rest),
                16..32 => self.insert_some::<R, 16>(rest),
                _ => self.insert_some::<R, 32>(rest),
            }?;
        }
        Ok(())
    }

    /// Puts the first so many rows in; those that are left.
    fn insert_some<'r, R: Row, const COUNT: usize>(&mut self, rows: &'r [R]) -> Result<&'r [R], StoreError> {
        let (rows, rest) = rows.split_at(COUNT);
        // SQLite copies every page it touches when a statement may have to be undone alone.
        let verb = if self.needs_locks() { "INSERT" } else { "INSERT OR FAIL" };
        let table = PhantomData::<Counted<R::Table, COUNT>>;
        on_either!(self, c => Insert { verb, rows, table }.execute(c))?;
        Ok(rest)
    }
}

/// One statement: the table and the number of rows tell its text.
struct Insert<'a, R, T> {
    verb: &'static str,
    rows: &'a [R],
    table: PhantomData<T>,
}

struct Counted<T, const COUNT: usize>(PhantomData<T>);

impl<R, T: 'static> QueryId for Insert<'_, R, T> {
    type QueryId = T;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<R, T, DB> QueryFragment<DB> for Insert<'_, R, T>
where
    R: Row,
    DB: Backend,
    i16: ToSql<SmallInt, DB>,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql(self.verb);
        pass.push_sql(R::INTO);
        for (number, row) in self.rows.iter().enumerate() {
            pass.push_sql(if number == 0 { "(" } else { ", (" });
            row.bind(&mut pass)?;
            pass.push_sql(")");
        }
        Ok(())
    }
}

impl<R, T, C> RunQueryDsl<C> for Insert<'_, R, T> {}
