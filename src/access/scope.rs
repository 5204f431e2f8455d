//! What a token lets its bearer ask for: SMART scopes, v1 and v2
//! (hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).
//!
//! A scope never gives more than its bearer may see: it is one of the things that the access decision asks for.

use crate::fhir::types::ResourceType;

/// The scopes of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub Vec<Scope>);

/// One scope on clinical resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub context: Context,
    pub about: About,
    pub rights: Rights,
    /// The search that the resources must match (`?category=…`), as it stands in the scope.
    pub filter: Option<String>,
}

/// What a scope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// `*`: all types that are stored. The access log is not among them: who may review it is told by its name.
    Everything,
    Kind(ResourceType),
    /// `AuditEvent`.
    Log,
}

/// The type under which the access log is read.
const LOG: &str = "AuditEvent";

impl About {
    pub fn covers(self, kind: ResourceType) -> bool {
        match self {
            About::Everything => true,
            About::Kind(own) => own == kind,
            About::Log => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            About::Everything => "*",
            About::Kind(kind) => kind.name(),
            About::Log => LOG,
        }
    }

    fn from_name(name: &str) -> Option<About> {
        match name {
            "*" => Some(About::Everything),
            LOG => Some(About::Log),
            name => ResourceType::from_name(name).map(About::Kind),
        }
    }
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

/// One letter of `cruds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    Create,
    /// Read and vread, and the history of one resource.
    Read,
    /// Update and patch.
    Update,
    Delete,
    /// Search, and the history of a type or of everything.
    Search,
}

impl Right {
    /// In the order in which they stand in a scope.
    pub const ALL: [Right; 5] = [Right::Create, Right::Read, Right::Update, Right::Delete, Right::Search];

    const fn letter(self) -> char {
        match self {
            Right::Create => 'c',
            Right::Read => 'r',
            Right::Update => 'u',
            Right::Delete => 'd',
            Right::Search => 's',
        }
    }
}

impl Rights {
    pub const ALL: Rights = Rights {
        create: true,
        read: true,
        update: true,
        delete: true,
        search: true,
    };

    pub const fn has(self, right: Right) -> bool {
        match right {
            Right::Create => self.create,
            Right::Read => self.read,
            Right::Update => self.update,
            Right::Delete => self.delete,
            Right::Search => self.search,
        }
    }

    fn give(&mut self, right: Right) {
        *match right {
            Right::Create => &mut self.create,
            Right::Read => &mut self.read,
            Right::Update => &mut self.update,
            Right::Delete => &mut self.delete,
            Right::Search => &mut self.search,
        } = true;
    }

    /// `read`, `write` and `*` of version 1, else letters of `cruds` in that order, each at most once and at least one.
    fn read(text: &str) -> Option<Rights> {
        match text {
            "read" => {
                return Some(Rights {
                    read: true,
                    search: true,
                    ..Rights::default()
                });
            }
            "write" => {
                return Some(Rights {
                    create: true,
                    update: true,
                    delete: true,
                    ..Rights::default()
                });
            }
            "*" => return Some(Rights::ALL),
            _ => {}
        }
        let mut rights = Rights::default();
        let mut order = Right::ALL.into_iter();
        for letter in text.chars() {
            // Letters that were passed do not come again: `rc` and `rr` are no scopes.
            rights.give(order.find(|right| right.letter() == letter)?);
        }
        (!text.is_empty()).then_some(rights)
    }
}

impl Context {
    const fn name(self) -> &'static str {
        match self {
            Context::Patient => "patient",
            Context::User => "user",
            Context::System => "system",
        }
    }

    fn from_name(name: &str) -> Option<Context> {
        [Context::Patient, Context::User, Context::System]
            .into_iter()
            .find(|context| context.name() == name)
    }
}

impl Scope {
    /// Reads one scope. `None` for what gives nothing here: scopes about something else (`openid`, `launch/patient`),
    /// types that are not served, and scopes that do not follow the grammar.
    pub fn read(text: &str) -> Option<Scope> {
        let (context, rest) = text.split_once('/')?;
        let context = Context::from_name(context)?;
        let (rest, filter) = match rest.split_once('?') {
            Some((rest, filter)) => (rest, Some(filter)),
            None => (rest, None),
        };
        let (kind, rights) = rest.split_once('.')?;
        let about = About::from_name(kind)?;
        let version_1 = matches!(rights, "read" | "write" | "*");
        let rights = Rights::read(rights)?;
        let filter = match filter {
            None => None,
            // Version 1 has no filters: a right that was meant to be narrow must not become a wide one.
            Some(filter) if !version_1 && is_filter(filter) => Some(filter.to_owned()),
            Some(_) => return None,
        };
        Some(Scope {
            context,
            about,
            rights,
            filter,
        })
    }
}

/// Whether it is `name=value`, joined by `&`.
fn is_filter(text: &str) -> bool {
    text.split('&').all(|pair| {
        pair.split_once('=')
            .is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
    })
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}.", self.context.name(), self.about.name())?;
        for right in Right::ALL.into_iter().filter(|right| self.rights.has(*right)) {
            write!(f, "{}", right.letter())?;
        }
        match &self.filter {
            Some(filter) => write!(f, "?{filter}"),
            None => Ok(()),
        }
    }
}

impl Scopes {
    /// Reads a list of scopes separated by spaces (RFC 6749, 3.3); what gives nothing here is left out.
    pub fn read(text: &str) -> Scopes {
        let mut scopes = Scopes::default();
        for scope in text.split_ascii_whitespace().filter_map(Scope::read) {
            if !scopes.0.contains(&scope) {
                scopes.0.push(scope);
            }
        }
        scopes
    }

    /// Whether there is a scope of this context.
    pub fn has(&self, context: Context) -> bool {
        self.0.iter().any(|scope| scope.context == context)
    }

    /// The same without the scopes of other contexts.
    pub fn only(mut self, contexts: &[Context]) -> Scopes {
        self.0.retain(|scope| contexts.contains(&scope.context));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> Vec<String> {
        Scopes::read(text).0.iter().map(Scope::to_string).collect()
    }

    #[test]
    fn both_versions_are_read() {
        assert_eq!(told("patient/CareTeam.read"), ["patient/CareTeam.rs"]);
        assert_eq!(told("user/*.write"), ["user/*.cud"]);
        assert_eq!(told("system/*.*"), ["system/*.cruds"]);
        assert_eq!(
            told("patient/*.rs user/CarePlan.cruds"),
            ["patient/*.rs", "user/CarePlan.cruds"]
        );
        let narrow =
            "user/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis";
        assert_eq!(told(narrow), [narrow]);
    }

    #[test]
    fn what_is_about_something_else_gives_nothing() {
        let others = "openid fhirUser launch launch/patient launch/encounter offline_access online_access profile";
        assert_eq!(told(others), [""; 0]);
        assert_eq!(told("patient/Observation.rs"), [""; 0], "a type that is not served");
    }

    #[test]
    fn what_breaks_the_grammar_gives_nothing() {
        for text in [
            "patient/CareTeam",
            "patient/CareTeam.",
            "patient/.rs",
            "patient/CareTeam.sr",
            "patient/CareTeam.rr",
            "patient/CareTeam.reads",
            "patient/CareTeam.r s",
            "Patient/CareTeam.rs",
            "patient/careteam.rs",
            "/CareTeam.rs",
            "patient/CareTeam.rs?",
            "patient/CareTeam.rs?category",
            "patient/CareTeam.rs?category=",
            "patient/CareTeam.rs?=x",
            "patient/CareTeam.rs?a=b&",
            "patient/CareTeam.read?category=x",
            "patient/CareTeam.*?category=x",
            "patient/*",
            "*/*.*",
            "patient/CareTeam.rs.rs",
            "patient//CareTeam.rs",
            "patient/CareTeam/x.rs",
            "patient/CareTeam.RS",
        ] {
            let read: Vec<Option<Scope>> = text.split(' ').map(Scope::read).collect();
            let whole = read.iter().flatten().map(Scope::to_string).collect::<Vec<_>>();
            // "r s" is a scope and a word of its own.
            let expected: &[&str] = if text.contains(' ') {
                &["patient/CareTeam.r"]
            } else {
                &[]
            };
            assert_eq!(whole, expected, "{text}");
        }
    }

    fn abouts() -> impl Strategy<Value = About> {
        let kinds = proptest::sample::select(ResourceType::ALL).prop_map(About::Kind);
        prop_oneof![kinds, Just(About::Everything), Just(About::Log)]
    }

    fn contexts() -> impl Strategy<Value = Context> {
        proptest::sample::select(vec![Context::Patient, Context::User, Context::System])
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            context in contexts(),
            about in abouts(),
            letters in proptest::sample::subsequence(Right::ALL.to_vec(), 1..=5),
            filter in proptest::option::of("[a-z_:-]{1,8}=[A-Za-z0-9|%:/.-]{1,12}(&[a-z]{1,5}=[a-z]{1,5})?"),
        ) {
            let mut rights = Rights::default();
            letters.iter().for_each(|right| rights.give(*right));
            let scope = Scope { context, about, rights, filter };
            prop_assert_eq!(Scope::read(&scope.to_string()), Some(scope));
        }

        /// Whatever is read gives what it says, letter by letter, and nothing more.
        #[test]
        fn rights_are_a_subsequence_of_cruds(letters in "[cruds]{0,6}") {
            let in_order = {
                let mut rest = "cruds".chars();
                !letters.is_empty() && letters.chars().all(|letter| rest.any(|next| next == letter))
            };
            let read = Scope::read(&format!("user/CareTeam.{letters}"));
            prop_assert_eq!(read.is_some(), in_order);
            if let Some(scope) = read {
                for right in Right::ALL {
                    prop_assert_eq!(scope.rights.has(right), letters.contains(right.letter()));
                }
            }
        }

        #[test]
        fn nothing_that_is_sent_makes_it_panic(text in "\\PC{0,60}") {
            let scopes = Scopes::read(&text);
            prop_assert!(scopes.0.len() <= text.len());
        }

        #[test]
        fn a_word_more_takes_no_right_away(
            words in proptest::collection::vec("(patient|user)/(CareTeam|\\*)\\.[cruds]{1,3}", 0..5),
            more in "\\PC{0,20}",
        ) {
            let before = Scopes::read(&words.join(" "));
            let after = Scopes::read(&format!("{} {more}", words.join(" ")));
            prop_assert!(before.0.iter().all(|scope| after.0.contains(scope)));
        }
    }
}
