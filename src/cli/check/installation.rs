//! Whether postrider is installed for the whole machine as it must be: what is where, whose
//! and with which mode (contrib/install.sh and the packages make it), who may be in its
//! groups, and for each deviation the command that mends it. Nothing is changed here.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};
use postrider_drop::{FOLDER, GROUP as DROP_GROUP};

use super::Findings;
use crate::config::places::{DROP_PROGRAM, SYSTEM_CONFIG, SYSTEM_SPOOL, SYSTEM_STATE};
use crate::config::{conf_d, container};
use crate::control::report::Kind as Reports;
use crate::sys::user;

/// Who the runner is, and the name of its group, which reads secrets.
const RUNNER: &str = "postrider";

const ROOT: &str = "root";

/// Uids that a mailer must tell apart.
const UIDS: u64 = 65_536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    Program,
}

/// Something that must be there.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    kind: Kind,
    owner: &'static str,
    group: &'static str,
    mode: u32,
}

/// What must be where. contrib/install.sh is tested against it.
fn places() -> Vec<Place> {
    let place = |path: PathBuf, kind, owner, group, mode| Place { path, kind, owner, group, mode };
    let spool = |name: &str| Path::new(SYSTEM_SPOOL).join(name);
    let program = Path::new(DROP_PROGRAM);
    vec![
        place(program.parent().unwrap_or(program).to_owned(), Kind::Folder, ROOT, ROOT, 0o755),
        place(program.to_owned(), Kind::Program, ROOT, DROP_GROUP, 0o2755),
        place("/etc/postrider".into(), Kind::Folder, ROOT, ROOT, 0o755),
        place("/run/postrider".into(), Kind::Folder, RUNNER, RUNNER, 0o755),
        place(SYSTEM_STATE.into(), Kind::Folder, RUNNER, RUNNER, 0o700),
        place(SYSTEM_SPOOL.into(), Kind::Folder, RUNNER, RUNNER, 0o711),
        place(spool(FOLDER), Kind::Folder, RUNNER, DROP_GROUP, 0o1770),
        place(spool("queue"), Kind::Folder, RUNNER, RUNNER, 0o700),
        place(spool("failed"), Kind::Folder, RUNNER, RUNNER, 0o700),
        place(spool("history"), Kind::Folder, RUNNER, RUNNER, 0o700),
    ]
}

/// Says all that is not as it must be.
pub(super) fn check(findings: &mut Findings) {
    let people = People::look_up();
    // A container may run as any user.
    let runner = people.uid(RUNNER);
    if container::is_here() && fs::metadata(SYSTEM_SPOOL).is_ok_and(|spool| Some(spool.uid()) != runner) {
        return;
    }
    let misplaced = |place: Place| {
        let (uid, gid) = (people.uid(place.owner)?, people.gid(place.group)?);
        place.fault(fs::symlink_metadata(&place.path).ok().as_ref(), uid, gid)
    };
    let errors = people.faults().into_iter().chain(places().into_iter().filter_map(misplaced)).chain(parents());
    for error in errors.chain(config_for_the_runner(&people)) {
        findings.error(Reports::Installation, None, error);
    }
    let map = user::uid_map();
    for warning in without_set_id().into_iter().chain(unmapped(&map)) {
        findings.warning(Reports::Installation, None, warning);
    }
}

impl Place {
    fn fault(&self, seen: Option<&Metadata>, uid: u32, gid: u32) -> Option<String> {
        let Self { path, kind, owner, group, mode } = self;
        let path = path.display();
        let make = format!("install -d -m {mode:04o} -o {owner} -g {group} {path}");
        let Some(seen) = seen else {
            return Some(match kind {
                Kind::Folder => format!("{path} is missing; run \"{make}\""),
                Kind::Program => {
                    format!(
                        "{path} is missing, so no mail can be submitted while the service is stopped; reinstall postrider"
                    )
                }
            });
        };
        let (right, what) = match kind {
            Kind::Folder => (seen.is_dir(), "directory"),
            Kind::Program => (seen.is_file(), "regular file"),
        };
        if !right {
            let aside = format!("mv {path} {path}.aside");
            let command = if *kind == Kind::Folder { format!("{aside} && {make}") } else { aside };
            return Some(format!("{path} is not a {what}; run \"{command}\""));
        }
        // chown takes a set-id bit away, so the mode comes with it.
        let own = format!("chown {owner}:{group} {path} && chmod {mode:04o} {path}");
        if (seen.uid(), seen.gid()) != (uid, gid) {
            let is = format!("{}:{}", user_name(seen.uid()), group_name(seen.gid()));
            return Some(format!("{path} belongs to {is}, not to {owner}:{group}; run \"{own}\""));
        }
        let has = seen.mode() & 0o7777;
        (has != *mode).then(|| format!("{path} has mode {has:04o}, not {mode:04o}; run \"chmod {mode:04o} {path}\""))
    }
}

/// What the system knows of our user and groups.
#[derive(Debug, Default, Clone)]
struct People {
    /// The runner's uid and primary gid.
    runner: Option<(u32, u32)>,
    /// Gid and members of its group.
    runner_group: Option<(u32, Vec<String>)>,
    /// Of the drop program's.
    drop_group: Option<(u32, Vec<String>)>,
    /// Each login with its primary gid, as far as /etc/passwd says.
    logins: Vec<(String, u32)>,
}

impl People {
    fn look_up() -> Self {
        let group = |name| {
            let group = Group::from_name(name).ok().flatten()?;
            Some((group.gid.as_raw(), group.mem))
        };
        let login = |line: &str| {
            let mut fields = line.split(':');
            Some((fields.next()?.to_owned(), fields.nth(2)?.parse().ok()?))
        };
        let runner = User::from_name(RUNNER).ok().flatten().map(|user| (user.uid.as_raw(), user.gid.as_raw()));
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self {
            runner,
            runner_group: group(RUNNER),
            drop_group: group(DROP_GROUP),
            logins: passwd.lines().filter_map(login).collect(),
        }
    }

    fn uid(&self, name: &str) -> Option<u32> {
        if name == ROOT { Some(0) } else { self.runner.map(|(uid, _)| uid) }
    }

    fn gid(&self, name: &str) -> Option<u32> {
        match name {
            ROOT => Some(0),
            DROP_GROUP => self.drop_group.as_ref().map(|(gid, _)| *gid),
            _ => self.runner_group.as_ref().map(|(gid, _)| *gid),
        }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.drop_group.is_none() {
            faults.push(format!("there is no group {DROP_GROUP}; run \"groupadd --system {DROP_GROUP}\""));
        }
        if self.runner_group.is_none() {
            faults.push(format!("there is no group {RUNNER}; run \"groupadd --system {RUNNER}\""));
        }
        match (self.runner, self.gid(RUNNER)) {
            (None, _) => faults.push(format!(
                "there is no user {RUNNER}, which the service runs as; run \"useradd --system --gid {RUNNER} --home-dir {SYSTEM_SPOOL} \
                 --no-create-home --shell /usr/sbin/nologin {RUNNER}\""
            )),
            (Some((0, _)), _) => {
                faults.push(format!("user {RUNNER} has uid 0, but the service must not run as root; give the user another uid"));
            }
            (Some((_, primary)), Some(gid)) if primary != gid => {
                faults.push(format!(
                    "the primary group of user {RUNNER} is not {RUNNER}; run \"usermod -g {RUNNER} {RUNNER}\""
                ));
            }
            (Some(_), _) => {}
        }
        if let (Some(_), Some((_, members))) = (self.runner, &self.drop_group)
            && !members.iter().any(|member| member == RUNNER)
        {
            faults.push(format!(
                "user {RUNNER} is not in group {DROP_GROUP} and cannot pick up mail from drop/; run \
                 \"usermod -a -G {DROP_GROUP} {RUNNER}\""
            ));
        }
        let secrets = "can read the provider passwords";
        let mail = "can read the mail of all users in drop/";
        faults.extend(self.foreign(RUNNER, self.runner_group.as_ref(), secrets));
        faults.extend(self.foreign(DROP_GROUP, self.drop_group.as_ref(), mail));
        faults
    }

    /// Who else is in a group.
    fn foreign(&self, name: &str, group: Option<&(u32, Vec<String>)>, can: &str) -> Vec<String> {
        let Some((gid, members)) = group else { return Vec::new() };
        let members = members.iter().filter(|member| *member != RUNNER);
        let members =
            members.map(|login| format!("{login} is in group {name} and {can}; run \"gpasswd -d {login} {name}\""));
        let primary = self.logins.iter().filter(|(login, primary)| primary == gid && login != RUNNER);
        let primary = primary.map(|(login, _)| {
            format!("{login} has the primary group {name} and {can}; run \"usermod -g nogroup {login}\"")
        });
        members.chain(primary).collect()
    }
}

/// Whoever may write to a directory above a place may put their own there.
fn parents() -> Vec<String> {
    let places = places();
    let known: BTreeSet<&Path> = places.iter().map(|place| place.path.as_path()).collect();
    let above: BTreeSet<&Path> = places.iter().flat_map(|place| place.path.ancestors().skip(1)).collect();
    let fault = |path: &&Path| {
        let seen = fs::metadata(path).ok()?;
        let path = path.display();
        if seen.uid() != 0 {
            return Some(format!(
                "{path} belongs to {}, not to root; run \"chown root {path}\"",
                user_name(seen.uid())
            ));
        }
        (seen.mode() & 0o002 != 0).then(|| format!("everybody can write to {path}; run \"chmod o-w {path}\""))
    };
    above.difference(&known).filter_map(fault).collect()
}

/// The runner reads the configuration as itself, all of its files.
fn config_for_the_runner(people: &People) -> Vec<String> {
    let Some(gid) = people.gid(RUNNER) else { return Vec::new() };
    let main = Path::new(SYSTEM_CONFIG);
    let paths = conf_d::with_main(main).into_iter().chain([conf_d::folder(main)]);
    paths.filter_map(|path| unreadable(&path, gid)).collect()
}

/// What would let the runner's group read a file, or search a folder, of root's.
fn unreadable(path: &Path, gid: u32) -> Option<String> {
    let seen = fs::metadata(path).ok()?;
    let (wanted, mode) = if seen.is_dir() { (0o5, "0750") } else { (0o4, "0640") };
    let has = if seen.gid() == gid { seen.mode() >> 3 } else { seen.mode() };
    let shown = path.display();
    let command = format!("chgrp {RUNNER} {shown} && chmod {mode} {shown}");
    (has & wanted != wanted).then(|| format!("the service cannot read {shown}; run \"{command}\""))
}

/// A set-id bit has no effect on some mounts.
fn without_set_id() -> Option<String> {
    let disk = rustix::fs::statvfs(DROP_PROGRAM).ok()?;
    disk.f_flag.contains(rustix::fs::StatVfsMountFlags::NOSUID).then(|| {
        format!(
            "{DROP_PROGRAM} is on a file system mounted nosuid, so mail is refused while the service is stopped; run \
             \"mount -o remount,suid $(findmnt -no TARGET -T {DROP_PROGRAM})\""
        )
    })
}

/// In a user namespace that maps few uids, the others all look alike.
fn unmapped(map: &str) -> Option<String> {
    let ranges = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    let mapped: u64 = ranges.sum();
    (mapped != 0 && mapped < UIDS).then(|| {
        format!(
            "this user namespace maps only {mapped} uids: other users cannot be told apart, so they see no mail and cannot use \
             accounts with `users`; map {UIDS} (no PrivateUsers= in the unit; for a container, more of /etc/subuid)"
        )
    })
}

fn user_name(uid: u32) -> String {
    User::from_uid(uid.into()).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

fn group_name(gid: u32) -> String {
    Group::from_gid(gid.into()).ok().flatten().map_or_else(|| gid.to_string(), |group| group.name)
}

#[cfg(test)]
mod tests;
