//! What the data say about a person's profession: licence (HOSP) and befattning (HSA). One satisfying code among several
//! is enough; nothing stated is neither shown nor contradicted (GEN-03).

use fastkontakt_model::facts::{Coding, Period};
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

/// Licences of other professions than physician. A code outside the list says nothing.
const ANDRA_YRKEN: &[&str] = &[
    "SJ", "AP", "AT", "AU", "BM", "BA", "DT", "FT", "HK", "KP", "LG", "NA", "OP", "OT", "PS", "PT", "RC", "RS", "SG",
    "SF", "TH", "TL",
];
/// Befattningar outside care begin so: management, administration, school, culture, technique.
const UTANFOR_VARDEN: &[&str] = &["10", "15", "4", "5", "6"];
/// Befattningar of the undersköterska.
const UNDERSKOTERSKA: &[&str] = &["207010", "207011", "207012", "207013", "207014"];
/// Distriktsläkare/specialist in allmänmedicin, and ST.
const SPECIALIST: &[&str] = &["201011", "203010"];
/// Befattningar of physicians that are neither specialist nor in specialist training.
const EJ_SPECIALIST: &[&str] = &["203020", "203090", "204010", "204090"];

/// What is stated of a person's profession.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profession {
    /// A current licence as a physician.
    licensed_physician: bool,
    /// A licence as a physician that has ended.
    ended_licence: bool,
    /// A licence as a physician that has not begun yet: neither shows nor contradicts.
    coming_licence: bool,
    /// A befattning that shows a licensed physician.
    physician_post: bool,
    /// A befattning as a physician without a licence.
    unlicensed_post: bool,
    /// Another befattning among those of physicians.
    unclear_post: bool,
    /// A licence or befattning of another profession.
    other: bool,
    /// A licence of any profession, current or ended.
    any_licence: bool,
    /// A befattning in care.
    care_post: bool,
    /// A befattning outside care.
    other_post: bool,
    /// A befattning as undersköterska.
    underskoterska: bool,
    /// A befattning as another than undersköterska; a management post tells nothing of the title.
    not_underskoterska: bool,
    specialist: bool,
    not_specialist: bool,
}

/// Where a day lies in the period of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Giltighet {
    InteBorjat,
    Galler,
    Slutat,
}

impl Giltighet {
    fn of(period: &Period, day: Date) -> Giltighet {
        if period.contains(day) {
            Giltighet::Galler
        } else if period.last_day().is_some_and(|last| last < day) {
            Giltighet::Slutat
        } else {
            Giltighet::InteBorjat
        }
    }
}

impl Profession {
    /// Reads the licences and befattningar of a member, as they are on that day.
    pub fn of(medlem: &Medlem, day: Date) -> Profession {
        let mut profession = Profession::default();
        if let Some(practitioner) = medlem.practitioner() {
            for qualification in &practitioner.qualifications {
                let giltighet = Giltighet::of(&qualification.period, day);
                let codings = qualification.code.iter().flat_map(|concept| &concept.codings);
                codings.for_each(|coding| profession.note(coding, giltighet));
            }
        }
        if let Some(role) = medlem.role() {
            let codings = role.codes.iter().flat_map(|concept| &concept.codings);
            codings.for_each(|coding| profession.note(coding, Giltighet::Galler));
        }
        profession
    }

    fn note(&mut self, coding: &Coding, giltighet: Giltighet) {
        let (Some(system), Some(code)) = (coding.system.as_deref(), coding.code.as_deref()) else {
            return;
        };
        match canonical_system(system) {
            LEGITIMATION => self.note_licence(code, giltighet),
            // A befattning has six digits; anything else says nothing.
            BEFATTNING if code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) => self.note_post(code),
            _ => {}
        }
    }

    fn note_licence(&mut self, code: &str, giltighet: Giltighet) {
        match code {
            "LK" => match giltighet {
                Giltighet::Galler => self.licensed_physician = true,
                Giltighet::Slutat => self.ended_licence = true,
                Giltighet::InteBorjat => self.coming_licence = true,
            },
            other if ANDRA_YRKEN.contains(&other) => self.other = true,
            _ => return,
        }
        self.any_licence = true;
    }

    fn note_post(&mut self, code: &str) {
        let among = |beginnings: &[&str]| beginnings.iter().any(|beginning| code.starts_with(beginning));
        let manages = code.starts_with(LEDNING);
        match code {
            _ if LAKARE.contains(&code) => self.physician_post = true,
            _ if EJ_LEGITIMERADE.contains(&code) => self.unlicensed_post = true,
            _ if among(LAKARGRUPPER) => self.unclear_post = true,
            _ if manages => {}
            _ => self.other = true,
        }
        match among(UTANFOR_VARDEN) {
            true => self.other_post = true,
            false => self.care_post = true,
        }
        self.underskoterska |= UNDERSKOTERSKA.contains(&code);
        self.not_underskoterska |= !UNDERSKOTERSKA.contains(&code) && !manages;
        self.specialist |= SPECIALIST.contains(&code);
        self.not_specialist |= EJ_SPECIALIST.contains(&code);
    }

    /// Whether the person belongs to the health care staff (FVK-02).
    pub fn care_staff(&self) -> Evidence {
        told(self.any_licence || self.care_post, self.other_post)
    }

    /// Whether the person holds the protected title undersköterska (FOK-01).
    pub fn underskoterska(&self) -> Evidence {
        told(self.underskoterska, self.not_underskoterska)
    }

    /// Whether the befattning shows a specialist or specialist training (FLK-02).
    pub fn specialist(&self) -> Evidence {
        told(self.specialist, self.not_specialist)
    }

    /// Whether the person is a physician, licensed or not.
    pub fn physician(&self) -> Evidence {
        if self.licensed_physician || self.physician_post {
            Evidence::Shown
        } else if self.other
            && !(self.ended_licence || self.coming_licence || self.unlicensed_post || self.unclear_post)
        {
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
        } else if self.unlicensed_post || (self.other && !self.unclear_post && !self.coming_licence) {
            Evidence::Contradicted
        } else {
            Evidence::NotStated
        }
    }
}

/// One satisfying code among several is enough (GEN-03).
fn told(shown: bool, another: bool) -> Evidence {
    match (shown, another) {
        (true, _) => Evidence::Shown,
        (false, true) => Evidence::Contradicted,
        (false, false) => Evidence::NotStated,
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
            let giltighet = if *current { Giltighet::Galler } else { Giltighet::Slutat };
            profession.note(&coding, giltighet);
        }
        profession
    }

    #[test]
    fn staff_of_care_underskoterska_and_specialist() {
        use Evidence::{Contradicted, NotStated, Shown};
        let post = |codes: &[&'static str]| {
            let all: Vec<_> = codes.iter().map(|code| (BEFATTNING, *code, true)).collect();
            stated(&all)
        };
        for (codes, staff, underskoterska, specialist) in [
            (&["206090"] as &[_], Shown, Contradicted, NotStated),
            (&["152018"], Contradicted, Contradicted, NotStated),
            (&["152018", "206090"], Shown, Contradicted, NotStated),
            (&["101010"], Contradicted, NotStated, NotStated),
            (&["352010"], Shown, Contradicted, NotStated),
            (&["207014"], Shown, Shown, NotStated),
            (&["206090", "207010"], Shown, Shown, NotStated),
            (&["201011"], Shown, Contradicted, Shown),
            (&["203020"], Shown, Contradicted, Contradicted),
            (&["203020", "203010"], Shown, Contradicted, Shown),
            (&["202010"], Shown, Contradicted, NotStated),
            (&[], NotStated, NotStated, NotStated),
            (&["okänd"], NotStated, NotStated, NotStated),
        ] {
            let profession = post(codes);
            let found = (
                profession.care_staff(),
                profession.underskoterska(),
                profession.specialist(),
            );
            assert_eq!(found, (staff, underskoterska, specialist), "{codes:?}");
        }
        // An administrator who is a nurse by licence belongs to the staff, also when the licence has ended.
        let administrator = stated(&[(BEFATTNING, "152018", true), (LEGITIMATION, "SJ", false)]);
        assert_eq!(administrator.care_staff(), Shown);
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
            (
                &[(LEGITIMATION, "ZZ", true), (BEFATTNING, "sköterska", true)],
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
