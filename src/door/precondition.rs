//! What the caller demands of the version that a write replaces (http.html#concurrency): `If-Match`, `If-None-Match`.

use super::problem::Problem;
use crate::fhir::fault::Text;
use crate::store::Stored;

/// What the caller demands of the current version before anything is written (http.html#2.21.0.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    None,
    /// `If-Match: W/"n"`, or several of them: one of these. None of them is when no tag is one of ours.
    VersionIn(Vec<i64>),
    /// `If-Match: *`.
    MustExist,
    /// `If-None-Match: *`.
    MustNotExist,
    /// The caller demands nothing, but the service made the write of this version: another one is a race.
    BuiltOn(i64),
    /// The caller demands nothing, but the criteria matched nobody: the caller's own id must be free.
    Free,
}

impl Precondition {
    /// From what a request says, in its headers or in its entry of a Bundle: `If-Match`, or `If-None-Match: *`.
    pub fn read(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Precondition, Problem> {
        if if_match.is_some() && if_none_match.is_some() {
            // A version that is there and none that is: to ignore one of them would write where it must not.
            return Err(Problem::bad_request(
                "Ange If-Match eller If-None-Match, inte båda.",
                "Give If-Match or If-None-Match, not both.",
            ));
        }
        if let Some(if_match) = if_match {
            return match if_match.trim() {
                "*" => Ok(Precondition::MustExist),
                tags => versions_of_tags(tags).map(Precondition::VersionIn).ok_or_else(|| {
                    Problem::bad_request(
                        "If-Match ska vara *, eller en eller flera ETag, till exempel W/\"3\".",
                        "If-Match must be *, or one or more ETags, for example W/\"3\".",
                    )
                }),
            };
        }
        match if_none_match.map(str::trim) {
            None => Ok(Precondition::None),
            Some("*") => Ok(Precondition::MustNotExist),
            // "Servers MAY choose to only support the wildcard variant"; to ignore another would write where it must not.
            Some(_) => Err(Problem::bad_request(
                "If-None-Match vid en skrivning ska vara *.",
                "If-None-Match of a write must be *.",
            )),
        }
    }

    /// Refuses what a create cannot demand: there is no version yet, and to ignore it would write where it must not.
    pub fn refuse_of_create(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<(), Problem> {
        match (if_match, if_none_match) {
            (None, None) => Ok(()),
            _ => Err(Problem::bad_request(
                "If-Match och If-None-Match gäller en resurs som finns. Den som bara vill skapa en ny anger sökvillkor i If-None-Exist.",
                "If-Match and If-None-Match are about a resource that is there. Who only wants to make a new one gives criteria in If-None-Exist.",
            )),
        }
    }

    /// 412 when a version is demanded of the one that matches, and nobody does.
    pub fn met_by_nobody(&self) -> Result<(), Problem> {
        match self {
            Precondition::VersionIn(_) | Precondition::MustExist => Err(no_match()),
            _ => Ok(()),
        }
    }
}

/// The versions that a list of ETags names (RFC 9110, 8.8.3 and 13.1.1): `W/"3", "4"` → 3, 4. A tag that is well formed and
/// none of ours names none; empty elements of the list count for nothing (5.6.1.2). `None` when it is no such list.
pub fn versions_of_tags(list: &str) -> Option<Vec<i64>> {
    let (mut versions, mut tags) = (Vec::new(), 0);
    let mut rest = list.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        let (tag, after) = opaque.split_once('"')?;
        if tag.chars().any(|c| c == ' ' || c.is_control()) {
            return None;
        }
        versions.extend(version_number(tag));
        tags += 1;
        let after = after.trim_start_matches([' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    (tags > 0).then_some(versions)
}

/// A version's number as we write it: no sign, no leading zero.
pub fn version_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// Whether the version that is there is the one demanded; else why not.
pub(super) fn demand(precondition: &Precondition, current: Option<&Stored>) -> Result<(), Problem> {
    let failed = |sv: &'static str, en: &'static str| {
        Err(Problem::PreconditionFailed {
            text: Text::new(sv, en),
            expression: String::new(),
        })
    };
    match (precondition, current) {
        (Precondition::None, _) => Ok(()),
        (Precondition::MustNotExist | Precondition::Free, None) => Ok(()),
        (Precondition::MustNotExist | Precondition::Free, Some(stored)) if stored.deleted => Ok(()),
        (Precondition::MustNotExist, Some(_)) => failed(
            "Resursen finns redan (If-None-Match: *).",
            "The resource exists already (If-None-Match: *).",
        ),
        (Precondition::Free, Some(stored)) => Err(Problem::IdTaken {
            expression: format!("{}.id", stored.kind),
        }),
        (Precondition::BuiltOn(version), Some(stored)) if stored.version == *version => Ok(()),
        (Precondition::BuiltOn(_), _) => Err(Problem::Race),
        (Precondition::MustExist, Some(stored)) if !stored.deleted => Ok(()),
        (Precondition::MustExist, _) => failed(
            "Det finns ingen gällande version (If-Match: *).",
            "There is no current version (If-Match: *).",
        ),
        (Precondition::VersionIn(versions), Some(stored)) if versions.contains(&stored.version) => Ok(()),
        (Precondition::VersionIn(_), _) => failed(
            "If-Match anger en annan version än den gällande: läs resursen på nytt och gör om ändringen.",
            "If-Match names another version than the current one: read the resource again and redo the change.",
        ),
    }
}

fn no_match() -> Problem {
    Problem::PreconditionFailed {
        text: Text::new(
            "If-Match anger en version, men ingen resurs uppfyller sökvillkoren.",
            "If-Match names a version, but no resource meets the criteria.",
        ),
        expression: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read_as_the_rfc_says() {
        for (list, versions) in [
            ("W/\"3\"", Some(vec![3])),
            ("\"3\"", Some(vec![3])),
            (" W/\"3\" ,\"4\"", Some(vec![3, 4])),
            ("W/\"1\",", Some(vec![1])),
            (",W/\"9\",, W/\"1\"", Some(vec![9, 1])),
            ("W/\"a,b\", W/\"1\"", Some(vec![1])),
            ("W/\"x\"", Some(vec![])),
            ("W/\"01\"", Some(vec![])),
            ("\"\"", Some(vec![])),
            ("", None),
            (",", None),
            ("3", None),
            ("W/3", None),
            ("w/\"3\"", None),
            ("*, W/\"3\"", None),
            ("W/\"3\" W/\"4\"", None),
            ("W/\"3", None),
            ("W/\"a b\"", None),
        ] {
            assert_eq!(versions_of_tags(list), versions, "{list}");
        }
    }
}
