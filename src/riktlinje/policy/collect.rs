//! The policies of a running service put together: the shipped ones, and an operator's, which add or, by the same name,
//! override. A file that cannot be used stops the start. Called at the start, and by `validate`.

use std::path::Path;

use super::file::{Draft, File, PolicyError};
use super::{NATIONELL, Policies, Policy};

/// The shipped files, name and text.
const SHIPPED: &[(&str, &str)] = &[
    (
        "nationell.toml",
        include_str!("../../../schemas/policies/nationell.toml"),
    ),
    (
        "region-orebro-lan.toml",
        include_str!("../../../schemas/policies/region-orebro-lan.toml"),
    ),
    (
        "region-gavleborg.toml",
        include_str!("../../../schemas/policies/region-gavleborg.toml"),
    ),
    (
        "region-halland.toml",
        include_str!("../../../schemas/policies/region-halland.toml"),
    ),
    (
        "region-jamtland-harjedalen.toml",
        include_str!("../../../schemas/policies/region-jamtland-harjedalen.toml"),
    ),
];

impl Policies {
    /// The five policies that come with the program.
    pub fn shipped() -> Policies {
        match Policies::combine(shipped_files(), Vec::new()) {
            Ok(policies) => policies,
            // Cannot happen: a test reads them all.
            Err(_) => Policies {
                all: vec![Policy {
                    name: NATIONELL.to_owned(),
                    ..Policy::default()
                }],
                nationell: 0,
            },
        }
    }

    /// The shipped policies, and those of a directory (`*.toml`), which add or, by the same name, override.
    pub fn load(directory: &Path) -> Result<Policies, PolicyError> {
        Policies::combine(shipped_files(), files_in(directory)?)
    }

    fn combine(shipped: Vec<File>, added: Vec<File>) -> Result<Policies, PolicyError> {
        let read = |file: File| Draft::read(&file).map(|draft| (file, draft));
        let shipped = shipped.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let added = added.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for (index, (file, draft)) in added.iter().enumerate() {
            if added[..index].iter().any(|(_, earlier)| earlier.name() == draft.name()) {
                return Err(file.error(
                    draft.name.span(),
                    format!("the policy {} is in another file too", draft.name()),
                ));
            }
        }
        let overridden = |name: &str| added.iter().any(|(_, draft)| draft.name() == name);
        let mut all: Vec<Policy> = Vec::new();
        for (file, draft) in shipped
            .iter()
            .filter(|(_, draft)| !overridden(draft.name()))
            .chain(&added)
        {
            let policy = draft.finish(file, &shipped)?;
            refuse_claimed_twice(file, draft, &policy, &all)?;
            all.push(policy);
        }
        let nationell = all
            .iter()
            .position(|policy| policy.name == NATIONELL)
            .unwrap_or_default();
        Ok(Policies { all, nationell })
    }
}

/// The `*.toml` of a directory, in the order of their names.
fn files_in(directory: &Path) -> Result<Vec<File>, PolicyError> {
    let unreadable =
        |path: &Path, error: std::io::Error| PolicyError::of_file(path.display().to_string(), error.to_string());
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        files.push(File {
            name: path.display().to_string(),
            text,
        });
    }
    Ok(files)
}

fn shipped_files() -> Vec<File> {
    SHIPPED
        .iter()
        .map(|(name, text)| File {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect()
}

/// A unit or a prefix may belong to one policy only.
fn refuse_claimed_twice(file: &File, draft: &Draft, policy: &Policy, others: &[Policy]) -> Result<(), PolicyError> {
    for other in others {
        if let Some(claim) = policy
            .hsa_prefix
            .iter()
            .find(|prefix| other.hsa_prefix.contains(prefix))
        {
            return Err(file.error(
                draft.name.span(),
                format!("the HSA prefix {claim} belongs to {} too", other.name),
            ));
        }
        if let Some(claim) = policy.enheter.iter().find(|unit| other.enheter.contains(unit)) {
            return Err(file.error(
                draft.name.span(),
                format!("the unit {claim} belongs to {} too", other.name),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::HuvudmanKind;
    use super::*;

    fn with(text: &str) -> Result<Policies, PolicyError> {
        Policies::combine(
            shipped_files(),
            vec![File {
                name: "min.toml".to_owned(),
                text: text.to_owned(),
            }],
        )
    }

    fn refused(text: &str) -> PolicyError {
        with(text).expect_err("the file should be refused")
    }

    #[test]
    fn the_five_shipped_policies_can_be_read() {
        let policies = Policies::combine(shipped_files(), Vec::new()).expect("shipped policies");
        let names = [
            "nationell",
            "region-orebro-lan",
            "region-gavleborg",
            "region-halland",
            "region-jamtland-harjedalen",
        ];
        assert_eq!(policies.names(), names);
        assert_eq!(policies.nationell().name, NATIONELL);
        assert_eq!(
            policies
                .by_prefix("SE2321000164-VC1")
                .map(|policy| policy.name.as_str()),
            Some("region-orebro-lan")
        );
    }

    #[test]
    fn a_region_is_added_in_a_few_lines() {
        let policies = with("name = \"region-x\"\nhsa-prefix = [\"SE2321009999\"]\n[severity]\nDOK-04 = \"error\"\n")
            .expect("read");
        let policy = policies.by_name("region-x").expect("added");
        assert_eq!(policy.huvudman, Some(HuvudmanKind::Region));
        assert_eq!(policy.severity.len(), 1);
    }

    #[test]
    fn a_shipped_policy_is_overridden_by_name_and_may_start_from_itself() {
        let policies = with("name = \"region-halland\"\nbase = \"region-halland\"\nenheter = [\"SE5560000000-A\"]\n")
            .expect("read");
        assert_eq!(policies.names().len(), 5);
        let halland = policies.by_name("region-halland").expect("there");
        assert_eq!(halland.parameters.flest_fasta_vardkontakter, Some(9));
        assert_eq!(halland.hsa_prefix, ["SE2321000115"]);
        assert!(policies.listing("se5560000000-a").is_some());
    }

    #[test]
    fn bad_files_are_refused_with_line_and_reason() {
        let unknown_rule = refused("name = \"x\"\n\n[severity]\nFK-99 = \"error\"\n");
        assert_eq!(
            (unknown_rule.line, unknown_rule.reason.as_str()),
            (Some(4), "there is no rule FK-99")
        );
        let unknown_parameter = refused("name = \"x\"\n[parameters]\nflest = 3\n");
        assert_eq!(unknown_parameter.line, Some(3));
        assert!(
            unknown_parameter.reason.contains("flest"),
            "{}",
            unknown_parameter.reason
        );
        assert_eq!(refused("name = \"x\"\n[severity]\nFK-01 = \"fel\"\n").line, Some(3));
        let unknown_code = refused("name = \"x\"\n[parameters]\ninsatser-som-kraver-lakarkontakt = [\"hemtjanst\"]\n");
        assert_eq!(unknown_code.line, Some(3));
        assert!(unknown_code.reason.contains("hemtjanst"), "{}", unknown_code.reason);
        assert_eq!(refused("name = \"x\"\nbase = \"y\"\n").line, Some(2));
        assert_eq!(refused("name = \"x\"\nhsa-prefix = [\"232100\"]\n").line, Some(2));
        assert_eq!(refused("name = \"x\"\ntitle = = 1\n").line, Some(2));
        assert!(
            refused("name = \"x\"\nhsa-prefix = [\"SE2321000164\"]\n")
                .reason
                .contains("region-orebro-lan")
        );
        assert!(refused("title = \"x\"\n").reason.contains("name"));
    }
}
