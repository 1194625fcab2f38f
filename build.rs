//! Links the compiler's unwinder into the programs. As a shared library, `libgcc_s` is looked for, mapped and
//! relocated at each start, which is some 3 % of what a `sendmail` call takes; the standard library names it
//! itself, so that `-static-libgcc` does not reach it, but a linker script of its name, found first, does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native || !has_static_unwinder() {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if fs::write(folder.join("libgcc_s.so"), "INPUT(-l:libgcc_eh.a)\n").is_ok() {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
}

/// The compiler answers with the bare name when it has no such file.
fn has_static_unwinder() -> bool {
    let told = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    told.is_ok_and(|told| Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_absolute())
}
