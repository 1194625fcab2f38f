//! The program `postrider`; also `sendmail`, `mailq` and `newaliases` by name.

/// The runner has many threads for a moment and few for days. The allocator of the C library keeps what each of them once used.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    postrider::cli::main()
}
