//! The machine's runner, with a config for one provider: what the tests of system mode start from.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use support::provider::Provider;
use support::wait::wait_for;

pub const CONFIG: &str = "/etc/postrider/config.toml";
/// A mail.
pub const MAIL: &[u8] = b"Subject: hello\n\ntext\n";

/// The machine with a runner's config for this provider; `more` is written behind the account's keys.
pub fn machine(provider: &Provider, more: &str) -> Machine {
    let machine = Machine::new();
    configure(&machine, provider, more);
    machine
}

pub fn configure(machine: &Machine, provider: &Provider, more: &str) {
    let (username, password) = provider.credential();
    secret(machine, "isp.password", password);
    fs::write(machine.path("/etc/postrider/isp.pem"), provider.authority()).unwrap();
    let config = format!(
        "hostname = \"homebox.home.lan\"\norigin = \"home.lan\"\npostmaster = \"boss@isp.example\"\ngeneric = [{{ \"@home.lan\" = \"me@isp.example\" }}]\n[account.isp]\n\
         relay = \"{}\"\nusername = \"{username}\"\npassword = {{ file = \"isp.password\" }}\ntls_ca = \"isp.pem\"\n{more}\n",
        provider.relay()
    );
    fs::write(machine.path(CONFIG), config).unwrap();
    fs::set_permissions(machine.path(CONFIG), fs::Permissions::from_mode(0o644)).unwrap();
}

fn secret(machine: &Machine, name: &str, text: &str) {
    let path = machine.path("/etc/postrider").join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    chown(&path, Some(0), Some(machine.gid("postrider"))).unwrap();
}

/// Waits until the provider has this many mails and the runner has recorded it. What a test does next then meets neither
/// a session that is still open, with the password it used, nor mail that a killed runner's successor sends again.
pub fn wait_for_delivery(machine: &Machine, provider: &Provider, mails: usize) {
    wait_for(&format!("{mails} mails"), || provider.received() == mails);
    wait_for("an empty queue", || machine.sh("root", "mailq", b"").printed == "Mail queue is empty\n");
}

/// Stops the runner, in the end by force.
const STOP: &str =
    "pkill -x postrider; timeout 10 pidwait -x postrider; pkill -9 -x postrider; rm -f /run/postrider/submit";

/// The runner, started by root; stopped when dropped, as a service manager stops it, so that what the provider has is
/// on record and the next runner does not send it a second time.
pub struct Runner<'m>(Child, &'m Machine);

impl<'m> Runner<'m> {
    /// Started, and listening.
    pub fn start(machine: &'m Machine) -> Self {
        Self::start_by(machine, "")
    }

    /// The same, started by a program that root runs.
    pub fn start_by(machine: &'m Machine, program: &str) -> Self {
        let child = machine.start("root", &format!("exec {program} postrider run >/run/runner.log 2>&1"));
        let runner = Self(child, machine);
        wait_for("the runner to listen", || {
            fs::symlink_metadata(machine.path("/run/postrider/submit")).is_ok()
                && machine.sh("his", "postrider status >/dev/null 2>&1; true", b"").code == Some(0)
        });
        runner
    }
}

impl Runner<'_> {
    /// The most memory it ever had, in KiB.
    pub fn peak_memory(&self) -> u64 {
        let script = "grep VmHWM /proc/$(pgrep -ox postrider)/status";
        let line = self.1.sh("root", script, b"").good().printed;
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        // The child is nsenter; what it entered with ends with it only if it is told to.
        let _ = self.1.sh("root", STOP, b"");
        // It ends when that has: who looks for the runner's lock then must not find it.
        let end = Instant::now() + Duration::from_secs(10);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
        if std::thread::panicking() {
            eprintln!("the runner said:\n{}", fs::read_to_string(self.1.path("/run/runner.log")).unwrap_or_default());
        }
    }
}
