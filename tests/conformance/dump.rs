//! Writes every resource of the rules' test vectors, in both versions, as lines of JSON for the reference validator:
//! `cargo run --example conformance-dump -- DIRECTORY` makes `r4.ndjson` and `r5.ndjson`. What a vector has in one
//! version is converted to the other by the service's own conversion. Each line: where it stands, and the resource.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let target = PathBuf::from(
        std::env::args()
            .nth(1)
            .ok_or_else(|| io::Error::other("name a directory"))?,
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/riktlinje");
    let mut given = Vec::new();
    for file in json_files(&root)? {
        let vector: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let version = match vector["version"].as_str() {
            Some("r4") => FhirVersion::R4,
            _ => FhirVersion::R5,
        };
        let place = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        resources(&vector, &mut |resource| {
            given.push((place.clone(), version, resource.clone()))
        });
    }
    fs::create_dir_all(&target)?;
    for version in FhirVersion::ALL {
        let mut out = io::BufWriter::new(fs::File::create(target.join(format!("{version}.ndjson")))?);
        let mut seen = HashSet::new();
        for (place, from, resource) in &given {
            let resource = match (from, version) {
                (FhirVersion::R5, FhirVersion::R4) => r5_to_r4(resource).resource,
                (FhirVersion::R4, FhirVersion::R5) => r4_to_r5(resource).resource,
                _ => resource.clone(),
            };
            if seen.insert(resource.to_string()) {
                writeln!(out, "{}", json!({ "place": place, "resource": resource }))?;
            }
        }
        out.flush()?;
        println!("{version}: {} resources of the vectors", seen.len());
    }
    Ok(())
}

/// The files of a directory and those below, by name.
fn json_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(json_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The outermost resources of a vector, whatever member they stand in.
fn resources(value: &Value, take: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(members) if members.contains_key("resourceType") => take(value),
        Value::Object(members) => members.values().for_each(|member| resources(member, take)),
        Value::Array(items) => items.iter().for_each(|item| resources(item, take)),
        _ => {}
    }
}
