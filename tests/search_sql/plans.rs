//! That no search of national practice walks a table (issue 4; trap 11): each begins at the index on what is asked for,
//! on both databases, and touches no more pages than its answer needs.

use diesel::connection::{Connection as _, SimpleConnection};
use fastkontakt::fhir::search::query::SearchQuery;
use fastkontakt::fhir::search::{Handling, ParseContext, parse};
use fastkontakt::fhir::types::ResourceType::{
    self, CarePlan, CareTeam, Communication, Organization, Patient, PractitionerRole,
};
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::{HistoryQuery, Scope, Store, is_brief};

use super::people::{person, personnummer, plan, staff_and_units, write};
use super::{Database, NOW, OWN, open, postgres, sqlite};

/// The index where a look-up begins, as both databases name it.
#[derive(Clone, Copy)]
enum Begins {
    Token,
    Reference,
    Id,
    Updated,
}

use Begins::{Id, Reference, Token, Updated};

/// What portals, journal systems and exchanges ask, again and again; `{personnummer}` is that of patient p7.
#[rustfmt::skip]
const EVERYDAY: &[(ResourceType, &str, Begins)] = &[
    (CareTeam, "patient=Patient/p7&status=active", Reference),
    (CareTeam, "patient=p7", Reference),
    (CareTeam, "patient=p7&_total=accurate", Reference),
    (CareTeam, "patient=Patient/p7&date=le2026-03-10&date=ge2026-03-10", Reference),
    (CareTeam, "patient=Patient/p7&status=active&category=fast-kontakt&date=le2026-03-10&date=ge2026-03-10", Reference),
    (CareTeam, "patient=Patient/p7&_sort=-date", Reference),
    (CareTeam, "patient:identifier=http://electronichealth.se/identifier/personnummer|{personnummer}&status=active", Token),
    (CareTeam, "patient:identifier=urn:oid:1.2.752.129.2.1.3.1|{personnummer}&date=ge2026-03-10", Token),
    (CareTeam, "participant=PractitionerRole/s7-1", Reference),
    (CareTeam, "participant=PractitionerRole/s7-1&status=active", Reference),
    (CareTeam, "participant:identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1", Token),
    (CareTeam, "participant:identifier=urn:oid:1.2.752.29.4.19|SE2321000164-S7M1&status=active", Token),
    (CareTeam, "patient.identifier=http://electronichealth.se/identifier/personnummer|{personnummer}&status=active", Token),
    (CareTeam, "participant.identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1", Token),
    (CareTeam, "participant:PractitionerRole.identifier=urn:oid:1.2.752.29.4.19|SE2321000164-S7M1&status=active", Token),
    (CareTeam, "care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7&role=1", Token),
    (Patient, "_has:CareTeam:patient:participant=PractitionerRole/s7-1", Reference),
    (CareTeam, "_id=p7-s", Id),
    (CareTeam, "_id=p7-s,p8-s,p9-s,p10-s&status=active", Id),
    (CareTeam, "_lastUpdated=gt2026-03-10&_sort=_lastUpdated", Updated),
    (CareTeam, "_lastUpdated=gt2026-03-10&_sort=-_lastUpdated&status=active", Updated),
    (CareTeam, "_lastUpdated=gt2099-03-10", Updated),
    (CareTeam, "_lastUpdated=ge2099-03-10&_lastUpdated=lt2099-03-11&status=active", Updated),
    (CarePlan, "patient=Patient/p7&category=VP", Reference),
    (CarePlan, "patient=Patient/p7&category=https://fhir.inera.se/CodeSystem/typeofcareplan-cs|VP&status=active", Reference),
    (CarePlan, "care-team=CareTeam/p7-s", Reference),
    (CarePlan, "patient:identifier=http://electronichealth.se/identifier/personnummer|{personnummer}", Token),
    (Patient, "identifier=http://electronichealth.se/identifier/personnummer|{personnummer}", Token),
    (PractitionerRole, "identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1", Token),
    (Organization, "identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7", Token),
];

/// Searches that many resources answer to: a page must not cost more rows than it shows.
const WIDE: &[(ResourceType, &str)] = &[
    (CareTeam, "status=active"),
    (
        CareTeam,
        "category=https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs|fast-kontakt&date=ge2020-03-10",
    ),
    (CareTeam, "status:not=entered-in-error"),
    (CareTeam, ""),
    (CarePlan, "status=active&date=ge2020-01-01"),
];

fn parsed(kind: ResourceType, search: &str) -> SearchQuery {
    let search = search.replace("{personnummer}", &personnummer(7));
    let pairs: Vec<(String, String)> = form_urlencoded::parse(search.as_bytes()).into_owned().collect();
    let own_bases = [OWN.to_owned()];
    let context = ParseContext {
        version: FhirVersion::R5,
        kind,
        own_bases: &own_bases,
        now: NOW,
        handling: Handling::Strict,
        default_count: 50,
        max_count: 1000,
    };
    parse(&pairs, &context)
        .unwrap_or_else(|error| panic!("{search}: {error:?}"))
        .query
}

/// In one statement, and with what is looked up ahead.
fn explained(store: &Store, kind: ResourceType, search: &str) -> [Vec<String>; 2] {
    let query = parsed(kind, search);
    [false, true].map(|ahead| {
        let plan = store.read_blocking(|session| session.explain_search(&query, ahead));
        plan.expect("a plan")
    })
}

#[test]
fn sqlite_walks_no_table_for_the_everyday_searches() {
    let database = sqlite();
    let some = (0..10).flat_map(person).chain((0..10).map(plan));
    write(&database.store, staff_and_units().into_iter().chain(some).collect());
    let all = EVERYDAY.iter().flat_map(|(kind, search, begins)| {
        let plans = explained(&database.store, *kind, search);
        plans.map(|plan| (*kind, *search, *begins, plan))
    });
    for (kind, search, begins, plan) in all {
        // The page itself (p), its arms (a) and the numbers that are added up (c) are all that is walked.
        let walks =
            |step: &&String| step.starts_with("SCAN ") && !["SCAN p", "SCAN a", "SCAN c"].contains(&step.as_str());
        assert_eq!(plan.iter().find(walks), None, "{kind}?{search}: {plan:#?}");
        let beginning = match begins {
            Token => "index_token_value (kind=? AND param=? AND value=? AND system=?",
            Reference => "index_reference_target (kind=? AND param=? AND target_id=?",
            Id => "(kind=? AND id=?)",
            Updated => "resource_updated (kind=? AND last_updated>?",
        };
        let begins_well = plan.iter().any(|step| step.contains(beginning));
        assert!(begins_well, "{kind}?{search}: {plan:#?}");
    }
}

#[test]
fn sqlite_sorts_nothing_when_many_are_found() {
    let database = sqlite();
    for (kind, search) in WIDE {
        for plan in explained(&database.store, *kind, search) {
            assert!(
                !plan.iter().any(|step| step.contains("TEMP B-TREE")),
                "{kind}?{search}: {plan:#?}"
            );
        }
    }
}

#[test]
fn what_is_answered_on_the_thread_that_asks_looks_at_few_rows() {
    let brief = [
        (CareTeam, "patient=Patient/p7&status=active"),
        (
            CareTeam,
            "patient=Patient/p7&date=le2026-03-10&date=ge2026-03-10&_sort=-date",
        ),
        (
            CareTeam,
            "patient:identifier=http://electronichealth.se/identifier/personnummer|{personnummer}",
        ),
        (CareTeam, "_id=p7-s"),
        (CarePlan, "patient=Patient/p7&category=VP&_total=accurate"),
        (
            Patient,
            "identifier=http://electronichealth.se/identifier/personnummer|{personnummer}",
        ),
        (
            CareTeam,
            "patient.identifier=http://electronichealth.se/identifier/personnummer|{personnummer}&status=active",
        ),
        (
            CareTeam,
            "patient=Patient/p7&participant.identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1",
        ),
        (CarePlan, "patient=Patient/p7&_include=CarePlan:care-team"),
        // Many, and no more than the page is looked at.
        (CareTeam, "participant=PractitionerRole/s7-1"),
        (
            CareTeam,
            "participant:identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1",
        ),
        (
            CareTeam,
            "participant.identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1",
        ),
        (CareTeam, "subject=Group/g"),
        (CareTeam, "status=active"),
        (Communication, "patient=Patient/p7"),
        (CareTeam, "_lastUpdated=gt2026-03-10&_sort=_lastUpdated"),
        (CareTeam, "care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7"),
        (CareTeam, "care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7&role=1"),
    ];
    for (kind, search) in brief {
        assert!(is_brief(&parsed(kind, search)), "{kind}?{search}");
    }
    let long = [
        (CareTeam, ""),
        (CareTeam, "patient=Patient/p7&_count=51"),
        // One who may have many contacts, whatever else is asked of each, or how many there are in all.
        (CareTeam, "participant=PractitionerRole/s7-1&status=active"),
        (CareTeam, "participant=PractitionerRole/s7-1&_total=accurate"),
        (CareTeam, "participant=PractitionerRole/s7-1&_sort=date"),
        (CareTeam, "status=active&category=fast-kontakt"),
        (
            CareTeam,
            "participant.identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1&status=active",
        ),
        (
            CareTeam,
            "participant:identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1&patient=Patient/p7",
        ),
        (CareTeam, "participant:PractitionerRole.role=x"),
        // Other systems may have the same number; the unit's own contacts are looked at one by one.
        (CareTeam, "care-unit=SE2321000164-V7&role=1"),
        (
            CareTeam,
            "care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7&role=1&status=active",
        ),
        (CareTeam, "care-giver=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-1000"),
        (
            CareTeam,
            "participant.identifier=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-S7M1&_sort=date",
        ),
        (CareTeam, "category=fast-kontakt"),
        (CarePlan, "patient=Patient/p7&_include=CarePlan:*"),
        (CarePlan, "patient=Patient/p7&_include:iterate=CarePlan:care-team"),
        (CarePlan, "patient=Patient/p7&_revinclude=Task:based-on"),
        (Communication, "patient=Patient/p7&_include=Communication:sender"),
        (Communication, "patient=Patient/p7&status=completed"),
        (Patient, "_lastUpdated=gt2026-03-10"),
        (Patient, "_lastUpdated=ne2026-03-10&_sort=_lastUpdated"),
    ];
    for (kind, search) in long {
        assert!(!is_brief(&parsed(kind, search)), "{kind}?{search}");
    }
}

/// Patients that are written; and how many times more of them there are, so that PostgreSQL's planner has something to
/// choose between.
const PATIENTS: usize = 200;
const COPIES: usize = 24;

#[test]
fn postgres_walks_no_table_for_the_everyday_searches() {
    let Some(url) = postgres::fresh_database() else { return };
    let database = Database {
        store: open(&url),
        folder: None,
    };
    populate(&database.store, &url);
    let everyday = EVERYDAY.iter().map(|(kind, search, _)| (*kind, *search));
    for (kind, search) in everyday.chain(WIDE.iter().copied()) {
        for plan in explained(&database.store, kind, search) {
            assert_walks_nothing(&plan, &format!("{kind}?{search}"));
        }
    }
    let scopes = [
        Scope::Instance(CareTeam, "p7-s".to_owned()),
        Scope::Type(CareTeam),
        Scope::System,
    ];
    for (scope, oldest_first) in scopes
        .into_iter()
        .flat_map(|scope| [(scope.clone(), false), (scope, true)])
    {
        let query = HistoryQuery {
            scope,
            since: Some(NOW - 86_400_000_000),
            at: None,
            oldest_first,
            after: None,
            limit: 50,
        };
        let plan = database.store.read_blocking(|session| session.explain_history(&query));
        assert_walks_nothing(&plan.expect("a plan"), &format!("{query:?}"));
    }
}

/// A page of fifty costs some pages of the indexes for each of its rows; a walk of what all contacts share costs tens of
/// thousands. A unit's contacts are all looked at, some 300 here.
fn most_pages(search: &str) -> u64 {
    if search.contains("care-unit") { 3_000 } else { 1_000 }
}

fn assert_walks_nothing(plan: &[String], search: &str) {
    let walks = plan.iter().find(|step| step.contains("Seq Scan"));
    assert_eq!(walks, None, "{search}: {plan:#?}");
    let pages: Vec<u64> = plan
        .iter()
        .filter_map(|step| Some(touched(step.trim_start().strip_prefix("Buffers: ")?)))
        .collect();
    assert!(pages.len() >= 2, "no figures: {plan:#?}");
    let most = most_pages(search);
    assert!(pages.iter().all(|pages| *pages <= most), "{search}: {plan:#?}");
}

/// `shared hit=12 read=3`: the pages that were looked at.
fn touched(figures: &str) -> u64 {
    figures
        .split([' ', ','])
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| matches!(*name, "hit" | "read"))
        .map(|(_, pages)| pages.parse::<u64>().expect("a number"))
        .sum()
}

/// Some people through the store, and many more by copying their rows.
fn populate(store: &Store, url: &str) {
    write(store, staff_and_units());
    write(
        store,
        (0..PATIENTS).flat_map(person).chain((0..PATIENTS).map(plan)).collect(),
    );
    let mut connection = diesel::PgConnection::establish(url).expect("a connection");
    // A copy's keys lie beyond all others, and it names itself, its patient and its own contacts by its number.
    let copies = format!("FROM generate_series(1, {COPIES}) AS copy (n), ");
    let of_patients = "WHERE r.patient <> 0 OR r.kind = (SELECT kind FROM resource WHERE id = 'p7')";
    for statement in [
        format!(
            "INSERT INTO patient_key (key, id) SELECT key + n * 1000000, id || 'x' || n {copies} patient_key WHERE key > 0"
        ),
        format!(
            "INSERT INTO resource SELECT r.key + n * 1000000, r.kind, r.id || 'x' || n, sign(r.patient) * (r.patient + n * 1000000), \
             r.current + n * 1000000, r.version, r.last_updated + n, r.deleted {copies} resource r {of_patients}"
        ),
        format!(
            "INSERT INTO history (seq, patient, resource, version, last_updated, deleted, caller, interaction, request_id, body, kind) \
             SELECT r.seq + n * 1000000, sign(r.patient) * (r.patient + n * 1000000), r.resource + n * 1000000, r.version, \
             r.last_updated + n, r.deleted, r.caller, r.interaction, r.request_id, r.body, r.kind {copies} history r {of_patients}"
        ),
        format!(
            "INSERT INTO index_token (patient, resource, kind, param, system, value) \
             SELECT sign(r.patient) * (r.patient + n * 1000000), r.resource + n * 1000000, r.kind, r.param, r.system, \
             CASE WHEN r.value LIKE '19%' THEN r.value || 'x' || n ELSE r.value END {copies} index_token r {of_patients}"
        ),
        format!(
            "INSERT INTO index_reference (patient, resource, kind, param, target_kind, target_id, target_url) \
             SELECT sign(r.patient) * (r.patient + n * 1000000), r.resource + n * 1000000, r.kind, r.param, r.target_kind, \
             CASE WHEN r.target_kind IN ('Patient', 'CareTeam') THEN r.target_id || 'x' || n ELSE r.target_id END, r.target_url \
             {copies} index_reference r {of_patients}"
        ),
        format!(
            "INSERT INTO index_date (patient, resource, kind, param, low, high) SELECT sign(r.patient) * (r.patient + n * 1000000), \
             r.resource + n * 1000000, r.kind, r.param, r.low, r.high {copies} index_date r {of_patients}"
        ),
        "VACUUM ANALYZE".to_owned(),
    ] {
        connection
            .batch_execute(&statement)
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[test]
fn a_unit_with_a_role_is_one_walk_of_an_index() {
    let database = sqlite();
    let some = (0..10).flat_map(person).chain((0..10).map(plan));
    write(&database.store, staff_and_units().into_iter().chain(some).collect());
    let [_, ahead] = explained(
        &database.store,
        CareTeam,
        "care-unit=urn:oid:1.2.752.129.2.1.4.1|SE2321000164-V7&role=1",
    );
    // The last list is that of the page's keys.
    let list = ahead.iter().rposition(|step| step.starts_with("LIST SUBQUERY"));
    let steps = ahead.iter().skip(list.expect("a list"));
    let looks: Vec<&String> = steps.filter(|step| step.starts_with("SEARCH ")).collect();
    let within = "SEARCH o USING COVERING INDEX index_token_value (kind=? AND param=? AND value=? AND system=?)";
    // In the arms nothing but the index is looked at; the bodies come after.
    let (last, arms) = looks.split_last().expect("steps");
    assert!(last.starts_with("SEARCH h "), "{ahead:#?}");
    assert!(arms.len() > 1 && arms.iter().all(|step| *step == within), "{ahead:#?}");
}
