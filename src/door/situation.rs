//! The one status table: every situation in which a request is not carried out, what it is answered with, and when it
//! occurs. Each [`super::problem::Problem`] is in one of them; `api/outcome.rs` tells it, docs/rest/status.md shows the table.

use crate::fhir::fault::{IssueCode, Text};

/// What a situation is answered with.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub status: u16,
    /// The issue's code; `None`: each fault has its own.
    pub code: Option<IssueCode>,
    /// When it occurs, for those who read the table.
    pub when: &'static str,
    /// What the caller is told; `{}` is a value of the request's or the service's. Empty: each has a text of its own.
    pub sv: &'static str,
    pub en: &'static str,
}

impl Row {
    /// The text with its value.
    pub fn text(&self, value: &str) -> Text {
        Text::new(self.sv.replace("{}", value), self.en.replace("{}", value))
    }
}

/// Declares the table once; the page and the tests read all of it.
macro_rules! situations {
    ($($name:ident => $status:literal, $code:expr, $when:literal, $sv:literal, $en:literal;)+) => {
        /// A situation in which a request is not carried out.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Situation { $($name),+ }

        impl Situation {
            pub const ALL: &[Situation] = &[$(Situation::$name),+];

            /// The situation's row of the table.
            pub const fn row(self) -> Row {
                match self {
                    $(Situation::$name => Row { status: $status, code: $code, when: $when, sv: $sv, en: $en }),+
                }
            }
        }
    };
}

// In the order of the statuses (http.html#status-codes; design: status codes).
situations! {
    NotFhir => 400, None,
        "The body is not JSON, not FHIR of the address's version, or breaks an invariant: an issue per fault, with its path",
        "", "";
    BadRequest => 400, Some(IssueCode::Invalid),
        "A header, a parameter or the address itself cannot be understood",
        "", "";
    Unauthorized => 401, Some(IssueCode::Login),
        "No token, or one that cannot be accepted; WWW-Authenticate tells how to show who calls",
        "Det framgår inte vem som anropar: en giltig åtkomsttoken krävs.",
        "It is not known who calls: a valid access token is required.";
    Forbidden => 403, Some(IssueCode::Forbidden),
        "The caller may not do this",
        "Åtkomst nekas.",
        "Access is denied.";
    TooCostly => 403, Some(IssueCode::TooCostly),
        "A search took longer than the setting max_query_seconds, or the answers in a Bundle became too large, or a batch went on for 60 s: what is left is not carried out (http.html#search)",
        "Det som begärs tar för lång tid, eller svaret blir för stort. Begränsa det, till exempel till en patient, en enhet eller en tid, eller till färre poster.",
        "What is asked for takes too long, or its answer becomes too large. Narrow it, for example to a patient, a unit or a time, or to fewer entries.";
    UnknownAddress => 404, Some(IssueCode::NotSupported),
        "A type outside the closed set, a version other than r4 and r5, an address that is not ours",
        "Adressen eller resurstypen finns inte här; se [base]/metadata.",
        "There is no such address or resource type here; see [base]/metadata.";
    NotFound => 404, Some(IssueCode::NotFound),
        "No resource with that id, or no such version of it, was ever stored, or it is not for the caller to see",
        "Resursen finns inte.",
        "There is no such resource.";
    MethodNotAllowed => 405, Some(IssueCode::NotSupported),
        "The address does not have the method; the header Allow tells those it has",
        "Metoden stöds inte på den här adressen; tillåtet är {}.",
        "The method is not supported at this address; allowed is {}.";
    NotAcceptable => 406, Some(IssueCode::NotSupported),
        "Accept or _format asks for XML, for another format, or for another FHIR version than the address names; Accept-Encoding for neither gzip nor the text as it is",
        "Svar ges bara som application/fhir+json i adressens FHIR-version, som text eller med gzip.",
        "Answers are given only as application/fhir+json in the FHIR version of the address, as text or with gzip.";
    TooSlow => 408, Some(IssueCode::Timeout),
        "The body did not arrive in time",
        "Innehållet kom inte i tid.",
        "The body did not arrive in time.";
    Race => 409, Some(IssueCode::Conflict),
        "Another write came between, and no version was named",
        "En annan ändring hann före: läs resursen på nytt och försök igen.",
        "Another change came first: read the resource again and retry.";
    IdTaken => 409, Some(IssueCode::Conflict),
        "A conditional update that matches nothing would create a resource under an id that is taken",
        "Ingen resurs uppfyller sökvillkoren, och resursens id hör till en annan som redan finns.",
        "No resource meets the criteria, and the resource's id belongs to another one that exists already.";
    OthersWithin => 409, Some(IssueCode::Conflict),
        "Others lie within (partOf) the Organization that is deleted, or would come to lie with another vårdgivare or with none by what is written",
        "Andra enheter ligger under enheten (partOf) och skulle hamna hos en annan vårdgivare, eller hos ingen. Flytta dem först, eller skriv dem i samma transaktion.",
        "Other units lie within the unit (partOf) and would come to lie with another vårdgivare, or with none. Move them first, or write them in the same transaction.";
    Deleted => 410, Some(IssueCode::Deleted),
        "The resource, or that version of it, is deleted; ETag is the version of the delete",
        "Resursen är borttagen (version {}); tidigare versioner finns under _history.",
        "The resource is deleted (version {}); earlier versions are under _history.";
    PreconditionFailed => 412, Some(IssueCode::Conflict),
        "If-Match names another version than the current one, If-None-Match: * met a resource, or a conditional reference means nobody",
        "", "";
    NotSelective => 412, Some(IssueCode::MultipleMatches),
        "The criteria of a conditional interaction match several resources",
        "Sökvillkoren träffar mer än en resurs: ange villkor som bara en uppfyller.",
        "The criteria match more than one resource: give criteria that only one meets.";
    BodyTooLarge => 413, Some(IssueCode::TooLong),
        "The body is larger than the setting max_body_bytes",
        "Innehållet är större än tillåtna {} byte.",
        "The body is larger than the permitted {} bytes.";
    UnsupportedMediaType => 415, Some(IssueCode::NotSupported),
        "The body is sent as something else than the interaction reads, in another FHIR version, in another charset than UTF-8, or compressed",
        "Innehållet ska sändas med {}, i adressens FHIR-version och UTF-8.",
        "The body must be sent with {}, in the FHIR version of the address and in UTF-8.";
    Refused => 422, Some(IssueCode::BusinessRule),
        "The riktlinje refuses the write: an issue per finding, its rule in details.coding, its source in diagnostics",
        "", "";
    NotUnderstood => 422, None,
        "The resource, or the Bundle or Parameters that say what is to be done, hold a modifierExtension or implicitRules: none are known here, and they may turn the meaning round (extensibility.html#modifierExtension)",
        "", "";
    PatchFailed => 422, Some(IssueCode::Processing),
        "A patch does not fit the resource: its path is not there, or its test fails",
        "", "";
    IfMatchRequired => 428, Some(IssueCode::Required),
        "The setting require_if_match demands If-Match, and there is none",
        "Tjänsten kräver If-Match med versionen som ändras, till exempel W/\"3\": läs resursen och ange dess ETag.",
        "The service demands If-Match with the version that is changed, for example W/\"3\": read the resource and name its ETag.";
    TooMany => 429, Some(IssueCode::Throttled),
        "The caller sends more requests than the setting requests_per_second; Retry-After tells when to try again",
        "För många anrop. Försök igen om {} s.",
        "Too many requests. Try again in {} s.";
    Internal => 500, Some(IssueCode::Exception),
        "A fault of ours; the answer holds the request's id and nothing of the fault",
        "Ett internt fel inträffade. Uppge begärans id vid felanmälan.",
        "An internal fault occurred. Name the request id when you report it.";
    NotLogged => 503, Some(IssueCode::Transient),
        "The access log cannot be written, so nothing is disclosed; Retry-After",
        "Åtkomsten kan inte loggas just nu, och utan det lämnas inget ut. Försök igen.",
        "The access cannot be logged just now, and without that nothing is disclosed. Try again.";
    Busy => 503, Some(IssueCode::Transient),
        "The database is busy or out of reach; Retry-After tells when to try again",
        "Tjänsten är upptagen just nu; försök igen om en stund.",
        "The service is busy at the moment; try again shortly.";
}
