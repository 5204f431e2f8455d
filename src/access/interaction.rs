//! What is done, by the names that FHIR gives it.

/// Declares the interactions once, each with its code.
macro_rules! interactions {
    ($($(#[$about:meta])* $name:ident => $code:literal),+ $(,)?) => {
        /// What is being done, as FHIR names it (restful-interaction), or which operation. What each needs stands in
        /// [`super::tabell`]; one that is missing there is denied.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Interaction { $($(#[$about])* $name),+ }

        impl Interaction {
            pub const ALL: &[Interaction] = &[$(Interaction::$name),+];

            /// The interaction of that code.
            pub fn of_code(code: &str) -> Option<Interaction> {
                Interaction::ALL
                    .iter()
                    .copied()
                    .find(|interaction| interaction.code() == code)
            }

            /// The code of the value set restful-interaction, for an operation its own name; also the label in metrics,
            /// logs and the audit.
            pub fn code(self) -> &'static str {
                match self { $(Interaction::$name => $code),+ }
            }
        }
    };
}

interactions!(
    Create => "create",
    Read => "read",
    Vread => "vread",
    Update => "update",
    Patch => "patch",
    Delete => "delete",
    HistoryInstance => "history-instance",
    HistoryType => "history-type",
    HistorySystem => "history-system",
    Search => "search-type",
    /// Over all types, at `[base]`.
    SearchSystem => "search-system",
    SearchCompartment => "search-compartment",
    Transaction => "transaction",
    /// A Bundle whose entries are interactions of their own.
    Batch => "batch",
    Capabilities => "capabilities",
    /// The operation `$validate`.
    Validate => "$validate",
    /// The operation `$riktlinjekontroll` on a patient.
    Patientkontroll => "Patient/$riktlinjekontroll",
    /// The operation `$everything` on a patient.
    Everything => "Patient/$everything",
    /// The operation `$riktlinjekontroll` on an organization: its work list.
    Arbetslista => "Organization/$riktlinjekontroll",
    /// The operation `$loggutdrag`: who has had access to a patient's record, for the patient.
    Loggutdrag => "Patient/$loggutdrag",
);
