//! fhir-sdk's datatypes into our plain ones.

use fhir_sdk::r5::codes;
use fhir_sdk::r5::types::{
    CodeableConcept, CodeableReference, Coding, Extension, ExtensionValue, FieldExtension, HumanName, Identifier,
    Period, Reference, Timing, TimingRepeat, TimingRepeatBounds,
};
use fhir_sdk::{Date, DateTime, Instant};
use jiff::civil;

use crate::date::{self, FhirDate};
use crate::facts::{self, ExtValue, Extensions};

/// A repeating element, as fhir-sdk types it: `null` where only an extension stands.
pub(crate) type Many<T> = Vec<Option<T>>;

/// How a value read with fhir-sdk's types becomes a fact.
pub(crate) trait ToFact<F> {
    fn to_fact(self) -> F;
}

impl<T: ToFact<F>, F> ToFact<Option<F>> for Option<T> {
    fn to_fact(self) -> Option<F> {
        self.map(T::to_fact)
    }
}

/// A `null` becomes an empty fact, so that positions stay those of the resource.
impl<T: ToFact<F>, F: Default> ToFact<Vec<F>> for Many<T> {
    fn to_fact(self) -> Vec<F> {
        self.into_iter()
            .map(|value| value.map(T::to_fact).unwrap_or_default())
            .collect()
    }
}

impl ToFact<String> for String {
    fn to_fact(self) -> String {
        self
    }
}

impl ToFact<bool> for bool {
    fn to_fact(self) -> bool {
        self
    }
}

/// Codes without an enum of their own among the facts.
macro_rules! plain_codes {
    ($($code:ident),+) => {
        $(impl ToFact<String> for codes::$code {
            fn to_fact(self) -> String {
                self.as_ref().to_owned()
            }
        })+
    };
}

plain_codes!(
    ContactPointSystem,
    ContactPointUse,
    IdentifierUse,
    NameUse,
    ParticipationStatus,
    QuestionnaireResponseStatus,
    RequestIntent,
    TaskIntent
);

/// Status codes, one line per code system: the compiler sees that none is forgotten.
macro_rules! statuses {
    ($($code:ident => $fact:ident { $($from:ident $(=> $to:ident)?),+ })+) => {
        $(impl ToFact<facts::$fact> for codes::$code {
            fn to_fact(self) -> facts::$fact {
                match self { $(codes::$code::$from => statuses!(@to $fact $from $($to)?)),+ }
            }
        })+
    };
    (@to $fact:ident $same:ident) => { facts::$fact::$same };
    (@to $fact:ident $from:ident $to:ident) => { facts::$fact::$to };
}

statuses! {
    CareTeamStatus => CareTeamStatus { Proposed, Active, Suspended, Inactive, EnteredInError }
    RequestStatus => RequestStatus { Draft, Active, OnHold, Revoked, Completed, EnteredInError, Unknown }
    AppointmentStatus => AppointmentStatus {
        Proposed, Pending, Booked, Arrived, Fulfilled, Cancelled, Noshow => NoShow, EnteredInError, CheckedIn, Waitlist
    }
    ConsentState => ConsentStatus { Draft, Active, Inactive, NotDone, EnteredInError, Unknown }
    ConsentProvisionType => ConsentDecision { Deny, Permit }
    GoalLifecycleStatus => GoalStatus {
        Proposed, Planned, Accepted, Active, OnHold, Completed, Cancelled, EnteredInError, Rejected
    }
    TaskStatus => TaskStatus {
        Draft, Requested, Received, Accepted, Rejected, Ready, Cancelled, InProgress, OnHold, Failed, Completed, EnteredInError
    }
    LinkType => LinkType { ReplacedBy, Replaces, Refer, Seealso => SeeAlso }
    EncounterStatus => EncounterStatus {
        Planned, InProgress, OnHold, Discharged, Completed, Cancelled, Discontinued, EnteredInError, Unknown
    }
    EpisodeOfCareStatus => EpisodeStatus {
        Planned, Waitlist, Active, Onhold => OnHold, Finished, Cancelled, EnteredInError
    }
    FlagStatus => FlagStatus { Active, Inactive, EnteredInError }
    EventStatus => CommunicationStatus {
        Preparation, InProgress, NotDone, OnHold, Stopped, Completed, EnteredInError, Unknown
    }
}

/// fhir-sdk has checked the calendar, so nothing is out of range here; were it so, the date would be the farthest one.
impl ToFact<FhirDate> for Date {
    fn to_fact(self) -> FhirDate {
        let year = |year: i32| i16::try_from(year).unwrap_or(i16::MAX);
        match self {
            Date::Year(written) => FhirDate::Year(year(written)),
            Date::YearMonth(written, month) => FhirDate::YearMonth(year(written), month as i8),
            Date::Date(day) => {
                let day = civil::Date::new(year(day.year()), u8::from(day.month()) as i8, day.day() as i8);
                FhirDate::Day(day.unwrap_or(civil::Date::MAX))
            }
        }
    }
}

impl ToFact<FhirDate> for DateTime {
    fn to_fact(self) -> FhirDate {
        match self {
            DateTime::Date(date) => date.to_fact(),
            DateTime::DateTime(instant) => instant.to_fact(),
        }
    }
}

/// fhir-sdk forgets how many digits were written: the width is that of the last digit that is not zero.
impl ToFact<FhirDate> for Instant {
    fn to_fact(self) -> FhirDate {
        let micros = self.0.unix_timestamp() * 1_000_000 + i64::from(self.0.microsecond());
        let mut width = 1_000_000;
        while micros % width != 0 {
            width /= 10;
        }
        FhirDate::Instant(date::Instant { micros, width })
    }
}

/// An absent period is one without ends.
impl ToFact<facts::Period> for Option<Period> {
    fn to_fact(self) -> facts::Period {
        self.map(|period| period.0.to_fact()).unwrap_or_default()
    }
}

impl ToFact<facts::Period> for Period {
    fn to_fact(self) -> facts::Period {
        self.0.to_fact()
    }
}

impl ToFact<facts::Period> for Box<fhir_sdk::r5::types::PeriodInner> {
    fn to_fact(self) -> facts::Period {
        facts::Period {
            start: self.start.to_fact(),
            end: self.end.to_fact(),
        }
    }
}

impl ToFact<facts::Coding> for Coding {
    fn to_fact(self) -> facts::Coding {
        facts::Coding {
            system: self.0.system,
            code: self.0.code,
            display: self.0.display,
        }
    }
}

impl ToFact<facts::Concept> for CodeableConcept {
    fn to_fact(self) -> facts::Concept {
        facts::Concept {
            codings: self.0.coding.to_fact(),
            text: self.0.text,
        }
    }
}

impl ToFact<facts::CodeableReference> for CodeableReference {
    fn to_fact(self) -> facts::CodeableReference {
        facts::CodeableReference {
            concept: self.0.concept.to_fact(),
            reference: self.0.reference.to_fact(),
        }
    }
}

impl ToFact<facts::Identifier> for Identifier {
    fn to_fact(self) -> facts::Identifier {
        let identifier = *self.0;
        facts::Identifier {
            use_: identifier.r#use.to_fact(),
            type_: identifier.r#type.to_fact(),
            system: identifier.system,
            value: identifier.value,
            period: identifier.period.to_fact(),
            extensions: gathered(identifier.extension, [identifier.value_ext]),
        }
    }
}

impl ToFact<facts::Reference> for Reference {
    fn to_fact(self) -> facts::Reference {
        let reference = *self.0;
        facts::Reference {
            reference: reference.reference,
            type_: reference.r#type,
            identifier: reference.identifier.map(|identifier| Box::new(identifier.to_fact())),
            display: reference.display,
            extensions: gathered(reference.extension, [reference.reference_ext, reference.display_ext]),
        }
    }
}

impl ToFact<facts::HumanName> for HumanName {
    fn to_fact(self) -> facts::HumanName {
        let name = *self.0;
        let parts = [name.text_ext, name.family_ext].into_iter().chain(name.given_ext);
        facts::HumanName {
            use_: name.r#use.to_fact(),
            text: name.text,
            family: name.family,
            given: name.given,
            period: name.period.to_fact(),
            extensions: gathered(name.extension, parts),
        }
    }
}

impl ToFact<facts::Timing> for Timing {
    fn to_fact(self) -> facts::Timing {
        let timing = *self.0;
        let bounds = timing.repeat.as_ref().and_then(|repeat| repeat.bounds.clone());
        facts::Timing {
            events: timing.event.into_iter().flatten().map(DateTime::to_fact).collect(),
            repeats: timing.repeat.as_ref().is_some_and(says_something),
            bounds: match bounds {
                Some(TimingRepeatBounds::Period(period)) => period.to_fact(),
                _ => facts::Period::default(),
            },
            code: timing.code.to_fact(),
        }
    }
}

/// Whether a `repeat` says when: bounds, how often, on which days or at what time.
fn says_something(repeat: &TimingRepeat) -> bool {
    repeat.bounds.is_some()
        || repeat.count.is_some()
        || repeat.frequency.is_some()
        || repeat.period.is_some()
        || repeat.day_of_week.iter().any(Option::is_some)
        || repeat.time_of_day.iter().any(Option::is_some)
        || repeat.when.iter().any(Option::is_some)
}

impl ToFact<Extensions> for Vec<Extension> {
    fn to_fact(self) -> Extensions {
        Extensions(self.into_iter().map(Extension::to_fact).collect())
    }
}

impl ToFact<facts::Extension> for Extension {
    fn to_fact(self) -> facts::Extension {
        let extension = *self.0;
        facts::Extension {
            url: extension.url,
            value: extension.value.to_fact(),
            nested: extension.extension.to_fact(),
        }
    }
}

impl ToFact<ExtValue> for ExtensionValue {
    fn to_fact(self) -> ExtValue {
        match self {
            ExtensionValue::Boolean(value) => ExtValue::Boolean(value),
            ExtensionValue::Integer(value) => ExtValue::Integer(value.into()),
            ExtensionValue::PositiveInt(value) => ExtValue::Integer(value.get().into()),
            ExtensionValue::UnsignedInt(value) => ExtValue::Integer(value.into()),
            ExtensionValue::Code(code)
            | ExtensionValue::Id(code)
            | ExtensionValue::Uri(code)
            | ExtensionValue::Url(code)
            | ExtensionValue::Canonical(code)
            | ExtensionValue::Oid(code)
            | ExtensionValue::Uuid(code) => ExtValue::Code(code),
            ExtensionValue::String(text) | ExtensionValue::Markdown(text) => ExtValue::String(text),
            ExtensionValue::Date(date) => ExtValue::Date(date.to_fact()),
            ExtensionValue::DateTime(date) => ExtValue::DateTime(date.to_fact()),
            ExtensionValue::Instant(instant) => ExtValue::DateTime(instant.to_fact()),
            ExtensionValue::Period(period) => ExtValue::Period(period.to_fact()),
            ExtensionValue::Coding(coding) => ExtValue::Coding(coding.to_fact()),
            ExtensionValue::CodeableConcept(concept) => ExtValue::Concept(concept.to_fact()),
            ExtensionValue::Identifier(identifier) => ExtValue::Identifier(Box::new(identifier.to_fact())),
            ExtensionValue::Reference(reference) => ExtValue::Reference(Box::new(reference.to_fact())),
            ExtensionValue::Timing(timing) => ExtValue::Timing(Box::new(timing.to_fact())),
            _ => ExtValue::Other,
        }
    }
}

/// The extensions of an element together with those of some of its primitives.
pub(crate) fn gathered(own: Vec<Extension>, parts: impl IntoIterator<Item = Option<FieldExtension>>) -> Extensions {
    let parts = parts.into_iter().flatten().flat_map(|part| part.extension);
    Extensions(own.into_iter().chain(parts).map(Extension::to_fact).collect())
}
