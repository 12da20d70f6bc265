//! Compiles the crate again when a migration file comes or goes, which `sqlx::migrate!` cannot see.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
