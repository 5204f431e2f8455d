//! What a literal reference says (references.html#literal). The replacing of a transaction's temporary addresses stands
//! in links.rs.

use serde_json::Value;

use super::types::ResourceType;

/// `Patient/anna` or `Patient/anna/_history/3` → the local resource; anything else is not local.
pub fn local(reference: &str) -> Option<(ResourceType, &str)> {
    let mut parts = reference.split('/');
    let kind = ResourceType::from_name(parts.next()?)?;
    let id = parts.next().filter(|id| !id.is_empty())?;
    match (parts.next(), parts.next(), parts.next()) {
        (None, None, None) | (Some("_history"), Some(_), None) => Some((kind, id)),
        _ => None,
    }
}

/// Whether it is `Type/id` or `Type/id/_history/n`, to the letter: a type's name begins with a capital, and nothing stands
/// around it. What only resembles a reference to a Patient would be filed on nobody, and escape her consents and blocks.
pub fn is_literal(relative: &str) -> bool {
    let is_id = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphabetic())
    };
    match relative.split('/').collect::<Vec<_>>()[..] {
        [kind, id] => is_name(kind) && is_id(id),
        [kind, id, "_history", version] => is_name(kind) && is_id(id) && is_id(version),
        _ => false,
    }
}

/// Whether it begins with the name of a scheme (RFC 3986, 3.1): then it is no relative reference.
pub fn is_absolute(reference: &str) -> bool {
    let scheme = reference.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// An address without the one of our own bases that it begins with; any other as it is. Scheme and host have no case.
pub fn relative<'a>(address: &'a str, own_bases: &[String]) -> &'a str {
    let below = |base: &String| {
        let (head, rest) = address.split_at_checked(base.len())?;
        head.eq_ignore_ascii_case(base).then_some(rest)?.strip_prefix('/')
    };
    own_bases.iter().find_map(below).unwrap_or(address)
}

/// Makes references to resources under one of our own bases (`https://…/fhir/r5`, no slash at the end) relative, so that
/// rules, index and compartments see that they are ours: a contact must not escape its patient by the way the reference
/// is written (references.html#literal: both forms say the same).
pub fn make_local(resource: &mut Value, own_bases: &[String]) {
    match resource {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if name == "reference" => {
                        let rest = relative(text, own_bases);
                        if rest.len() < text.len() && local(rest).is_some() {
                            *text = rest.to_owned();
                        }
                    }
                    other => make_local(other, own_bases),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| make_local(item, own_bases)),
        _ => {}
    }
}

/// The path, below the resource, of the first Reference under one of our own bases that is no resource's address.
pub fn first_misspelt(resource: &Value, own_bases: &[String]) -> Option<String> {
    first_where(resource, &|text| {
        let rest = relative(text, own_bases);
        rest.len() < text.len() && !is_literal(rest) && conditional(text, own_bases).is_none()
    })
}

/// `Patient?identifier=…`: type and criteria of a conditional reference, which is relative to our base
/// (http.html#trules). The type need not be one that is stored here.
pub fn conditional<'a>(reference: &'a str, own_bases: &[String]) -> Option<(&'a str, &'a str)> {
    let (kind, criteria) = relative(reference, own_bases).split_once('?')?;
    (!kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphabetic())).then_some((kind, criteria))
}

/// The path, below the resource, of the first Reference that is conditional.
pub fn first_conditional(resource: &Value, own_bases: &[String]) -> Option<String> {
    first_where(resource, &|text| conditional(text, own_bases).is_some())
}

fn first_where(resource: &Value, is_it: &impl Fn(&str) -> bool) -> Option<String> {
    let below = |path: String, name: &str| match path.is_empty() {
        true => name.to_owned(),
        false => format!("{name}.{path}"),
    };
    let members = resource.as_object()?;
    members.iter().find_map(|(name, member)| match member {
        Value::String(text) if name == "reference" && is_it(text) => Some(String::new()),
        Value::Object(_) => first_where(member, is_it).map(|path| below(path, name)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| first_where(item, is_it).map(|path| below(path, &format!("{name}[{index}]")))),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn local_references_are_type_and_id() {
        assert_eq!(local("Patient/anna"), Some((ResourceType::Patient, "anna")));
        assert_eq!(local("Patient/anna/_history/3"), Some((ResourceType::Patient, "anna")));
        assert_eq!(local("http://elsewhere/Patient/anna"), None);
        assert_eq!(local("Location/1"), None);
        assert_eq!(local("Patient/"), None);
    }

    #[test]
    fn a_conditional_reference_begins_with_a_type() {
        let own = ["http://us/fhir/r5".to_owned()];
        assert_eq!(
            conditional("Patient?identifier=a|b", &own),
            Some(("Patient", "identifier=a|b"))
        );
        assert_eq!(
            conditional("http://us/fhir/r5/Patient?x=y", &own),
            Some(("Patient", "x=y"))
        );
        assert_eq!(conditional("http://them/Patient?x=y", &own), None);
        assert_eq!(conditional("Patient/1", &own), None);
        let resource = json!({ "participant": [{ "member": { "reference": "Patient/1" } }, { "member": { "reference": "Patient?x=y" } }] });
        assert_eq!(
            first_conditional(&resource, &own),
            Some("participant[1].member".to_owned())
        );
    }

    #[test]
    fn a_literal_reference_is_written_to_the_letter() {
        for good in ["Patient/p1", "Location/a.b-C", "Patient/p1/_history/3"] {
            assert!(is_literal(good), "{good}");
        }
        for bad in [
            "patient/p1",
            "PATIENT/",
            "Patient/p1 ",
            " Patient/p1",
            "Patient//p1",
            "Patient/p1/",
            "/Patient/p1",
            "./Patient/p1",
            "Patient/p%31",
            "Patient/p1#x",
            "Patient/p1?x",
            "Patient/p1/_history",
            "Patient/p1/_History/1",
            "Patient\\p1",
            "Patient/p\u{e5}",
            "Patient/\u{200b}p1",
            "p1",
            "",
        ] {
            assert!(!is_literal(bad), "{bad}");
        }
        let own = ["https://fhir.example.se/fhir/r5".to_owned()];
        let subject = |reference: &str| json!({ "resourceType": "Goal", "subject": { "reference": reference } });
        for (reference, misspelt) in [
            ("https://fhir.example.se/fhir/r5/Patient/p1/", true),
            ("https://fhir.example.se/fhir/r5//Patient/p1", true),
            ("HTTPS://FHIR.example.se/fhir/r5/patient/p1", true),
            ("HTTPS://FHIR.example.se/fhir/r5/Patient/p1", false),
            ("https://fhir.example.se/fhir/r5/Location/1", false),
            ("https://fhir.example.se/fhir/r5/Patient?identifier=x", false),
            ("https://other.example.se/fhir/r5/patient/p1", false),
            ("Patient/p1", false),
        ] {
            let found = first_misspelt(&subject(reference), &own);
            assert_eq!(found.as_deref(), misspelt.then_some("subject"), "{reference}");
        }
        let mut mixed = subject("HTTPS://FHIR.example.se/fhir/r5/Patient/p1");
        make_local(&mut mixed, &own);
        assert_eq!(mixed["subject"]["reference"], "Patient/p1");
    }

    #[test]
    fn our_own_absolute_addresses_become_relative() {
        let own = ["https://fhir.example.se/fhir/r5".to_owned()];
        let mut resource = json!({
            "subject": { "reference": "https://fhir.example.se/fhir/r5/Patient/anna" },
            "participant": [{ "member": { "reference": "https://other.example.se/fhir/r5/Practitioner/x" } }],
            "instantiatesUri": ["https://fhir.example.se/fhir/r5/CarePlan/1"],
        });
        let mut expected = resource.clone();
        expected["subject"]["reference"] = json!("Patient/anna");
        make_local(&mut resource, &own);
        assert_eq!(resource, expected);
    }
}
