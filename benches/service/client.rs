//! A plain HTTP/1.1 client that costs as little as possible, and the service to ask.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fastkontakt::clock::Clock;
use fastkontakt::config::Settings;
use fastkontakt::door::Door;
use fastkontakt::server::{Application, open_door};
use uuid::Uuid;

use crate::CLIENTS;

/// The service on a fresh SQLite database, with the settings it has by default.
pub struct Service {
    pub address: SocketAddr,
    pub door: Door,
    pub folder: PathBuf,
}

impl Service {
    pub fn start() -> Service {
        Service::start_with(|_| {})
    }

    /// With a database that is made ready before anybody is served.
    pub fn start_with(prepare: impl FnOnce(&Door)) -> Service {
        let folder = std::env::temp_dir().join(format!("fastkontakt-bench-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder for the database");
        let settings = Settings {
            database: format!("sqlite://{}", folder.join("bench.db").display()),
            bind: ([127, 0, 0, 1], 0).into(),
            open: true,
            ..Settings::default()
        };
        let door = open_door(&settings, Clock::System).expect("the store opens");
        prepare(&door);
        let (tell, told) = mpsc::channel();
        let served = door.clone();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let application = Application::bind(&settings, served).await.expect("port 0 is free");
                tell.send(application.address()).expect("the bench waits");
                application.run().await.expect("the server runs");
            });
        });
        Service {
            address: told.recv().expect("the server starts"),
            door,
            folder,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// One connection that is kept open.
pub struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        Connection {
            stream: BufReader::new(stream),
            line: String::new(),
            body: Vec::new(),
        }
    }

    /// Sends a whole request; returns status and body of the answer.
    pub fn ask(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.stream.get_mut().write_all(request).expect("the server reads");
        let status = self.next_line()[9..12].parse().expect("a status");
        let mut length = 0;
        while !self.next_line().trim().is_empty() {
            if let Some(value) = self.line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).expect("a body");
        (status, &self.body)
    }

    fn next_line(&mut self) -> &str {
        self.line.clear();
        self.stream.read_line(&mut self.line).expect("a line");
        self.line.make_ascii_lowercase();
        &self.line
    }
}

/// A POST or PUT of FHIR JSON.
pub fn write_request(method: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Lets all clients ask at once until `time` has passed; returns answers per second.
/// `request(client, number)` is the request; every answer must have `status`.
pub fn rate<'r>(
    address: SocketAddr,
    time: Duration,
    status: u16,
    request: impl Fn(usize, usize) -> &'r [u8] + Sync,
) -> f64 {
    let barrier = Barrier::new(CLIENTS);
    let (request, barrier) = (&request, &barrier);
    let counts: Vec<(usize, f64)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    let mut connection = Connection::open(address);
                    barrier.wait();
                    let started = Instant::now();
                    let mut answers = 0;
                    while started.elapsed() < time {
                        let (given, body) = connection.ask(request(client, answers));
                        assert_eq!(given, status, "{}", String::from_utf8_lossy(body));
                        answers += 1;
                    }
                    (answers, started.elapsed().as_secs_f64())
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().expect("a client ends well"))
            .collect()
    });
    counts.iter().map(|(answers, took)| *answers as f64 / took).sum()
}
