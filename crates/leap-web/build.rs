//! Compiles the embedded files anew when they change, the fetched ones too.

fn main() {
    println!("cargo:rerun-if-changed=assets");
}
