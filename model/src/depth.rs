//! Keeps deeply nested resources from overflowing the stack: an overflow would end the whole process.
//!
//! fhir-sdk's types recurse for each level of JSON, with large frames in a build without optimisation (measured: up to
//! 67 KiB a level). Ordinary resources are some ten levels deep and are read where they are.

use std::thread;

/// Read on the caller's stack up to this depth; a worker thread has 2 MiB.
const SHALLOW: usize = 20;
/// Nothing deeper than this is read. The service's own limit on what comes in is lower.
const DEEPEST: usize = 256;
/// Stack for each level of JSON: twice what was measured.
const STACK_PER_LEVEL: usize = 128 * 1024;

/// Runs the read with enough stack for this text; `None` when it is too deep, or no thread could be had.
pub(crate) fn with_enough_stack<T: Send>(text: &str, read: impl FnOnce() -> T + Send) -> Option<T> {
    match nesting(text) {
        depth if depth <= SHALLOW => Some(read()),
        depth if depth > DEEPEST => None,
        depth => thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(STACK_PER_LEVEL * depth);
            builder.spawn_scoped(scope, read).ok()?.join().ok()
        }),
    }
}

/// How deep arrays and objects stand in each other.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_only_what_is_structure() {
        for (text, depth) in [
            ("", 0),
            ("{}", 1),
            (r#"{"a":[{"b":{}}],"c":[]}"#, 4),
            (r#"{"a":"[[[[\"[["}"#, 1),
            (r#"{"a":"\\","b":[]}"#, 2),
            ("]]]{", 1),
            ("\"\\", 0),
        ] {
            assert_eq!(nesting(text), depth, "{text}");
        }
    }

    #[test]
    fn too_deep_is_not_read_and_the_rest_is() {
        assert_eq!(with_enough_stack(&"[".repeat(10), || 1), Some(1));
        assert_eq!(with_enough_stack(&"[".repeat(200), || 1), Some(1));
        assert_eq!(with_enough_stack(&"[".repeat(100_000), || 1), None);
    }
}
