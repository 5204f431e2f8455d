//! Policy files as an operator writes them: README's region of ten lines, docs/policies.md, and files that cannot be used.

use std::path::{Path, PathBuf};
use std::process::Command;

use fastkontakt::riktlinje::catalogue::all;
use fastkontakt::riktlinje::{Policies, Severity};

use crate::common::spawn_with;

/// A folder of policy files, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, text: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("fastkontakt-policies-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).expect("a folder");
        std::fs::write(path.join(name), text).expect("a file");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn document(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The TOML block of README.
fn snippet() -> String {
    let readme = document("README.md");
    let mut blocks = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .find(|block| block.contains("hsa-prefix"))
        .expect("the TOML of a region")
        .to_owned()
}

#[test]
fn the_region_of_ten_lines_in_the_readme_judges_its_units() {
    let text = snippet();
    assert!(
        text.lines().filter(|line| !line.trim().is_empty()).count() <= 10,
        "{text}"
    );
    let folder = Folder::with("region-exempel.toml", &text);
    let app = spawn_with(|settings| settings.policies = Some(folder.0.clone()));
    let policies = &app.door.policies;
    let policy = policies.by_prefix("SE2321009999-VC1").expect("its units");
    assert_eq!(policy.name, "region-exempel");
    let severity = |id: &str| {
        let rule = all().find(|rule| rule.id.as_str() == id).expect(id);
        policy.severity(rule)
    };
    assert_eq!(severity("DOK-04"), Some(Severity::Error));
    assert_eq!(severity("FK-04"), None);
    assert_eq!(policy.parameters.flest_fasta_vardkontakter, Some(2));
    assert!(app.get("/riktlinje").expect(200).text.contains("Region Exempel"));
    let rules = app.get("/fhir/r5/CodeSystem/riktlinje").expect(200).text;
    assert!(rules.contains("allvarlighet-region-exempel"));
}

#[test]
fn docs_policies_tells_every_parameter_with_its_meaning_and_national_value() {
    let told = document("docs/policies.md");
    for (name, meaning, national) in Policies::shipped().nationell().parameters.listed() {
        let national = match national {
            serde_json::Value::Null => "none".to_owned(),
            other => format!("`{other}`"),
        };
        let row = format!("| `{name}` | {meaning} | {national} |");
        assert!(told.contains(&row), "docs/policies.md lacks the row\n{row}");
    }
}

#[test]
fn a_bad_policy_file_stops_the_start_with_file_line_and_reason() {
    for (text, line, reason) in [
        (
            "name = \"x\"\n[severity]\nFK-99 = \"error\"\n",
            3,
            "there is no rule FK-99",
        ),
        ("name = \"x\"\n[parameters]\nflest = 1\n", 3, "flest"),
        (
            "name = \"x\"\n\n[parameters]\ngrupper-for-overenskommelse = [\"alla\"]\n",
            4,
            "there is no alla",
        ),
    ] {
        let folder = Folder::with("fel.toml", text);
        let database = format!("sqlite://{}", folder.0.join("test.db").display());
        let output = Command::new(env!("CARGO_BIN_EXE_fastkontakt"))
            .args([
                "serve",
                "--open",
                "--bind",
                "127.0.0.1:0",
                "--database",
                &database,
                "--policies",
            ])
            .arg(&folder.0)
            .output()
            .expect("the program starts");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{told}");
        assert!(told.contains(&format!("fel.toml, line {line}: ")), "{told}");
        assert!(told.contains(reason), "{told}");
    }
}
