//! HSA-ids of units and people: what one looks like, and how it is compared.

/// Longest HSA-id that is kept, in bytes; what is longer is none.
const LONGEST: usize = 64;

/// Whether it is `SE`, ten digits, a hyphen and 1 to 31 of A–Z, 0–9.
pub fn is_hsa_id(value: &str) -> bool {
    let Some((prefix, local)) = value.split_once('-') else {
        return false;
    };
    let organisation = prefix.strip_prefix("SE").unwrap_or_default();
    organisation.len() == 10
        && organisation.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=31).contains(&local.len())
        && local
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// An HSA-id as it is compared: in capitals, without spaces around it.
pub fn in_capitals(text: &str) -> String {
    text.trim().to_ascii_uppercase()
}

/// The same, as it is kept: `None` for what cannot be one.
pub fn hsa_form(value: &str) -> Option<String> {
    let value = in_capitals(value);
    let fits = !value.is_empty() && value.len() <= LONGEST && value.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(value)
}

/// `SE2321000164-VC1` → `2321000164`: the organisation number inside an HSA-id.
pub fn number_inside(hsa_id: &str) -> Option<&str> {
    let (prefix, _) = hsa_id.split_once('-')?;
    let digits = prefix.strip_prefix("SE").or_else(|| prefix.strip_prefix("se"))?;
    (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hsa_id_is_known_by_its_form() {
        for id in ["SE2321000164-1", "SE2321000164-0123456789ABCDEFGHIJKLMNOPQRSTU"] {
            assert!(is_hsa_id(id), "{id}");
        }
        for id in [
            "SE2321000164-",
            "SE2321000164-0123456789ABCDEFGHIJKLMNOPQRSTUV",
            "SE2321000164-vc1",
            "se2321000164-VC1",
            "SE232100016-VC1",
            "SE2321000164-VC-1",
            "197805232391",
            "SE2321000164",
            "",
        ] {
            assert!(!is_hsa_id(id), "{id}");
        }
    }

    #[test]
    fn an_hsa_id_is_kept_in_capitals() {
        assert_eq!(hsa_form(" se2321000164-vc1 ").as_deref(), Some("SE2321000164-VC1"));
        for value in ["", " ", "a b", "å", "X".repeat(65).as_str()] {
            assert_eq!(hsa_form(value), None, "{value}");
        }
    }

    #[test]
    fn the_organisation_number_is_read_out_of_it() {
        assert_eq!(number_inside("SE2321000164-VC1"), Some("2321000164"));
        assert_eq!(number_inside("SE232100-VC1"), None);
    }
}
