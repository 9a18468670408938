//! Rebuilds when a migration or a template changes: the macros that embed them do not tell cargo.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=static");
}
