//! `cargo bench`: the service against its own floor, both measured in the same run, in turns.
//!
//! * read by id: an actix handler that answers the same bytes from memory is the floor; with the access log, the read
//!   without it is;
//! * create of a fast kontakt with its rules, and a transaction of one with the överenskommelse, 32 clients: bare diesel on
//!   one thread that inserts the same rows in the batch sizes the writer formed, at the same durability, is the floor;
//! * the searches of national practice, and a page of a work list, among 100 000 patients with 300 000 contacts, only when
//!   they are asked for (`cargo bench -- search`, `-- arbetslista`; FASTKONTAKT_BENCH_PATIENTS for fewer): bare SQL that
//!   reads the same rows is the floor. Of a search, two ratios are told: against that SQL served over HTTP by a handler that
//!   does nothing else, which the aim is for, and against the SQL without HTTP (`-- search care-unit`: only the searches with
//!   that in their name);
//! * the steps before the transaction are told as multiples of merely parsing the text;
//! * finding out who calls and deciding is told in microseconds, because its aim is one (`cargo bench -- tokens`).
//!
//! Machines are noisy: only the ratios are of worth, and of those the median.

mod arbetslista;
mod bare;
mod client;
mod create;
mod parts;
mod people;
mod read;
mod search;
mod tokens;
mod transaction;
mod writes;

use create::CREATE;
use transaction::TRANSACTION;

/// Turns of each measurement; the median of the ratios is told.
const TURNS: usize = 7;
/// Clients that ask at the same time.
const CLIENTS: usize = 32;

fn main() {
    // `cargo bench -- read` measures only what has that in its name.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    // Minutes go to making the people of these two.
    let is_named = |name: &str| !wanted.is_empty() && is_wanted(name);
    if is_named("arbetslista") {
        arbetslista::tell();
    }
    if is_named("search") {
        search::ratios(&wanted, tell);
    }
    if is_wanted("parts") {
        parts::tell();
    }
    if is_wanted("tokens") {
        tokens::tell();
    }
    if is_wanted("read") {
        tell("read by id", Some(0.5), read::ratios());
        tell("read by id with the access log", Some(0.5), read::log_ratios());
    }
    if is_wanted("create") {
        tell("create of a fast kontakt with its rules", Some(0.4), CREATE.ratios());
    }
    if is_wanted("transaction") {
        tell(
            "transaction of a fast kontakt and its överenskommelse",
            Some(0.4),
            TRANSACTION.ratios(),
        );
    }
}

fn tell(what: &str, aim: Option<f64>, mut ratios: Vec<f64>) {
    ratios.sort_by(f64::total_cmp);
    let (least, median, most) = (ratios[0], ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let aim = aim.map_or_else(String::new, |aim| format!("; aim {aim}"));
    println!(
        "{what}: {median:.2} of the floor (min {least:.2}, max {most:.2}, {} turns{aim})",
        ratios.len()
    );
}
