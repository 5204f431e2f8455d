//! Bare SQL, the floor of the searches: statements written by hand, prepared once on each connection, and the rows (ids and
//! bodies) that they give. Without HTTP ([`rate_without_http`]), on as many threads as there are processors; and served over
//! HTTP ([`Served`]) by a handler that does nothing else, as many workers as there are processors, to the same clients that
//! ask the service.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use diesel::backend::Backend;
use diesel::connection::{Connection as _, SimpleConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};

/// A value of a statement.
pub enum Bound {
    Text(String),
    Number(i64),
}

/// A connection of its own, set up as the service sets up those for reading.
pub struct Bare(SqliteConnection);

impl Bare {
    pub fn open(folder: &Path) -> Bare {
        let path = folder.join("bench.db");
        let mut connection =
            SqliteConnection::establish(path.to_str().expect("a path of text")).expect("the database opens");
        connection
            .batch_execute("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;")
            .expect("pragmas");
        Bare(connection)
    }

    pub fn rows(&mut self, sql: &'static str, values: Vec<Bound>) -> Vec<(String, String)> {
        Prepared { sql, values }.load(&mut self.0).expect("rows")
    }
}

/// A statement that diesel keeps by its text (`sql_query` is prepared anew each time).
struct Prepared {
    sql: &'static str,
    values: Vec<Bound>,
}

impl QueryId for Prepared {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared {
    type SqlType = (Text, Text);
}

impl<C> RunQueryDsl<C> for Prepared {}

impl<DB> QueryFragment<DB> for Prepared
where
    DB: Backend,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut values = self.values.iter();
        for (number, piece) in self.sql.split('?').enumerate() {
            match values.by_ref().take(usize::from(number > 0)).next() {
                Some(Bound::Text(text)) => pass.push_bind_param::<Text, _>(text.as_str())?,
                Some(Bound::Number(number)) => pass.push_bind_param::<BigInt, _>(number)?,
                None => {}
            }
            pass.push_sql(piece);
        }
        Ok(())
    }
}

/// Searches per second without HTTP; `values(thread, number)` are those of one search.
pub fn rate_without_http(
    folder: &Path,
    time: Duration,
    sql: &'static str,
    values: impl Fn(usize, usize) -> Vec<Bound> + Sync,
) -> f64 {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (values, barrier) = (&values, &Barrier::new(threads));
    let rates: Vec<f64> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut bare = Bare::open(folder);
                    barrier.wait();
                    let (started, mut done) = (Instant::now(), 0);
                    while started.elapsed() < time {
                        black_box(bare.rows(sql, values(thread, done)));
                        done += 1;
                    }
                    done as f64 / started.elapsed().as_secs_f64()
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a thread ends well"))
            .collect()
    });
    rates.iter().sum()
}

/// The statements over HTTP: `GET /[number of the statement]?t=[text]&n=[number]…`, the values in their order. The answer
/// is a searchset Bundle of the rows, put together as text.
pub struct Served {
    pub address: SocketAddr,
}

impl Served {
    pub fn start(folder: PathBuf, statements: Vec<&'static str>) -> Served {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    // Each worker has its own connection, and answers on its own thread.
                    let bare = Rc::new(RefCell::new(Bare::open(&folder)));
                    let statements = statements.clone();
                    App::new().default_service(web::to(move |request: HttpRequest| {
                        let sql = request.path()[1..].parse().map(|number: usize| statements[number]);
                        let rows = bare.borrow_mut().rows(sql.expect("a statement"), values(&request));
                        async move { answer(&rows) }
                    }))
                })
                .bind(("127.0.0.1", 0))
                .expect("port 0 is free");
                tell.send(server.addrs()[0]).expect("the bench waits");
                server.run().await.expect("the floor runs");
            });
        });
        Served {
            address: told.recv().expect("the floor starts"),
        }
    }

    pub fn request(number: usize, values: Vec<Bound>) -> Vec<u8> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for value in values {
            match value {
                Bound::Text(text) => query.append_pair("t", &text),
                Bound::Number(number) => query.append_pair("n", &number.to_string()),
            };
        }
        format!("GET /{number}?{} HTTP/1.1\r\nHost: bench\r\n\r\n", query.finish()).into_bytes()
    }
}

fn values(request: &HttpRequest) -> Vec<Bound> {
    form_urlencoded::parse(request.query_string().as_bytes())
        .map(|(name, value)| match name.as_ref() {
            "n" => Bound::Number(value.parse().expect("a number")),
            _ => Bound::Text(value.into_owned()),
        })
        .collect()
}

fn answer(rows: &[(String, String)]) -> HttpResponse {
    let bodies: usize = rows.iter().map(|(id, body)| id.len() + body.len() + 64).sum();
    let mut text = String::with_capacity(bodies + 64);
    text.push_str(r#"{"resourceType":"Bundle","type":"searchset","entry":["#);
    for (number, (id, body)) in rows.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"fullUrl":"http://bench/fhir/r5/{id}","resource":{body}}}"#
        )
        .expect("a text grows");
    }
    text.push_str("]}");
    HttpResponse::Ok()
        .content_type("application/fhir+json; fhirVersion=5.0; charset=utf-8")
        .body(text)
}
