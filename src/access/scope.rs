//! What a token lets its bearer ask for: SMART scopes, v1 and v2
//! (hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).

use crate::fhir::types::ResourceType;

/// The scopes of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub Vec<Scope>);

/// One scope on clinical resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub context: Context,
    /// The type it is about; none: `*`.
    pub kind: Option<ResourceType>,
    pub rights: Rights,
    /// The search that the resources must match (`?category=…`), as it stands in the scope.
    pub filter: Option<String>,
}

/// Whose right it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The patient in context.
    Patient,
    /// The person who is logged in.
    User,
    /// The program itself.
    System,
}

/// `cruds`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    pub create: bool,
    pub read: bool,
    pub update: bool,
    pub delete: bool,
    pub search: bool,
}
