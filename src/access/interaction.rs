//! What is done, by the names that FHIR gives it.

/// What is being done, as FHIR names it (restful-interaction), or which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    Create,
    Read,
    Vread,
    Update,
    Patch,
    Delete,
    HistoryInstance,
    HistoryType,
    HistorySystem,
    Search,
    /// Over all types, at `[base]`.
    SearchSystem,
    SearchCompartment,
    Transaction,
    /// A Bundle whose entries are interactions of their own.
    Batch,
    Capabilities,
    /// The operation `$validate`.
    Validate,
    /// The operation `$riktlinjekontroll` on a patient.
    Patientkontroll,
    /// The operation `$everything` on a patient.
    Everything,
    /// The operation `$riktlinjekontroll` on an organization: its work list.
    Arbetslista,
    /// The operation `$loggutdrag`: who has had access to a patient's record, for the patient.
    Loggutdrag,
}

impl Interaction {
    pub const ALL: &[Interaction] = &[
        Interaction::Create,
        Interaction::Read,
        Interaction::Vread,
        Interaction::Update,
        Interaction::Patch,
        Interaction::Delete,
        Interaction::HistoryInstance,
        Interaction::HistoryType,
        Interaction::HistorySystem,
        Interaction::Search,
        Interaction::SearchSystem,
        Interaction::SearchCompartment,
        Interaction::Transaction,
        Interaction::Batch,
        Interaction::Capabilities,
        Interaction::Validate,
        Interaction::Patientkontroll,
        Interaction::Everything,
        Interaction::Arbetslista,
        Interaction::Loggutdrag,
    ];

    /// The interaction of that code.
    pub fn of_code(code: &str) -> Option<Interaction> {
        Interaction::ALL
            .iter()
            .copied()
            .find(|interaction| interaction.code() == code)
    }

    /// The code of the value set restful-interaction, for an operation its own name; also the label in metrics, logs and
    /// the audit.
    pub fn code(self) -> &'static str {
        match self {
            Interaction::Create => "create",
            Interaction::Read => "read",
            Interaction::Vread => "vread",
            Interaction::Update => "update",
            Interaction::Patch => "patch",
            Interaction::Delete => "delete",
            Interaction::HistoryInstance => "history-instance",
            Interaction::HistoryType => "history-type",
            Interaction::HistorySystem => "history-system",
            Interaction::Search => "search-type",
            Interaction::SearchSystem => "search-system",
            Interaction::SearchCompartment => "search-compartment",
            Interaction::Transaction => "transaction",
            Interaction::Batch => "batch",
            Interaction::Capabilities => "capabilities",
            Interaction::Validate => "$validate",
            Interaction::Patientkontroll => "Patient/$riktlinjekontroll",
            Interaction::Everything => "Patient/$everything",
            Interaction::Arbetslista => "Organization/$riktlinjekontroll",
            Interaction::Loggutdrag => "Patient/$loggutdrag",
        }
    }
}
