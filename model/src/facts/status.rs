//! Status codes with a required binding, one enum each. Source: <https://hl7.org/fhir/R5/valuesets.html>

/// Declares a status enum with its FHIR codes.
macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The code as FHIR spells it.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// The status of that code.
            pub fn from_code(code: &str) -> Option<$name> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

status!(
    /// <https://hl7.org/fhir/R5/valueset-care-team-status.html>
    CareTeamStatus {
        Proposed = "proposed",
        Active = "active",
        Suspended = "suspended",
        Inactive = "inactive",
        EnteredInError = "entered-in-error",
    }
);

status!(
    /// CarePlan and ServiceRequest: <https://hl7.org/fhir/R5/valueset-request-status.html>
    RequestStatus {
        Draft = "draft",
        Active = "active",
        OnHold = "on-hold",
        Revoked = "revoked",
        Completed = "completed",
        EnteredInError = "entered-in-error",
        Unknown = "unknown",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-appointmentstatus.html>
    AppointmentStatus {
        Proposed = "proposed",
        Pending = "pending",
        Booked = "booked",
        Arrived = "arrived",
        Fulfilled = "fulfilled",
        Cancelled = "cancelled",
        NoShow = "noshow",
        EnteredInError = "entered-in-error",
        CheckedIn = "checked-in",
        Waitlist = "waitlist",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-consent-state-codes.html>
    ConsentStatus {
        Draft = "draft",
        Active = "active",
        Inactive = "inactive",
        NotDone = "not-done",
        EnteredInError = "entered-in-error",
        Unknown = "unknown",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-consent-provision-type.html>
    ConsentDecision {
        Deny = "deny",
        Permit = "permit",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-goal-status.html>
    GoalStatus {
        Proposed = "proposed",
        Planned = "planned",
        Accepted = "accepted",
        Active = "active",
        OnHold = "on-hold",
        Completed = "completed",
        Cancelled = "cancelled",
        EnteredInError = "entered-in-error",
        Rejected = "rejected",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-task-status.html>
    TaskStatus {
        Draft = "draft",
        Requested = "requested",
        Received = "received",
        Accepted = "accepted",
        Rejected = "rejected",
        Ready = "ready",
        Cancelled = "cancelled",
        InProgress = "in-progress",
        OnHold = "on-hold",
        Failed = "failed",
        Completed = "completed",
        EnteredInError = "entered-in-error",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-link-type.html>
    LinkType {
        ReplacedBy = "replaced-by",
        Replaces = "replaces",
        Refer = "refer",
        SeeAlso = "seealso",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-encounter-status.html>
    EncounterStatus {
        Planned = "planned",
        InProgress = "in-progress",
        OnHold = "on-hold",
        Discharged = "discharged",
        Completed = "completed",
        Cancelled = "cancelled",
        Discontinued = "discontinued",
        EnteredInError = "entered-in-error",
        Unknown = "unknown",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-episode-of-care-status.html>
    EpisodeStatus {
        Planned = "planned",
        Waitlist = "waitlist",
        Active = "active",
        OnHold = "onhold",
        Finished = "finished",
        Cancelled = "cancelled",
        EnteredInError = "entered-in-error",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-flag-status.html>
    FlagStatus {
        Active = "active",
        Inactive = "inactive",
        EnteredInError = "entered-in-error",
    }
);

status!(
    /// <https://hl7.org/fhir/R5/valueset-event-status.html>
    CommunicationStatus {
        Preparation = "preparation",
        InProgress = "in-progress",
        NotDone = "not-done",
        OnHold = "on-hold",
        Stopped = "stopped",
        Completed = "completed",
        EnteredInError = "entered-in-error",
        Unknown = "unknown",
    }
);
