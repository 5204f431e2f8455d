//! Reading one fast kontakt by id, against a handler that answers the same bytes from memory; and the same read with its
//! record in the access log, against the read without.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::TURNS;
use crate::client::{Connection, Service, rate, write_request};

const TIME: Duration = Duration::from_millis(1500);

const PATH: &str = "/fhir/r5/CareTeam/anna-vardkontakt";

/// Stores the contact; the bytes that are read back.
fn store(service: &Service) -> Vec<u8> {
    let body = include_str!("../../examples/fast-vardkontakt-lakare.json");
    let mut connection = Connection::open(service.address);
    let (status, stored) = connection.ask(&write_request("PUT", PATH, body));
    assert_eq!(status, 201);
    stored.to_vec()
}

fn request() -> Vec<u8> {
    format!("GET {PATH} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// With the record in the log, against without.
pub fn log_ratios() -> Vec<f64> {
    let (logged, unlogged) = (Service::start(), Service::start_without_log());
    store(&logged);
    store(&unlogged);
    let request = request();
    (0..TURNS)
        .map(|_| {
            let with = rate(logged.address, TIME, 200, |_, _| request.as_slice());
            let without = rate(unlogged.address, TIME, 200, |_, _| request.as_slice());
            with / without
        })
        .collect()
}

pub fn ratios() -> Vec<f64> {
    let service = Service::start_without_log();
    let floor = floor(store(&service));
    let request = request();
    (0..TURNS)
        .map(|_| {
            let ours = rate(service.address, TIME, 200, |_, _| request.as_slice());
            let from_memory = rate(floor, TIME, 200, |_, _| request.as_slice());
            ours / from_memory
        })
        .collect()
}

/// The handler that has the answer in memory, with the same headers.
fn floor(body: Vec<u8>) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let body = web::Bytes::from(body);
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let body = body.clone();
                App::new().default_service(web::to(move || {
                    let body = body.clone();
                    async move {
                        HttpResponse::Ok()
                            .content_type("application/fhir+json; fhirVersion=5.0; charset=utf-8")
                            .insert_header(("ETag", "W/\"1\""))
                            .insert_header(("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT"))
                            .insert_header(("X-Request-Id", "0198c2a0-7b3c-7c1e-9d2f-0123456789ab"))
                            .body(body)
                    }
                }))
            })
            .bind(("127.0.0.1", 0))
            .expect("port 0 is free");
            tell.send(server.addrs()[0]).expect("the bench waits");
            server.run().await.expect("the floor runs");
        });
    });
    told.recv().expect("the floor starts")
}
