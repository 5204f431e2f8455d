//! The small path language of the parameter table, evaluated directly on JSON: names joined by dots, arrays entered
//! silently, `telecom[system=email]` keeps the objects where something at that path has that value. Enough for HL7's search expressions on
//! our types, without a FHIRPath engine.

use serde_json::Value;

/// Every value the path leads to, in document order; `null` never.
pub fn walk<'a>(resource: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![resource];
    for (name, filter) in segments(path) {
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

/// A step's name, and what it keeps: the path within, and the value there.
type Segment<'p> = (&'p str, Option<(&'p str, &'p str)>);

/// The steps of a path: `contact.telecom[system=email]` → `contact`, (`telecom`, (`system`, `email`)).
pub fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let path = rest?;
        let end = path.find(['.', '[']).unwrap_or(path.len());
        let (name, after) = path.split_at(end);
        let (filter, after) = match after.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((filter, after)) => (filter.split_once('='), after),
            None => (None, after),
        };
        rest = after.strip_prefix('.');
        Some((name, filter))
    })
}

fn passes(item: &Value, filter: Option<(&str, &str)>) -> bool {
    !item.is_null() && filter.is_none_or(|(path, wanted)| walk(item, path).into_iter().any(|found| found == wanted))
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
        assert_eq!(walk(&resource, "contact[telecom.value=c].telecom.value"), ["c"]);
        let marked = json!({"item": [{"extension": [{"url": "http://a.b/c"}], "n": 1}, {"n": 2}]});
        assert_eq!(walk(&marked, "item[extension.url=http://a.b/c].n"), [1]);
        assert!(walk(&resource, "contact.name").is_empty());
        assert!(walk(&resource, "no.such").is_empty());
    }
}
