//! Links the privileged programs and `sendmail` as static, position-independent programs: nobody's libraries get into them, and the
//! dynamic loader takes most of the time between the start and the first line, with looking up symbols, mapping a library and writing
//! relocated pages. They ask no name service, for which glibc loads libraries at run time also in a static program, and crashes where
//! those are not of its own version or its own kind: `postrider` does that, and is linked dynamically. It gets the compiler's unwinder
//! at least: as a shared library, `libgcc_s` is looked for, mapped and relocated at each start. The standard library names all of these
//! itself, so that the compiler's options alone do not reach them, but linker scripts of their names, found first, do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Packages, and their programs that ask no name service, or leave that to another program.
const STATIC: [(&str, &str); 3] =
    [("postrider", "sendmail"), ("postrider-drop", "postrider-drop"), ("postrider-mailbox", "postrider-mailbox")];

/// What the standard library links, and in which archive it is. Since glibc 2.34 the last of them are empty.
const ARCHIVES: [(&str, &str); 7] = [
    ("gcc_s", "libgcc_eh.a"),
    ("c", "libc.a"),
    ("m", "libm.a"),
    ("dl", "libdl.a"),
    ("rt", "librt.a"),
    ("pthread", "libpthread.a"),
    ("util", "libutil.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let is_native = env::var("HOST").ok() == env::var("TARGET").ok();
    if target("OS") != "linux" || target("ENV") != "gnu" || !is_native || !has("libgcc_eh.a") {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if script(&folder, ARCHIVES[0]) {
        println!("cargo::rustc-link-search=native={}", folder.display());
    }
    let package = env::var("CARGO_PKG_NAME").unwrap_or_default();
    let Some((_, program)) = STATIC.iter().find(|(name, _)| *name == package) else { return };
    let folder = folder.join("static");
    // Distributions may have the archives in a package of their own, and those of old C libraries are not empty.
    let is_complete = ["rcrt1.o", "libc.a", "libm.a"].iter().all(|name| has(name));
    let is_made = || fs::create_dir_all(&folder).is_ok();
    if is_complete && is_made() && ARCHIVES.iter().filter(|(_, archive)| has(archive)).all(|one| script(&folder, *one))
    {
        for argument in ["-static-pie".to_owned(), format!("-L{}", folder.display())] {
            println!("cargo::rustc-link-arg-bin={program}={argument}");
        }
    }
}

/// Makes the linker take the archive where the library is asked for.
fn script(folder: &Path, (library, archive): (&str, &str)) -> bool {
    fs::write(folder.join(format!("lib{library}.so")), format!("INPUT(-l:{archive})\n")).is_ok()
}

/// The compiler answers with the bare name when it has no such file.
fn has(file: &str) -> bool {
    let told = Command::new("cc").arg(format!("-print-file-name={file}")).output();
    told.is_ok_and(|told| Path::new(String::from_utf8_lossy(&told.stdout).trim()).is_absolute())
}
