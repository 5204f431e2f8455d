//! A changed migration is embedded anew; cargo would not see it by itself.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
