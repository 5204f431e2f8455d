//! Why the typed models are read with sonic-rs and never with serde_json.
//!
//! The service keeps every digit by serde_json's feature `arbitrary_precision`; cargo switches it on for the whole build.
//! With it, serde_json hands a number inside a flattened choice element to fhir-sdk as a private map, the choice does not
//! recognise it, and because the choice is optional it is dropped without an error. sonic-rs is not touched by the
//! feature.

use fhir_sdk::r5::types::{Extension, ExtensionValue};

const DECIMAL: &str = r#"{"url": "http://example.org/vikt", "valueDecimal": 1.50}"#;
const QUANTITY: &str = r#"{"url": "http://example.org/vikt", "valueQuantity": {"value": 72.50, "unit": "kg"}}"#;

#[test]
fn arbitrary_precision_is_on_in_this_build() {
    let number: serde_json::Value = serde_json::from_str("1.50").unwrap();
    assert_eq!(
        number.to_string(),
        "1.50",
        "without the feature this file proves nothing"
    );
}

#[test]
fn sonic_rs_keeps_decimals_of_choice_elements() {
    let decimal: Extension = sonic_rs::from_str(DECIMAL).unwrap();
    assert!(matches!(decimal.value, Some(ExtensionValue::Decimal(value)) if value == 1.5));
    let quantity: Extension = sonic_rs::from_str(QUANTITY).unwrap();
    let Some(ExtensionValue::Quantity(quantity)) = &quantity.value else {
        panic!("quantity lost")
    };
    assert_eq!(quantity.value, Some(72.5));
}

/// The trap itself. When this fails, fhir-sdk or serde_json has changed and the choice of parser may be thought over.
#[test]
fn serde_json_loses_them_silently() {
    let decimal: Extension = serde_json::from_str(DECIMAL).unwrap();
    assert_eq!(decimal.value, None);
    let quantity: Extension = serde_json::from_str(QUANTITY).unwrap();
    let value = match &quantity.value {
        Some(ExtensionValue::Quantity(quantity)) => quantity.value,
        _ => None,
    };
    assert_eq!(value, None);
}
