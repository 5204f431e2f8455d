//! What the rules leave to the region: one line per parameter, with its meaning and national value. A policy file names
//! them with hyphens; unknown names are refused.

use serde::Deserialize;
use serde_json::{Value, json};

use super::PolicyCode;

/// Declares the parameters once: as the rules read them, and as a policy file may state them.
macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $national:expr),+ $(,)?) => {
        /// What fills the rules' parameters in a region.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Parameters {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Default for Parameters {
            /// The national values.
            fn default() -> Parameters {
                Parameters { $($name: $national,)+ }
            }
        }

        impl Parameters {
            /// Name in a policy file, meaning, and value here of every parameter; for whoever reads of them.
            pub fn listed(&self) -> Vec<(String, &'static str, Value)> {
                vec![$((
                    stringify!($name).replace('_', "-"),
                    concat!($($doc),+).trim(),
                    json!(self.$name),
                )),+]
            }
        }

        /// The parameters that a policy file states.
        #[derive(Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub(super) struct ParametersDraft {
            $($name: Option<$type>,)+
        }

        impl ParametersDraft {
            /// Puts what is stated in the place of what the base says.
            pub(super) fn apply(&self, parameters: &mut Parameters) {
                $(if let Some(stated) = &self.$name {
                    parameters.$name.clone_from(stated);
                })+
            }
        }
    };
}

parameters! {
    /// FVK-03: most active fasta vårdkontakter per patient; none is no limit.
    flest_fasta_vardkontakter: Option<usize> = None,
    /// FVK-03: the physician for a life-threatening state is not counted.
    livshotande_lakare_raknas_inte: bool = false,
    /// FVK-01, PAT-03: codes of conditions that are life-threatening in themselves.
    livshotande_koder: Vec<PolicyCode> = Vec::new(),
    /// Whether the behandlande roller are used beside the fasta kontakter.
    behandlande_roller: bool = false,
    /// FK-08: HSA-ids of konsultverksamheter, which offer neither fast vårdkontakt nor fast läkarkontakt.
    konsultverksamheter: Vec<String> = Vec::new(),
    /// FLK-02: specialties and qualifications that make a specialist, beside the befattningar.
    specialistkoder: Vec<PolicyCode> = Vec::new(),
    /// FLK-03: psychiatry may host the fast läkarkontakt of a patient in hemsjukvård.
    psykiatri_far_ha_lakarkontakt: bool = false,
    /// PAT-01: insatsformer that require a fast läkarkontakt.
    insatser_som_kraver_lakarkontakt: Vec<String> = Vec::new(),
    /// PAT-04: behovsgrupper that should have a dokumenterad överenskommelse.
    grupper_for_overenskommelse: Vec<String> = texts(&["komplext", "stort-vard-och-omsorgsbehov"]),
    /// The fast vårdkontakt gets a signal when someone else makes an överenskommelse.
    signal_vid_overenskommelse: bool = false,
    /// DOK-08: the canonical of the question set that goes with an överenskommelse; none in most regions.
    fragor: Option<String> = None,
    /// LIST-01: inhabitants per specialist.
    invanare_per_specialist: usize = 1100,
    /// LIST-01: inhabitants per physician in specialist training.
    invanare_per_st_lakare: usize = 550,
    /// PAT-08: days from asked for to appointed (a proposal, no source).
    dagar_till_utsedd: i32 = 14,
    /// UTS: days that a discharge is looked back at (a proposal, no source).
    dagar_efter_utskrivning: i32 = 30,
    /// PAT-01 to 04: days that a declined offer is respected (a proposal, no source).
    dagar_avbojt_erbjudande: i32 = 365,
    /// PAT-06: months between reviews of a fast vårdkontakt; off, since no source gives a number.
    manader_mellan_omprovningar: Option<i32> = None,
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
