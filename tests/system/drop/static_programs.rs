//! The privileged programs are static: nothing is searched for, mapped and looked up before their first line, and nobody's libraries
//! get into them.

use std::fs;

use crate::machine::{MAILBOX_PROGRAM, Machine, PROGRAM, can_run};

/// Whether a program asks for a loader: a program header of the type `PT_INTERP` (elf(5), 64 bits).
fn has_loader(program: &[u8]) -> bool {
    let number = |at: usize, octets: usize| {
        program[at..at + octets].iter().rev().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|header| number(table + header * size, 4) == 3)
}

#[test]
fn what_is_privileged_needs_no_loader_and_what_asks_name_services_has_one() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let read = |path: &str| fs::read(machine.path(path)).unwrap();
    for program in ["/usr/bin/postrider", "/usr/sbin/sendmail"] {
        assert!(has_loader(&read(program)), "{program}");
    }
    for program in [PROGRAM, MAILBOX_PROGRAM] {
        assert!(!has_loader(&read(program)), "{program}");
    }
}
