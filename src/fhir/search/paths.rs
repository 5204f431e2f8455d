//! The small path language of the parameter table, evaluated directly on JSON: names joined by dots, arrays entered
//! silently, `telecom[system=email]` keeps the objects whose member has that value. Enough for HL7's search expressions on
//! our types, without a FHIRPath engine.

use serde_json::Value;

/// Every value the path leads to, in document order; `null` never.
pub fn walk<'a>(resource: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![resource];
    for segment in path.split('.') {
        let (name, filter) = split_filter(segment);
        let mut next = Vec::new();
        for value in found {
            match value.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::Array(items)) => next.extend(items.iter().filter(|item| passes(item, filter))),
                Some(item) if passes(item, filter) => next.push(item),
                Some(_) => {}
            }
        }
        found = next;
    }
    found
}

/// `telecom[system=email]` → (`telecom`, Some((`system`, `email`))).
fn split_filter(segment: &str) -> (&str, Option<(&str, &str)>) {
    match segment.split_once('[') {
        None => (segment, None),
        Some((name, filter)) => (name, filter.trim_end_matches(']').split_once('=')),
    }
}

fn passes(item: &Value, filter: Option<(&str, &str)>) -> bool {
    !item.is_null() && filter.is_none_or(|(member, wanted)| item.get(member).and_then(Value::as_str) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrays_are_entered_and_filters_applied() {
        let resource = json!({"contact": [
            {"telecom": [{"system": "email", "value": "a"}, {"system": "phone", "value": "b"}]},
            {"telecom": [{"system": "email", "value": "c"}]},
            {"name": [null]},
        ]});
        assert_eq!(walk(&resource, "contact.telecom.value"), ["a", "b", "c"]);
        assert_eq!(walk(&resource, "contact.telecom[system=email].value"), ["a", "c"]);
        assert!(walk(&resource, "contact.name").is_empty());
        assert!(walk(&resource, "no.such").is_empty());
    }
}
