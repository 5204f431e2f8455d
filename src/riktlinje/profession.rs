//! What the data say about a person's profession: licence (HOSP) and befattning (HSA). One satisfying code among several
//! is enough; nothing stated is neither shown nor contradicted (GEN-03).

use fastkontakt_model::facts::Coding;
use jiff::civil::Date;

use crate::fhir::identifiers::{BEFATTNING, canonical_system};

use super::codes::LEGITIMATION;
use super::finding::Evidence;
use super::medlem::Medlem;

/// Befattningar that show a licensed physician.
const LAKARE: &[&str] = &[
    "201010", "201011", "201012", "201013", "202010", "203010", "203020", "203090",
];
/// Physicians without a licence.
const EJ_LEGITIMERADE: &[&str] = &["204010", "204090"];
/// Befattningar of physicians begin so; one that is not listed above says nothing of the licence.
const LAKARGRUPPER: &[&str] = &["201", "202", "203", "204"];
/// Befattningar of managers begin so: a management post is no profession, a verksamhetschef may well be a physician.
const LEDNING: &str = "10";

/// What is stated of a person's profession.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profession {
    /// A current licence as a physician.
    licensed_physician: bool,
    /// A licence as a physician that has ended.
    ended_licence: bool,
    /// A befattning that shows a licensed physician.
    physician_post: bool,
    /// A befattning as a physician without a licence.
    unlicensed_post: bool,
    /// Another befattning among those of physicians.
    unclear_post: bool,
    /// A licence or befattning of another profession.
    other: bool,
}

impl Profession {
    /// Reads the licences and befattningar of a member.
    pub fn of(medlem: &Medlem, today: Date) -> Profession {
        let mut profession = Profession::default();
        if let Some(practitioner) = medlem.practitioner() {
            for qualification in &practitioner.qualifications {
                let current = qualification.period.contains(today);
                let codings = qualification.code.iter().flat_map(|concept| &concept.codings);
                codings.for_each(|coding| profession.note(coding, current));
            }
        }
        if let Some(role) = medlem.role() {
            let codings = role.codes.iter().flat_map(|concept| &concept.codings);
            codings.for_each(|coding| profession.note(coding, true));
        }
        profession
    }

    fn note(&mut self, coding: &Coding, current: bool) {
        let (Some(system), Some(code)) = (coding.system.as_deref(), coding.code.as_deref()) else {
            return;
        };
        match canonical_system(system) {
            LEGITIMATION if code == "LK" && current => self.licensed_physician = true,
            LEGITIMATION if code == "LK" => self.ended_licence = true,
            LEGITIMATION => self.other = true,
            BEFATTNING if LAKARE.contains(&code) => self.physician_post = true,
            BEFATTNING if EJ_LEGITIMERADE.contains(&code) => self.unlicensed_post = true,
            BEFATTNING if LAKARGRUPPER.iter().any(|group| code.starts_with(group)) => self.unclear_post = true,
            BEFATTNING if code.starts_with(LEDNING) => {}
            BEFATTNING => self.other = true,
            _ => {}
        }
    }

    /// Whether the person is a physician, licensed or not.
    pub fn physician(&self) -> Evidence {
        if self.licensed_physician || self.physician_post {
            Evidence::Shown
        } else if self.other && !(self.ended_licence || self.unlicensed_post || self.unclear_post) {
            Evidence::Contradicted
        } else {
            Evidence::NotStated
        }
    }

    /// Whether the person is a licensed physician. An ended licence without a current one goes before any befattning.
    pub fn licensed_physician(&self) -> Evidence {
        if self.licensed_physician {
            Evidence::Shown
        } else if self.ended_licence {
            Evidence::Contradicted
        } else if self.physician_post {
            Evidence::Shown
        } else if self.unlicensed_post || (self.other && !self.unclear_post) {
            Evidence::Contradicted
        } else {
            Evidence::NotStated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(codes: &[(&str, &str, bool)]) -> Profession {
        let mut profession = Profession::default();
        for (system, code, current) in codes {
            let coding = Coding {
                system: Some((*system).into()),
                code: Some((*code).into()),
                display: None,
            };
            profession.note(&coding, *current);
        }
        profession
    }

    /// System, code and whether it is current; then: physician, licensed physician.
    type Case<'c> = (&'c [(&'c str, &'c str, bool)], Evidence, Evidence);

    #[test]
    fn licence_and_befattning_show_contradict_or_say_nothing() {
        use Evidence::{Contradicted, NotStated, Shown};
        let misprint = "urn:oid:1.2.759.129.2.2.1.4";
        let cases: &[Case] = &[
            (&[], NotStated, NotStated),
            (&[(LEGITIMATION, "LK", true)], Shown, Shown),
            (&[(BEFATTNING, "201011", true)], Shown, Shown),
            (&[(misprint, "203010", true)], Shown, Shown),
            (&[(BEFATTNING, "204010", true)], NotStated, Contradicted),
            (&[(BEFATTNING, "206011", true)], Contradicted, Contradicted),
            (
                &[(LEGITIMATION, "SJ", true), (BEFATTNING, "152018", true)],
                Contradicted,
                Contradicted,
            ),
            (&[(LEGITIMATION, "SJ", true), (LEGITIMATION, "LK", true)], Shown, Shown),
            (
                &[(LEGITIMATION, "LK", false), (BEFATTNING, "201010", true)],
                Shown,
                Contradicted,
            ),
            (&[(LEGITIMATION, "LK", false), (LEGITIMATION, "LK", true)], Shown, Shown),
            (&[(LEGITIMATION, "LK", false)], NotStated, Contradicted),
            (&[(BEFATTNING, "101010", true)], NotStated, NotStated),
            (
                &[("http://terminology.hl7.org/CodeSystem/practitioner-role", "nurse", true)],
                NotStated,
                NotStated,
            ),
        ];
        for (codes, physician, licensed) in cases {
            let profession = stated(codes);
            assert_eq!(
                (profession.physician(), profession.licensed_physician()),
                (*physician, *licensed),
                "{codes:?}"
            );
        }
    }
}
