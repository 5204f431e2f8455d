//! Reading one fast kontakt by id, against a handler that answers the same bytes from memory.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::TURNS;
use crate::client::{Connection, Service, rate, write_request};

const TIME: Duration = Duration::from_millis(1500);

pub fn ratios() -> Vec<f64> {
    let service = Service::start();
    let body = include_str!("../../examples/fast-vardkontakt-lakare.json");
    let path = "/fhir/r5/CareTeam/anna-vardkontakt";
    let mut connection = Connection::open(service.address);
    let (status, stored) = connection.ask(&write_request("PUT", path, body));
    assert_eq!(status, 201);
    let floor = floor(stored.to_vec());
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes();
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
                            .content_type("application/fhir+json; fhirVersion=5.0")
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
