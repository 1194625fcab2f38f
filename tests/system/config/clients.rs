//! `postrider client` as root on a machine of its own: what it writes is root's and the service reads it.

use std::fs;

use crate::machine::can_run;
use crate::machine_runner::{CONFIG, Runner, machine};
use support::provider::Provider;
use support::wait::wait_for;

const LISTENER: &str = "[listen.lan]\naddress = \"127.0.0.1:2525\"\ntls = \"none\"\n";
const FILE: &str = "/etc/postrider/conf.d/client-scanner.toml";
/// Connects and leaves.
const CONNECT: &str = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525; printf \"QUIT\\r\\n\" >&3; cat <&3'";

#[test]
fn a_client_of_the_machine_is_added_by_root_and_read_by_the_service() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, LISTENER);
    let before = machine.sh("root", "postrider check", b"").printed;
    let _runner = Runner::start(&machine);
    let add = "postrider client add scanner --owner his --no-password --network 127.0.0.1";
    assert_eq!(machine.sh("his", add, b"").code, Some(78), "the system's configuration is root's to change");
    machine.sh("root", add, b"").good();
    let service = machine.gid("postrider");
    assert_eq!(machine.standing(FILE), (0, service, 0o640));
    assert_eq!(machine.standing("/etc/postrider/conf.d"), (0, service, 0o750));
    assert_eq!(machine.sh("root", "postrider check", b"").printed, before, "the service can read it");
    let text = fs::read_to_string(machine.path(CONFIG)).unwrap();
    fs::write(machine.path(CONFIG), format!("{text}trust = [\"scanner\"]\n")).unwrap();
    let listed = || machine.sh("root", "postrider client list", b"").good().printed;
    wait_for("the service to know its client", || {
        machine.sh("his", CONNECT, b"");
        listed().contains("last login")
    });
    let said = machine.sh("root", "postrider check", b"").printed;
    assert!(said.contains("warning: client scanner is anyone who connects from this machine: each of its "), "{said}");
    assert!(listed().contains("scanner  owner his, known by its address, 127.0.0.1"), "{}", listed());
    machine.sh("root", "postrider client add laptop --owner his </dev/null", b"").good();
    let said = machine.sh("root", "postrider client password laptop </dev/null", b"").good().printed;
    assert!(said.contains("password for client laptop saved"), "{said}");
    assert_eq!(machine.standing("/etc/postrider/conf.d/client-laptop.toml"), (0, service, 0o640));
}

#[test]
fn the_private_ca_is_the_services_and_root_hands_it_to_devices() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let machine = machine(&isp, "[listen.lan]\naddress = \"127.0.0.1:2587\"\ntls = \"starttls\"\n");
    let _runner = Runner::start(&machine);
    let made = || fs::metadata(machine.path("/var/lib/postrider/listener-lan.pem")).is_ok();
    wait_for("the certificate", made);
    let service = machine.standing("/var/spool/postrider").0;
    assert_eq!(machine.standing("/var/lib/postrider"), (service, machine.gid("postrider"), 0o700));
    for name in ["ca.key", "ca.pem", "listener-lan.pem"] {
        let path = format!("/var/lib/postrider/{name}");
        assert_eq!(machine.standing(&path), (service, machine.gid("postrider"), 0o600), "{name}");
    }
    let pem = machine.sh("root", "postrider check --ca", b"").good().printed;
    assert_eq!(pem.trim(), fs::read_to_string(machine.path("/var/lib/postrider/ca.pem")).unwrap().trim());
    let said = machine.sh("root", "postrider client add laptop --owner his </dev/null", b"").good().printed;
    assert!(said.contains("install this machine's private CA there") && said.contains("\n  SHA-256 "), "{said}");
    assert_ne!(machine.sh("his", "postrider check --ca", b"").code, Some(0));
    // Without its folder, the service says so, and check has the command.
    machine.sh("root", "pkill -x postrider; rm -r /var/lib/postrider", b"").good();
    let said = machine.sh("root", "postrider check", b"").printed;
    let command = "install -d -m 0700 -o postrider -g postrider /var/lib/postrider";
    assert!(said.contains(command), "{said}");
    machine.sh("root", command, b"").good();
    assert!(!machine.sh("root", "postrider check", b"").printed.contains("/var/lib/postrider"));
}

#[test]
fn an_address_that_the_machine_gives_to_any_device_is_named() {
    if !can_run() {
        return;
    }
    let isp = Provider::start();
    let trusting = "[listen.lan]\naddress = \"127.0.0.1:2525\"\ntls = \"none\"\nnetworks = [\"192.168.7.0/24\"]\n\
                    trust = [\"scanner\"]\n[client.scanner]\nowner = \"his\"\nnetworks = [\"192.168.7.130\"]\naccount = \"isp\"\n";
    let machine = machine(&isp, trusting);
    let check = || machine.sh("root", "postrider check", b"").printed;
    assert!(!check().contains("DHCP"), "{}", check());
    let range = "dhcp-range=192.168.7.100,192.168.7.200,12h\n";
    fs::write(machine.path("/etc/dnsmasq.conf"), range).unwrap();
    let why = "warning: client scanner is known by 192.168.7.130, which this machine's DHCP server gives to any device (192.168.7.100 \
               to 192.168.7.200); reserve the address for the device";
    assert!(check().contains(why), "{}", check());
    fs::write(machine.path("/etc/dnsmasq.conf"), format!("{range}dhcp-host=aa:bb:cc:dd:ee:ff,192.168.7.130\n"))
        .unwrap();
    assert!(!check().contains("DHCP"), "{}", check());
}
