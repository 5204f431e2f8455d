//! FOK: fast omsorgskontakt i hemtjänsten (role 3).

use super::finding::{Evidence, Remark};
use super::kontakt::Kontaktbild;

/// The protected title undersköterska: another befattning shown is refused.
pub fn fok_01(bild: &Kontaktbild<'_>) -> Vec<Remark> {
    match bild.profession().underskoterska() {
        Evidence::Shown => Vec::new(),
        Evidence::Contradicted => vec![Remark::contradicted(
            bild.till_personen(),
            "En fast omsorgskontakt ska ha yrkestiteln undersköterska; uppgifterna visar en annan befattning.",
            "A fast omsorgskontakt must hold the title undersköterska; the data show another position.",
        )],
        Evidence::NotStated => vec![Remark::not_stated(
            bild.till_personen(),
            "det framgår inte att den fasta omsorgskontakten är undersköterska.",
            "nothing shows that the fast omsorgskontakt is an undersköterska.",
        )],
    }
}
