//! Her mail while somebody else attacks: it goes on being taken and delivered, and how fast is measured and printed.

use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::machine_runner::MAIL;
use support::provider::{Mail, Provider};
use support::wait::wait_for;

/// So long her mail may take at the worst, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ended with the test.
pub struct Attack(Child);

impl Attack {
    /// Started by this login.
    pub fn start(machine: &Machine, login: &str, script: &str) -> Self {
        Self(machine.start(login, script))
    }

    /// Until it says that it is at work.
    pub fn is_on(&mut self) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "begun\n");
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Those that went to this friend alone.
pub fn mails_to<'m>(mails: &'m [Mail], whom: &str) -> Vec<&'m Mail> {
    mails.iter().filter(|mail| mail.to == [format!("{whom}@away.example")]).collect()
}

/// Her mails, one after the other: how long each takes until it is stored and until it is with the provider.
pub fn measure(machine: &Machine, isp: &Provider, during: &str) {
    let delivered = || mails_to(&isp.mails(), "her-friend").len();
    let (mut stored, mut there, before) = (Vec::new(), Vec::new(), delivered());
    for number in 1..=8 {
        let begun = Instant::now();
        machine.sh("her", "sendmail her-friend@away.example", MAIL).good();
        stored.push(begun.elapsed());
        wait_for("her mail", || delivered() == before + number);
        there.push(begun.elapsed());
    }
    stored.sort_unstable();
    there.sort_unstable();
    println!(
        "{during}: her mail is stored in {:?} (at most {:?}) and delivered in {:?} (at most {:?})",
        stored[4], stored[7], there[4], there[7]
    );
    assert!(there[7] < PATIENCE, "{during}: {there:?}");
}
