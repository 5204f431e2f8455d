//! The program itself, serving as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

/// A running `fastkontakt serve`, its address, and a reader of its log.
pub struct Serving {
    process: Child,
    log: BufReader<ChildStderr>,
    pub base: String,
}

impl Serving {
    /// On the database `serve.db` of the folder, with more arguments.
    pub fn start(folder: &Path, arguments: &[&str]) -> Serving {
        let database = format!("sqlite://{}", folder.join("serve.db").display());
        let mut process = Command::new(env!("CARGO_BIN_EXE_fastkontakt"))
            .args(["serve", "--open", "--bind", "127.0.0.1:0", "--database", &database])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = BufReader::new(process.stderr.take().expect("standard error"));
        let mut serving = Serving {
            process,
            log,
            base: String::new(),
        };
        while serving.base.is_empty() {
            let mut line = String::new();
            assert!(
                serving.log.read_line(&mut line).expect("a log line") > 0,
                "the server stopped before it served"
            );
            let told: Value = serde_json::from_str(&line).expect("a log line is JSON");
            if told["message"] == "serving" {
                serving.base = format!("http://{}", told["address"].as_str().expect("an address"));
            }
        }
        serving
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGTERM; the exit code and the rest of the log.
    pub fn stop(mut self) -> (Option<i32>, String) {
        let told = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(told.success());
        let status = self.process.wait().expect("the server ends");
        let mut log = String::new();
        self.log.read_to_string(&mut log).expect("the log is text");
        (status.code(), log)
    }
}

impl Drop for Serving {
    /// A test that failed leaves no server behind.
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended = self.process.wait();
    }
}
