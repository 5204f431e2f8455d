//! The status table as docs/rest/status.md: `fastkontakt statuses` prints it; a test compares it with the committed page.

use std::fmt::Write;

use crate::door::situation::Situation;

/// What a request that is carried out is answered with.
const CARRIED_OUT: &[(u16, &str)] = &[
    (
        200,
        "Read, found, updated, patched; found instead of created (If-None-Exist); an operation that could run, whatever it found",
    ),
    (
        201,
        "Created: by POST, by PUT to a new or a deleted id; Location and ETag tell the version",
    ),
    (204, "Deleted, or was so already; OPTIONS"),
    (304, "The caller has this version (If-None-Match, If-Modified-Since)"),
];

/// The page, with a newline at the end.
pub fn page() -> String {
    let mut page = String::from(
        "# Statuses\n\n\
         Made from the code (`src/door/situation.rs`) by `fastkontakt statuses`; a test holds it against the code.\n\n\
         The same situation is answered with the same status everywhere: alone, in a transaction and, as `response.status`, in a batch;\n\
         in R5 and R4. Whatever is not carried out is told in an OperationOutcome.\n\n\
         | status | when |\n|---|---|\n",
    );
    for (status, when) in CARRIED_OUT {
        let _ = writeln!(page, "| {status} | {when} |");
    }
    page.push_str("\n| status | issue code | when | what the caller is told |\n|---|---|---|---|\n");
    for situation in Situation::ALL {
        let row = situation.row();
        let code = row.code.map_or("of each fault", |code| code.code());
        let told = if row.sv.is_empty() {
            "what is wrong".to_owned()
        } else {
            format!("{} <br> *{}*", row.sv, row.en).replace("{}", "…")
        };
        let _ = writeln!(page, "| {} | {code} | {} | {told} |", row.status, row.when);
    }
    page
}
