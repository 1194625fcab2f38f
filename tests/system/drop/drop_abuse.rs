//! What a hostile user can try with the drop program and with drop/: each is refused or harmless, and others' mail goes on being stored.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use postrider_drop::{RESERVE, SLOTS, WAITING};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{DROP, Ended, HER, HIS, Machine, PROGRAM, can_run, frame, printf, run};

const ENVELOPE: &[u8] = br#"{"v":1,"recipients":["friend@elsewhere.example"]}"#;

fn mail() -> Vec<u8> {
    frame(ENVELOPE, b"Subject: dropped\n\nHello.\n")
}

/// What lies in a slot.
fn stored(machine: &Machine, name: &str) -> Vec<u8> {
    fs::read(machine.path(DROP).join(name)).unwrap()
}

/// The only file of root's, whose slot is anyone of many.
fn of_root(machine: &Machine) -> String {
    let names: Vec<String> = machine.dropped().into_iter().filter(|name| name.starts_with("0.")).collect();
    let [name] = names.as_slice() else { panic!("not one of root's: {names:?}") };
    name.clone()
}

/// Waits until the drop program that nsenter started has so many octets in its unnamed file, and reads on; its outer number.
fn reading(nsenter: &Child, octets: usize) -> u32 {
    let patience = Instant::now();
    loop {
        let parent = nsenter.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let descriptors =
            children.trim().parse().ok().and_then(|id: u32| Some((id, fs::read_dir(format!("/proc/{id}/fd")).ok()?)));
        if let Some((id, mut descriptors)) = descriptors {
            let is_begun = descriptors.any(|descriptor| {
                let path = descriptor.unwrap().path();
                let name = fs::read_link(&path).unwrap_or_default();
                name.starts_with(DROP)
                    && fs::metadata(&path).is_ok_and(|seen| seen.is_file() && seen.len() == octets as u64)
            });
            if is_begun {
                return id;
            }
        }
        assert!(patience.elapsed() < Duration::from_secs(30), "it does not read");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_submission_is_stored_whole_and_read_by_the_runner_alone() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    assert_eq!(machine.drop_as("his", &mail()).good().said, "");
    assert_eq!(machine.dropped(), ["20001.0"]);
    let path = format!("{DROP}/20001.0");
    assert_eq!(machine.standing(&path), (HIS, machine.gid("postrider-drop"), 0o640));
    assert_eq!(stored(&machine, "20001.0"), mail());
    for login in ["his", "her"] {
        for attempt in [
            "ls DROP",
            "cat FILE",
            "stat FILE",
            "rm -f FILE",
            "mv FILE /tmp/x",
            "ln FILE /home/his/x",
            "chmod 666 FILE",
            "echo >>FILE",
        ] {
            let script = attempt.replace("FILE", &path).replace("DROP", DROP);
            assert_ne!(machine.sh(login, &script, b"").code, Some(0), "{login}: {script}");
        }
        for folder in ["queue", "failed", "history"] {
            assert_ne!(
                machine.sh(login, &format!("ls /var/spool/postrider/{folder}"), b"").code,
                Some(0),
                "{login}: {folder}"
            );
        }
        for secret in ["cat /etc/postrider/config.toml", "ls /etc/postrider/secrets"] {
            assert_ne!(machine.sh(login, secret, b"").code, Some(0), "{login}: {secret}");
        }
    }
    assert_eq!(stored(&machine, "20001.0"), mail());
    assert_eq!(machine.sh("postrider", &format!("cat {path}"), b"").good().printed.as_bytes(), mail());
    machine.sh("postrider", &format!("rm {path}"), b"").good();
}

#[test]
fn the_drop_programs_group_owns_the_drop_and_nothing_else() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    // Where the package puts files: elsewhere on the disk anything may have the number of the test's group.
    let places = "/etc /usr /run /home /var/spool /var/lib";
    let owned = machine.sh("root", &format!("find {places} -group postrider-drop"), b"");
    let mut owned: Vec<&str> = owned.printed.lines().collect();
    owned.sort_unstable();
    assert_eq!(owned, [PROGRAM, DROP]);
    let set_id = machine
        .sh("root", "find /usr/bin/postrider /usr/sbin/sendmail /usr/libexec/postrider -perm /6000", b"")
        .printed;
    assert_eq!(set_id.trim(), PROGRAM, "the one program with a set-id bit");
}

#[test]
fn wrong_frames_store_nothing() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let whole = mail();
    for cut in [0, 1, 4, 5, whole.len() - 5, whole.len() - 1] {
        let said = machine.drop_as("his", &whole[..cut]).refused(75).said;
        assert!(said.contains("ends before its end mark"), "{said}");
    }
    let long = |envelope: &[u8], length: u32| [envelope, &length.to_be_bytes(), b"xyz"].concat();
    for (input, reason) in [
        (b"\0\0\0\0".to_vec(), "has no envelope"),
        (b"Subject: no frame\n\nat all\n".to_vec(), "envelope is longer than 16777216 bytes"),
        (long(b"", u32::MAX), "envelope is longer than"),
        (long(b"\0\0\0\x02{}", u32::MAX), "message is longer than 268435456 bytes"),
        (long(b"\0\0\0\x02{}", (256 << 20) + 1), "message is longer than"),
        (long(b"\0\0\0\x02{}", 256 << 20), "ends before its end mark"),
    ] {
        let said = machine.drop_as("his", &input).refused(75).said;
        assert!(said.contains(reason), "{said}");
    }
    assert!(machine.dropped().is_empty(), "{:?}", machine.dropped());
    // Two at once are one, and what follows is the caller's own trouble.
    machine.drop_as("his", &[mail(), mail()].concat()).good();
    assert_eq!(stored(&machine, "20001.0"), mail());
}

#[test]
fn environment_and_arguments_change_nothing() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let poison = "LD_PRELOAD=/home/his/evil.so LD_LIBRARY_PATH=/home/his LD_AUDIT=/home/his/evil.so LD_DEBUG=all \
                  GLIBC_TUNABLES=glibc.malloc.check=3 MALLOC_CHECK_=3 TMPDIR=/home/his HOME=/home/his PATH=/home/his IFS=/ \
                  POSTRIDER_SPOOL=/home/his POSTRIDER_CONFIG=/home/his/c POSTRIDER_DROP=/home/his/d RUST_BACKTRACE=full \
                  RUST_MIN_STACK=1 RUST_LOG=trace LANG=/home/his NLSPATH=/home/his/%N";
    machine.sh("his", "echo no library >/home/his/evil.so", b"").good();
    let many = "$(seq 20000)";
    for (before, arguments) in [
        (poison, ""),
        ("", "--help"),
        ("", "-C/etc/shadow -O QueueDirectory=/home/his -bv -q -oQ/home/his --config=/etc/shadow -- /etc/shadow"),
        ("", many),
        ("A=$(head -c 100000 /dev/zero | tr '\\0' x)", ""),
    ] {
        let ended = machine.sh("his", &format!("{before} exec {PROGRAM} {arguments}"), &mail()).good();
        assert_eq!((ended.said.as_str(), ended.printed.as_str()), ("", ""), "{before} {arguments}");
    }
    let nameless = "import os,sys\nos.execve(sys.argv[1], ['/'], {})";
    machine.sh("his", &format!("exec python3 -c \"{nameless}\" {PROGRAM}"), &mail()).good();
    assert_eq!(machine.dropped().len(), 6);
    assert!(machine.dropped().iter().all(|name| stored(&machine, name) == mail()));
    assert_eq!(machine.sh("his", "ls -A /home/his", b"").printed, "evil.so\n");
}

#[test]
fn limits_lead_to_a_clean_refusal_and_to_nothing_stored() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let with = |limit: &str| machine.sh("his", &format!("exec prlimit {limit} {PROGRAM}"), &mail());
    assert!(with("--fsize=0").refused(75).said.contains("File too large"));
    assert!(with("--fsize=20").refused(75).said.contains("File too large"));
    assert!(with("--nofile=4").refused(75).said.contains("Too many open files"));
    // The line that says it may be refused as well: still no signal.
    let to_file = machine.sh("his", &format!("cd /home/his; exec prlimit --fsize=0 {PROGRAM} 2>said"), &mail());
    assert_eq!((to_file.code, to_file.said.as_str()), (Some(75), ""));
    // These may end it before it is our code that runs: the loader cannot open the C library.
    for limit in ["--nofile=3", "--nofile=0", "--as=1000000", "--as=0"] {
        let ended = with(limit);
        assert_ne!(ended.code, Some(0), "{limit}: {ended:?}");
    }
    assert!(machine.dropped().is_empty(), "{:?}", machine.dropped());
    for limit in
        ["--stack=100000", "--data=0", "--nproc=0", "--core=unlimited", "--cpu=1", "--memlock=0", "--sigpending=0"]
    {
        let before = machine.dropped().len();
        let ended = with(limit);
        assert_eq!(machine.dropped().len() - before, usize::from(ended.code == Some(0)), "{limit}: {ended:?}");
    }
    assert!(machine.dropped().iter().all(|name| stored(&machine, name) == mail()));
}

#[test]
fn closed_and_odd_descriptors_are_harmless() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let with = |redirection: &str| machine.sh("his", &format!("exec {PROGRAM} {redirection}"), &mail());
    for closed in ["1>&-", "2>&-", "1>&- 2>&-", "2>/dev/full", "3</etc/passwd 4</etc/passwd 5>/home/his/five 9<&0"] {
        with(closed).good();
    }
    assert_eq!(machine.dropped().len(), 5);
    assert!(machine.dropped().iter().all(|name| stored(&machine, name) == mail()), "no message of ours is in the mail");
    assert_eq!(machine.sh("his", "cat five /home/his/five", b"").printed, "", "nor anything in the caller's files");
    machine.empty_drop();
    for input in ["<&-", "</dev/null", "</dev/zero", "</dev/full", "</home/his", "</etc/passwd", "0>/home/his/written"]
    {
        with(input).refused(75);
    }
    // Where nothing can be told, the code tells it.
    assert_eq!(with("<&- >&- 2>&-").code, Some(75));
    machine
        .sh(
            "his",
            "truncate -s 1T /home/his/sparse && printf '\\377' | dd of=/home/his/sparse conv=notrunc status=none",
            b"",
        )
        .good();
    with("</home/his/sparse").refused(75);
    assert!(machine.dropped().is_empty(), "{:?}", machine.dropped());
}

#[test]
fn stopped_in_the_middle_it_leaves_nothing_and_goes_on_when_continued() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let whole = mail();
    let (first, rest) = whole.split_at(whole.len() / 2);
    let begin = || {
        let mut child = machine.start("his", &format!("exec {PROGRAM}"));
        child.stdin.as_mut().unwrap().write_all(first).unwrap();
        let id = reading(&child, first.len());
        (child, id)
    };
    // He may signal it: it is his process. What he cannot do is look into it.
    let (mut child, id) = begin();
    let as_him = |script: &str| {
        let command = ["--reuid", "20001", "--regid", "20001", "--clear-groups", "sh", "-c", script];
        Ended::from(std::process::Command::new("setpriv").args(command).stdin(Stdio::null()).output().unwrap())
    };
    as_him(&format!("kill -STOP {id}")).good();
    assert!(machine.dropped().is_empty());
    for look in [
        "ls /proc/ID/fd",
        "cat /proc/ID/mem",
        "cat /proc/ID/environ",
        "ls -l /proc/ID/cwd",
        "strace -qq -p ID",
        "prlimit --pid ID --fsize=0",
    ] {
        assert_ne!(as_him(&look.replace("ID", &id.to_string())).code, Some(0), "{look}");
    }
    machine.drop_as("her", &mail()).good();
    assert_eq!(machine.dropped(), ["20002.0"], "a stopped one is in nobody's way");
    as_him(&format!("kill -CONT {id}")).good();
    // nsenter stops when its child does.
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    child.stdin.take().unwrap().write_all(rest).unwrap();
    Ended::from(child.wait_with_output().unwrap()).good();
    assert_eq!(stored(&machine, "20001.0"), whole);
    machine.empty_drop();
    for signal in ["KILL", "TERM", "HUP", "INT", "QUIT", "ALRM", "SEGV", "PIPE", "USR1", "XCPU", "XFSZ"] {
        let (mut child, id) = begin();
        as_him(&format!("kill -{signal} {id}")).good();
        drop(child.stdin.take());
        let ended = Ended::from(child.wait_with_output().unwrap());
        assert!([None, Some(75)].contains(&ended.code), "{signal}: {ended:?}");
        assert!(machine.dropped().is_empty(), "{signal}: {:?}", machine.dropped());
    }
}

#[test]
fn without_its_group_it_says_so_with_a_code_of_its_own() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    for way in ["setpriv --no-new-privs", "strace -qq -o /dev/null"] {
        let said = machine
            .sh("his", &format!("exec {way} {PROGRAM}"), &mail())
            .refused(i32::from(postrider_drop::NOT_IN_GROUP))
            .said;
        assert!(said.contains("the set-group-id bit has no effect") && said.contains("postrider check"), "{said}");
    }
    machine.sh("root", "mount -o remount,nosuid /usr", b"").good();
    machine.drop_as("his", &mail()).refused(77);
    machine.sh("root", "mount -o remount,suid /usr", b"").good();
    // Root of a namespace of his own is nobody outside it.
    let ended = machine.sh("his", &format!("exec unshare --user --map-root-user {PROGRAM}"), &mail());
    assert_eq!(ended.code, Some(75), "{ended:?}");
    assert!(machine.dropped().is_empty(), "{:?}", machine.dropped());
    // Root needs no set-id bit, and the runner reads what root leaves.
    machine.sh("root", &format!("exec setpriv --no-new-privs {PROGRAM}"), &mail()).good();
    let name = of_root(&machine);
    assert_eq!(machine.standing(&format!("{DROP}/{name}")), (0, machine.gid("postrider-drop"), 0o640));
}

#[test]
fn links_fifos_and_devices_are_neither_followed_nor_replaced() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    // None of the users can put any there.
    for attempt in [
        "ln -s /etc/shadow DROP/20001.0",
        "ln /home/her/mine DROP/20001.0",
        "mkfifo DROP/20001.0",
        "touch DROP/.tmp-1",
        "mkdir DROP/20001.0",
    ] {
        for login in ["his", "her"] {
            assert_ne!(machine.sh(login, &attempt.replace("DROP", DROP), b"").code, Some(0), "{login}: {attempt}");
        }
    }
    for attempt in ["mv DROP DROP.old", "ln -s /home/his/mine DROP.new", "rmdir DROP", "mkdir /var/spool/postrider/x"] {
        assert_ne!(machine.sh("his", &attempt.replace("DROP", DROP), b"").code, Some(0), "{attempt}");
    }
    // Were they there all the same, they stay what they are, and so does what they lead to.
    let plant = format!(
        "cd {DROP}; echo hers >/home/her/mine; ln -s /home/her/mine 20001.0; ln -s /nowhere 20001.1; mkfifo 20001.2; mknod 20001.3 b 8 0; \
         ln /home/her/mine 20001.4 2>/dev/null || echo hers >20001.4; mkdir 20001.5"
    );
    machine.sh("root", &plant, b"").good();
    machine.drop_as("his", &mail()).good();
    assert_eq!(stored(&machine, "20001.6"), mail());
    assert_eq!(fs::read_to_string(machine.path("/home/her/mine")).unwrap(), "hers\n");
    assert!(!machine.path("/nowhere").exists());
    let kind = |name: &str| fs::symlink_metadata(machine.path(DROP).join(name)).unwrap().file_type();
    assert!(
        kind("20001.0").is_symlink()
            && kind("20001.2").is_fifo()
            && kind("20001.3").is_block_device()
            && kind("20001.5").is_dir()
    );
    assert_eq!(stored(&machine, "20001.4"), b"hers\n");
    // drop/ itself is not followed either.
    machine.sh("root", &format!("mv {DROP} {DROP}.real && ln -s drop.real {DROP}"), b"").good();
    machine.drop_as("his", &mail()).refused(75);
}

#[test]
fn all_slots_of_one_user_cost_the_others_nothing() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let fill = format!("cd {DROP}; seq 0 {} | sed 's/^/20001./' | xargs touch; chown his 20001.*", SLOTS - 1);
    machine.sh("root", &fill, b"").good();
    let said = machine.drop_as("his", &mail()).refused(75).said;
    assert!(
        said.contains("too much mail of this user waits") && said.contains("start the postrider service"),
        "{said}"
    );
    machine.drop_as("her", &mail()).good();
    machine.drop_as("root", &mail()).good();
    assert_eq!((stored(&machine, "20002.0"), stored(&machine, &of_root(&machine))), (mail(), mail()));
    machine.sh("root", &format!("rm {DROP}/20001.17"), b"").good();
    machine.drop_as("his", &mail()).good();
    assert_eq!(stored(&machine, "20001.17"), mail());
    // Few but big ones are too much as well.
    machine.empty_drop();
    machine.sh("root", &format!("cd {DROP}; truncate -s {WAITING} 20001.0; truncate -s 1 20001.1"), b"").good();
    machine.drop_as("his", &mail()).refused(75);
    machine.drop_as("her", &mail()).good();
    assert_eq!(machine.dropped(), ["20001.0", "20001.1", "20002.0"]);
}

#[test]
fn twenty_at_once_have_a_slot_each() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let script = format!("for i in $(seq 10); do {} | {PROGRAM} & done; wait", printf(&mail()));
    std::thread::scope(|scope| {
        for login in ["his", "her"] {
            scope.spawn(|| machine.sh(login, &script, b"").good());
        }
    });
    let names = machine.dropped();
    assert!(names.len() == 20 && names.iter().all(|name| stored(&machine, name) == mail()), "{names:?}");
    let owner = |name: &String| fs::metadata(machine.path(DROP).join(name)).unwrap().uid();
    assert_eq!(names.iter().filter(|name| owner(name) == HER).count(), 10);
}

#[test]
fn the_last_of_the_disk_is_left_to_root_and_a_full_one_is_reported() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let group = machine.gid("postrider-drop");
    let (size, big) = (RESERVE + (4 << 20), frame(ENVELOPE, &vec![b'x'; 8 << 20]));
    machine
        .sh(
            "root",
            &format!("mount -t tmpfs -o size={size},mode=1770,uid=$(id -u postrider),gid={group} tmpfs {DROP}"),
            b"",
        )
        .good();
    let said = machine.drop_as("his", &big).refused(75).said;
    assert!(said.contains("no storage space"), "{said}");
    machine.drop_as("his", &mail()).good();
    machine.drop_as("root", &big).good();
    machine.drop_as("root", &frame(ENVELOPE, &vec![b'x'; 80 << 20])).refused(75);
    assert_eq!(machine.dropped(), [of_root(&machine), "20001.0".to_owned()]);
    machine.sh("root", &format!("mount -o remount,ro {DROP}"), b"").good();
    assert!(machine.drop_as("his", &mail()).refused(75).said.contains("Read-only file system"));
}

#[test]
fn without_proc_it_is_stored_all_the_same() {
    if !can_run() {
        return;
    }
    let machine = Machine::new();
    let script = format!("umount -l /proc && exec setpriv --reuid 20001 --regid 20001 --clear-groups {PROGRAM}");
    let mut command = machine.command("root", "");
    command = {
        let mut inner = std::process::Command::new(command.get_program());
        inner.args(command.get_args().take_while(|argument| *argument != "sh"));
        inner.args(["unshare", "--mount", "sh", "-c", &script]);
        inner.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        inner
    };
    run(command, &mail()).good();
    assert_eq!((machine.dropped(), stored(&machine, "20001.0")), (vec!["20001.0".to_owned()], mail()));
    assert_eq!(machine.standing(&format!("{DROP}/20001.0")), (HIS, machine.gid("postrider-drop"), 0o640));
}
