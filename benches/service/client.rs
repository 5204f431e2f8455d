//! A plain HTTP/1.1 client that costs as little as possible, and the service to ask.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
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
    server: ServerHandle,
}

impl Service {
    pub fn start() -> Service {
        Service::start_with(|_| {})
    }

    /// Whose reads leave no record in the access log, as no real service's do.
    pub fn start_without_log() -> Service {
        Service::start_as(false, |_| {})
    }

    /// With a database that is made ready before anybody is served.
    pub fn start_with(prepare: impl FnOnce(&Door)) -> Service {
        Service::start_as(true, prepare)
    }

    /// The same; whether reads leave a record in the access log is said.
    pub fn start_as(access_log: bool, prepare: impl FnOnce(&Door)) -> Service {
        let folder = std::env::temp_dir().join(format!("fastkontakt-bench-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).expect("a folder for the database");
        let settings = Settings {
            database: format!("sqlite://{}", folder.join("bench.db").display()),
            bind: ([127, 0, 0, 1], 0).into(),
            open: true,
            ..Settings::default()
        };
        let mut door = open_door(&settings, Clock::System).expect("the store opens");
        door.access_log = access_log;
        prepare(&door);
        let (tell, told) = mpsc::channel();
        let served = door.clone();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let application = Application::bind(&settings, served).await.expect("port 0 is free");
                let told = (application.address(), application.handle());
                tell.send(told).expect("the bench waits");
                application.run().await.expect("the server runs");
            });
        });
        let (address, server) = told.recv().expect("the server starts");
        Service {
            address,
            door,
            folder,
            server,
        }
    }

    /// Ends it, with what it does by itself beside its callers: the floor, and the next turn's service, are alone.
    pub fn stop(&self) {
        actix_web::rt::System::new().block_on(self.server.stop(false));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// One connection that is kept open.
pub struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP option");
        Connection {
            address,
            stream: BufReader::new(stream),
            line: String::new(),
            body: Vec::new(),
        }
    }

    /// Sends a whole request; returns status and body of the answer.
    pub fn ask(&mut self, request: &[u8]) -> (u16, &[u8]) {
        if !self.send(request) {
            // Closed while nothing was asked, as a server may (a floor was measured for longer than connections are
            // kept, or the machine stood still); a server that closes what is asked at once is found by the second time.
            *self = Connection::open(self.address);
            assert!(
                self.send(request),
                "the server closed the connection and answered nothing"
            );
        }
        let status = self.line.get(9..12).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {:?}", self.line));
        let (mut length, mut chunked) = (0, false);
        while !self.next_line().expect("a header").trim().is_empty() {
            if let Some(value) = self.line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            chunked |= self.line.starts_with("transfer-encoding:") && self.line.contains("chunked");
        }
        self.body.clear();
        while chunked {
            let size = self.next_line().expect("the size of a chunk").trim();
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            self.read_body(size);
            self.next_line().expect("the end of a chunk");
            chunked = size > 0;
        }
        self.read_body(length);
        (status, &self.body)
    }

    /// Sends a request and reads the first line of the answer; tells whether there is one.
    fn send(&mut self, request: &[u8]) -> bool {
        let sent = self.stream.get_mut().write_all(request);
        sent.is_ok() && self.next_line().is_ok_and(|line| !line.is_empty())
    }

    fn read_body(&mut self, size: usize) {
        let start = self.body.len();
        self.body.resize(start + size, 0);
        self.stream.read_exact(&mut self.body[start..]).expect("a body");
    }

    fn next_line(&mut self) -> std::io::Result<&str> {
        self.line.clear();
        self.stream.read_line(&mut self.line)?;
        self.line.make_ascii_lowercase();
        Ok(&self.line)
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
