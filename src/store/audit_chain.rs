//! The chain that makes the access log tamper-evident: each link is a hash over the link before and one row. Who changes,
//! takes away or puts in a row must make every later link anew; the last link's hash, which is told in the program's log and
//! can be kept elsewhere, shows that.

use aws_lc_rs::digest::{Context, SHA256};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::audit::AuditRow;
use super::connection::{Connection, on_either};
use super::error::StoreError;
use super::index::fnv1a;
use super::insert::row;
use super::schema::{audit, audit_anchor, audit_chain, audit_patient, audit_waiting, history, patient_key};
use super::session::Session;

/// Links that are made in one go: those of a batch, and what was written before there was a chain.
const MOST_LINKS: i64 = 2048;
/// Links that are looked at in one go.
const PAGE: i64 = 500;

/// How long a row is kept at the least; the triggers hold to the same.
fn least_kept() -> Span {
    5.years()
}

/// The end of the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the link: 1, 2, 3 …; 0: there is none yet.
    pub n: i64,
    /// The row that it holds.
    pub audit: i64,
    /// SHA-256 in hex; empty before the first.
    pub hash: String,
}

/// A link, as it is stored.
struct Link {
    n: i64,
    audit: i64,
    hash: String,
}

row!(Link => audit_chain (n: BigInt = n, audit: BigInt = audit, hash: Text = hash));

/// A chain that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub head: Head,
    /// Links that were held against their rows.
    pub links: i64,
    /// Rows that have just been written and are not in the chain yet (PostgreSQL; SQLite only before it begins).
    pub waiting: i64,
    /// Where the chain begins, when what lay before was cut off.
    pub anchor: Option<Head>,
}

/// The first place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// A link is not there.
    LinkGone { n: i64 },
    /// A row is not there.
    RowGone { n: i64, audit: i64 },
    /// The row or its link is not as it was written.
    Changed { n: i64, audit: i64 },
    /// The search by patient does not find the row by the patients that it names.
    Patients { n: i64, audit: i64 },
    /// Rows that no link holds.
    Unlinked { rows: i64 },
    /// The search by patient finds more than the rows name.
    MorePatients { rows: i64 },
    /// What lay before the chain's beginning cannot have been old when it was cut: versions that were written after `since`
    /// stand without the records of their writes, the first of them of this instant.
    CutTooYoung { since: Timestamp, written: Timestamp },
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Break::LinkGone { n } => write!(f, "link {n} is gone"),
            Break::RowGone { n, audit } => write!(f, "link {n}: row {audit} is gone"),
            Break::Changed { n, audit } => write!(f, "link {n}: row {audit} is not as it was written"),
            Break::Patients { n, audit } => {
                write!(f, "link {n}: row {audit} is not found under the patients that it names")
            }
            Break::Unlinked { rows } => write!(f, "{rows} rows stand outside the chain"),
            Break::MorePatients { rows } => write!(f, "{rows} rows are found under patients that they do not name"),
            Break::CutTooYoung { since, written } => write!(
                f,
                "what is kept for five years was cut: the records of all writes since {since} must be there, and that of {written} is gone"
            ),
        }
    }
}

/// The hash of a link.
fn link(before: &str, row: &AuditRow) -> String {
    let mut held = Context::new(&SHA256);
    held.update(before.as_bytes());
    held.update(b"\n");
    held.update(row.canonical().as_bytes());
    hex(held.finish().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

impl Session {
    /// The end of the chain.
    pub fn audit_head(&mut self) -> Result<Head, StoreError> {
        let last: Option<(i64, i64, String)> = on_either!(self, c => audit_chain::table
            .order(audit_chain::n.desc())
            .first(c)
            .optional())?;
        let last = match last {
            Some(last) => Some(last),
            None => self.audit_anchor()?.map(|anchor| (anchor.n, anchor.audit, anchor.hash)),
        };
        let (n, audit, hash) = last.unwrap_or_default();
        Ok(Head { n, audit, hash })
    }

    fn audit_anchor(&mut self) -> Result<Option<Head>, StoreError> {
        let last: Option<(i64, i64, String)> = on_either!(self, c => audit_anchor::table
            .order(audit_anchor::n.desc())
            .select((audit_anchor::n, audit_anchor::audit, audit_anchor::hash))
            .first(c)
            .optional())?;
        Ok(last.map(|(n, audit, hash)| Head { n, audit, hash }))
    }

    /// Makes links of the rows that are not in the chain yet, as many as fit in one go. `None` when there was nothing to do.
    /// Under PostgreSQL one at a time, held until the transaction ends; under SQLite a row has its link from the beginning.
    pub(super) fn link_audit(&mut self) -> Result<Option<Head>, StoreError> {
        if self.needs_locks() {
            if !self.is_any_unlinked()? {
                return Ok(None);
            }
            self.lock_one("audit_chain")?;
        }
        let head = self.audit_head()?;
        let rows = self.unlinked(&head)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let head = self.link(head, &rows)?;
        if let Connection::Postgres(connection) = &mut self.connection {
            let linked: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            diesel::delete(audit_waiting::table.filter(audit_waiting::audit.eq_any(linked))).execute(connection)?;
        }
        Ok(Some(head))
    }

    /// Makes these rows the next links of the chain, which ends at `head`; its new end.
    pub(super) fn link(&mut self, mut head: Head, rows: &[AuditRow]) -> Result<Head, StoreError> {
        let mut links: Vec<Link> = Vec::with_capacity(rows.len());
        for row in rows {
            head = Head {
                n: head.n + 1,
                audit: row.seq,
                hash: link(&head.hash, row),
            };
            links.push(Link {
                n: head.n,
                audit: head.audit,
                hash: head.hash.clone(),
            });
        }
        self.insert(&links)?;
        Ok(head)
    }

    /// The end of the chain, after what was written before there was one (SQLite).
    pub(super) fn chain_begun(&mut self) -> Result<Head, StoreError> {
        let head = self.audit_head()?;
        if head.n > 0 {
            return Ok(head);
        }
        while self.link_audit()?.is_some() {}
        self.audit_head()
    }

    fn is_any_linked(&mut self) -> Result<bool, StoreError> {
        Ok(on_either!(self, c => diesel::select(exists(audit_chain::table.select(audit_chain::n))).get_result(c))?)
    }

    /// Whether rows wait for their links (PostgreSQL).
    fn is_any_unlinked(&mut self) -> Result<bool, StoreError> {
        Ok(
            on_either!(self, c => diesel::select(exists(audit_waiting::table.select(audit_waiting::audit))).get_result(c))?,
        )
    }

    /// The first rows that are not in the chain, which ends at `head`.
    fn unlinked(&mut self, head: &Head) -> Result<Vec<AuditRow>, StoreError> {
        let rows = audit::table.order(audit::seq).limit(MOST_LINKS);
        Ok(match &mut self.connection {
            Connection::Sqlite(connection) => rows.filter(audit::seq.gt(head.audit)).load(connection)?,
            Connection::Postgres(connection) => {
                let waiting = audit_waiting::table
                    .order(audit_waiting::audit)
                    .select(audit_waiting::audit)
                    .limit(MOST_LINKS);
                rows.filter(audit::seq.eq_any(waiting)).load(connection)?
            }
        })
    }

    fn lock_one(&mut self, name: &str) -> Result<(), StoreError> {
        self.lock(vec![fnv1a(name)])
    }

    /// Walks the whole chain: every link held against its row, and every row found by the patients that it names. The
    /// inner error is the first place that does not hold.
    pub fn verify_audit(&mut self) -> Result<Result<Verified, Break>, StoreError> {
        self.snapshot(Session::walk_audit)
    }

    fn walk_audit(&mut self) -> Result<Result<Verified, Break>, StoreError> {
        let anchor = self.audit_anchor()?;
        let (mut n, mut hash) = anchor
            .as_ref()
            .map_or((0, String::new()), |anchor| (anchor.n, anchor.hash.clone()));
        let (mut links, mut named, mut last) = (0, 0, anchor.as_ref().map_or(0, |anchor| anchor.audit));
        loop {
            let page: Vec<(i64, i64, String)> = on_either!(self, c => audit_chain::table
                .filter(audit_chain::n.gt(n))
                .order(audit_chain::n)
                .limit(PAGE)
                .load(c))?;
            if page.is_empty() {
                break;
            }
            let seqs: Vec<i64> = page.iter().map(|(_, audit, _)| *audit).collect();
            let rows: Vec<AuditRow> = on_either!(self, c => audit::table.filter(audit::seq.eq_any(&seqs)).load(c))?;
            let mut rows: std::collections::HashMap<i64, AuditRow> =
                rows.into_iter().map(|row| (row.seq, row)).collect();
            for (number, audit, stored) in page {
                if number != n + 1 {
                    return Ok(Err(Break::LinkGone { n: n + 1 }));
                }
                let Some(row) = rows.remove(&audit) else {
                    return Ok(Err(Break::RowGone { n: number, audit }));
                };
                if link(&hash, &row) != stored {
                    return Ok(Err(Break::Changed { n: number, audit }));
                }
                let patients: Vec<&str> = row.patients().collect();
                if self.found_under(audit, &patients)? != patients.len() {
                    return Ok(Err(Break::Patients { n: number, audit }));
                }
                named += i64::try_from(patients.len()).unwrap_or(i64::MAX);
                (n, hash, last) = (number, stored, audit);
                links += 1;
            }
        }
        if let Some(broken) = self.cut_too_young()? {
            return Ok(Err(broken));
        }
        let head = Head { n, audit: last, hash };
        self.verify_nothing_beside(head, links, named, anchor)
    }

    /// Whether what was cut can have been as old as it must be: what was written in the five years before the cut, and before
    /// the first row that is kept, has the record of its write, which came with it in one transaction. What is cut tells nothing
    /// of itself any more, but the versions stand.
    fn cut_too_young(&mut self) -> Result<Option<Break>, StoreError> {
        let anchor: Option<(i64, i64)> = on_either!(self, c => audit_anchor::table
            .order(audit_anchor::n.desc())
            .select((audit_anchor::n, audit_anchor::at))
            .first(c)
            .optional())?;
        let now = Timestamp::now();
        let (n, cut) = match anchor {
            // An anchor that says it is of tomorrow is not believed.
            Some((n, cut)) => (n, Timestamp::from_microsecond(cut).map_or(now, |cut| cut.min(now))),
            None if self.is_any_linked()? => return Ok(None),
            // All of it is gone, or there was none.
            None => (0, now),
        };
        let five_years = cut.to_zoned(TimeZone::UTC).checked_sub(least_kept());
        // Where a day begins is another matter in Sweden, and a request is logged a moment after it has written.
        let Ok(since) = five_years.and_then(|day| day.checked_add(1.day())) else {
            return Ok(None);
        };
        let since = since.timestamp();
        let first_kept: Option<i64> = on_either!(self, c => audit_chain::table
            .inner_join(audit::table.on(audit::seq.eq(audit_chain::audit)))
            .filter(audit_chain::n.gt(n))
            .order(audit_chain::n)
            .select(audit::at)
            .first(c)
            .optional())?;
        let first_kept = first_kept.map_or(now, |at| Timestamp::from_microsecond(at).unwrap_or(now));
        // Rows stand in the order of their writing, which is not to the second that of their times.
        let around = first_kept + 1.hour();
        let recorded = audit::table
            .filter(audit::at.ge((since - 24.hours()).as_microsecond()))
            .filter(audit::at.le((around + 24.hours()).as_microsecond()))
            .select(audit::request_id);
        let written: Option<i64> = on_either!(self, c => history::table
            .filter(history::last_updated.ge(since.as_microsecond()))
            .filter(history::last_updated.le(around.as_microsecond()))
            .filter(history::request_id.ne_all(recorded))
            .order((history::last_updated, history::seq))
            .select(history::last_updated)
            .first(c)
            .optional())?;
        Ok(written.map(|at| Break::CutTooYoung {
            since,
            written: Timestamp::from_microsecond(at).unwrap_or(since),
        }))
    }

    /// No row stands outside the chain, none is found under a patient that it does not name.
    fn verify_nothing_beside(
        &mut self,
        head: Head,
        links: i64,
        named: i64,
        anchor: Option<Head>,
    ) -> Result<Result<Verified, Break>, StoreError> {
        let begin = anchor.as_ref().map_or(0, |anchor| anchor.n);
        let linked = audit_chain::table.filter(audit_chain::audit.eq(audit::seq));
        let rows: Vec<AuditRow> = on_either!(self, c => audit::table
            .filter(not(exists(linked)))
            .load(c))?;
        let waiting: Vec<i64> = match &mut self.connection {
            Connection::Postgres(connection) => audit_waiting::table.select(audit_waiting::audit).load(connection)?,
            // Rows from before there was a chain get their links when it begins.
            Connection::Sqlite(_) if head.n == 0 => rows.iter().map(|row| row.seq).collect(),
            Connection::Sqlite(_) => Vec::new(),
        };
        let unlinked = rows.iter().filter(|row| !waiting.contains(&row.seq)).count();
        if unlinked > 0 {
            let rows = i64::try_from(unlinked).unwrap_or(i64::MAX);
            return Ok(Err(Break::Unlinked { rows }));
        }
        let ours: i64 = on_either!(self, c => audit_patient::table
            .filter(not(exists(
                audit_chain::table
                    .filter(audit_chain::audit.eq(audit_patient::audit))
                    .filter(audit_chain::n.le(begin)),
            )))
            .count()
            .get_result(c))?;
        let of_waiting: usize = rows.iter().map(|row| row.patients().count()).sum();
        let more = ours - named - i64::try_from(of_waiting).unwrap_or(i64::MAX);
        if more != 0 {
            return Ok(Err(Break::MorePatients { rows: more }));
        }
        Ok(Ok(Verified {
            head,
            links,
            waiting: i64::try_from(rows.len()).unwrap_or(i64::MAX),
            anchor,
        }))
    }

    /// Under how many of these patients the row is found.
    fn found_under(&mut self, audit: i64, patients: &[&str]) -> Result<usize, StoreError> {
        if patients.is_empty() {
            return Ok(0);
        }
        let mut found = 0;
        for ids in patients.chunks(500) {
            let count: i64 = on_either!(self, c => patient_key::table
                .inner_join(audit_patient::table.on(audit_patient::patient.eq(patient_key::key)))
                .filter(patient_key::id.eq_any(ids))
                .filter(audit_patient::audit.eq(audit))
                .count()
                .get_result(c))?;
            found += usize::try_from(count).unwrap_or(0);
        }
        Ok(found)
    }

    /// Where the log may be cut so that all rows before `at` go and none else: the last link of those that only older ones
    /// precede. `None` when there is nothing to cut. The end of the chain always stays.
    fn cut_at(&mut self, at: Timestamp) -> Result<Option<Head>, StoreError> {
        let at = at.as_microsecond();
        let oldest_kept: Option<i64> = on_either!(self, c => audit_chain::table
            .inner_join(audit::table.on(audit::seq.eq(audit_chain::audit)))
            .filter(audit::at.ge(at))
            .select(diesel::dsl::min(audit_chain::n))
            .get_result(c))?;
        let end = self.audit_head()?.n;
        let n = oldest_kept.unwrap_or(end) - 1;
        let begin = self.audit_anchor()?.map_or(0, |anchor| anchor.n);
        if n <= begin {
            return Ok(None);
        }
        let (audit, hash): (i64, String) = on_either!(self, c => audit_chain::table
            .filter(audit_chain::n.eq(n))
            .select((audit_chain::audit, audit_chain::hash))
            .get_result(c))?;
        Ok(Some(Head { n, audit, hash }))
    }

    /// Keeps the link before which everything is older than `at`: from now on the chain begins there, and what lies before
    /// may be taken away ([`Session::take_cut`]).
    pub fn anchor_audit(&mut self, at: Timestamp, now: Timestamp) -> Result<Option<Head>, StoreError> {
        self.lock_one("audit_chain")?;
        let Some(anchor) = self.cut_at(at)? else {
            return Ok(None);
        };
        on_either!(self, c => diesel::insert_into(audit_anchor::table)
            .values((
                audit_anchor::n.eq(anchor.n),
                audit_anchor::audit.eq(anchor.audit),
                audit_anchor::hash.eq(&anchor.hash),
                audit_anchor::at.eq(now.as_microsecond()),
            ))
            .execute(c))?;
        Ok(Some(anchor))
    }

    /// Takes away some of what lies before the anchor; how many rows, 0 when nothing is left there.
    pub fn take_cut(&mut self) -> Result<usize, StoreError> {
        let Some(anchor) = self.audit_anchor()? else {
            return Ok(0);
        };
        let seqs: Vec<i64> = on_either!(self, c => audit_chain::table
            .filter(audit_chain::n.le(anchor.n))
            .order(audit_chain::n)
            .select(audit_chain::audit)
            .limit(PAGE)
            .load(c))?;
        let rows: Vec<AuditRow> = on_either!(self, c => audit::table.filter(audit::seq.eq_any(&seqs)).load(c))?;
        for row in &rows {
            for id in row.patients() {
                let Some(key) = self.patient_key(id)? else { continue };
                on_either!(self, c => diesel::delete(
                    audit_patient::table.filter(audit_patient::patient.eq(key)).filter(audit_patient::audit.eq(row.seq)),
                )
                .execute(c))?;
            }
        }
        on_either!(self, c => diesel::delete(audit::table.filter(audit::seq.eq_any(&seqs))).execute(c))?;
        on_either!(self, c => diesel::delete(audit_chain::table.filter(audit_chain::audit.eq_any(&seqs))).execute(c))?;
        Ok(seqs.len())
    }
}
