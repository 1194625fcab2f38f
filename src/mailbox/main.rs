//! The program that writes the mail of all users, as root with two capabilities: to become somebody else, and nothing more.
//! It serves the runner one connection, on standard input, and becomes the user of the first recipient for good. Whose mailbox
//! that is and where it lies it reads itself, in files that are root's alone. With `--listen` it starts itself for each
//! connection, where no service manager does.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;
use std::{env, fs};

use postrider_mailbox::setting::{Setting, scan};
use postrider_mailbox::users::{first_uid, groups, user};
use postrider_mailbox::{SOCKET, lmtp};
use postrider_mailstore::{Mailbox, Recipient, Refusal, cannot};
use rustix::fs::{Gid, Mode, Uid};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Resource, Rlimit, geteuid, setrlimit, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

const CONFIG: &str = "/etc/postrider/config.toml";

/// Who may speak to it, beside root.
const RUNNER: &str = "postrider";

/// So long the runner may be silent, with the lock of a mailbox held.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many connections are served at once where this program accepts them.
const CONNECTIONS: usize = 32;

/// So many links may lead to a folder, one from the other.
const LINKS: u32 = 8;

/// The uids that stand for nobody: the overflow uid, and what 16 bits make of -1.
const NOBODY: [u32; 2] = [65_534, 65_535];

fn main() -> ExitCode {
    umask(Mode::RWXG | Mode::RWXO);
    // Its memory holds mail.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let limited =
        limit(CapabilitySet::SETUID | CapabilitySet::SETGID).map_err(|error| format!("start it as root: {error}"));
    let ended = limited.and_then(|()| match env::args_os().nth(1) {
        None => serve(),
        Some(argument) if argument == "--listen" => listen(),
        Some(_) => Err("the only argument is --listen".to_owned()),
    });
    let Err(text) = ended else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "postrider-mailbox: {text}");
    ExitCode::FAILURE
}

/// Gives up all capabilities but these; programs that it starts get no others either.
fn limit(kept: CapabilitySet) -> io::Result<()> {
    set_no_new_privs(true)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })?;
    Ok(())
}

/// Serves the connection on standard input.
fn serve() -> Result<(), String> {
    let cannot = |error: io::Error| format!("standard input: {error}");
    let mut stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().map_err(cannot)?);
    stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).map_err(cannot)?;
    let peer = socket_peercred(&stream).map_err(|error| cannot(error.into()))?.uid.as_raw();
    let runner = text("/etc/passwd").ok().and_then(|passwd| user(&passwd, RUNNER));
    if peer != 0 && runner.is_none_or(|runner| runner.uid != peer) {
        let _ = stream.write_all(b"421 4.7.0 Only the runner may deliver here\r\n");
        return Err(format!("uid {peer} is not {RUNNER}"));
    }
    let (setting, mut became) = (setting(), None);
    lmtp::serve(stream, |recipient| resolve(recipient, &setting, &mut became)).map_err(cannot)
}

/// The mailbox of a recipient, who is the process's user afterwards.
fn resolve(
    recipient: &Recipient,
    setting: &Result<Setting, String>,
    became: &mut Option<(String, Mailbox)>,
) -> Result<Mailbox, Refusal> {
    let login = recipient.login.as_str();
    match became {
        Some((user, mailbox)) if user == login => return Ok(mailbox.clone()),
        Some(_) => return Err(Refusal::new("452 4.5.3", "One user per connection; open another connection")),
        None => {}
    }
    let own = setting.as_ref().map_err(|why| Refusal::new("451 4.3.5", why))?;
    let passwd = text("/etc/passwd")?;
    let found = user(&passwd, login).or_else(|| user(&passwd, &login.to_ascii_lowercase()));
    let user = found.ok_or_else(|| {
        Refusal::new("450 4.3.0", format_args!("{login} is not in /etc/passwd, and a name service is not asked"))
    })?;
    let first = first_uid(&text("/etc/login.defs").unwrap_or_default());
    let (uid, of_root) = (user.uid, Setting::of_root());
    if uid != 0 && (uid < first || NOBODY.contains(&uid)) {
        let why = format!(
            "{login} is a system user (uid {uid}, and users are from {first} on); add an alias that says who gets this mail"
        );
        return Err(Refusal::new("550 5.7.1", why));
    }
    let setting = if uid == 0 { &of_root } else { own };
    let mailbox = setting.mailbox(&user.login, &user.home);
    let (gid, groups) = match setting.common_folder().and_then(group_of) {
        Some(gid) => (gid, Vec::new()),
        None => (user.gid, groups(&text("/etc/group")?, &user.login)),
    };
    // From here on it is nobody else, also where this ends halfway.
    *became = Some((String::new(), mailbox.clone()));
    give_up_root(uid, gid, &groups)
        .map_err(|error| Refusal::new("451 4.3.0", format_args!("cannot become {login}: {error}")))?;
    *became = Some((login.to_owned(), mailbox.clone()));
    Ok(mailbox)
}

/// Becomes this user for good.
fn give_up_root(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let groups: Vec<Gid> = groups.iter().copied().chain([gid]).map(Gid::from_raw).collect();
    set_thread_groups(&groups)?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)?;
    limit(CapabilitySet::empty())?;
    let is_user = geteuid() == user && capabilities(None)?.permitted.is_empty();
    let is_back = uid != 0 && set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok();
    if is_user && !is_back { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The group that may write in the common folder of mboxes (Debian's is root:mail, 2775), if nobody but root can have put that
/// folder, or a link on the way to it, in its place.
fn group_of(folder: &Path) -> Option<u32> {
    let seen = fs::metadata(folder).ok().filter(|seen| seen.gid() != 0 && seen.mode() & 0o020 != 0)?;
    is_roots(folder, (seen.dev(), seen.ino()), LINKS).then(|| seen.gid())
}

/// Whether root alone has made the way to this folder, by links as well: each step is root's, and closed to others but for the
/// folder itself.
fn is_roots(way: &Path, folder: (u64, u64), links: u32) -> bool {
    way.ancestors().all(|step| {
        let Ok(seen) = fs::symlink_metadata(step) else { return false };
        let is_open = seen.mode() & 0o022 != 0 && (seen.dev(), seen.ino()) != folder;
        let target = || Some(step.parent()?.join(fs::read_link(step).ok()?));
        let next = || Some((target()?, links.checked_sub(1)?));
        let is_followed = || next().is_some_and(|(way, links)| is_roots(&way, folder, links));
        seen.uid() == 0 && if seen.is_symlink() { is_followed() } else { !is_open }
    })
}

/// The mailboxes as the configuration sets them, if nobody but root can write it.
fn setting() -> Result<Setting, String> {
    let cannot = |error: io::Error| format!("cannot read {CONFIG}: {error}");
    let file = fs::File::open(CONFIG).map_err(cannot)?;
    let seen = file.metadata().map_err(cannot)?;
    if !seen.is_file() || seen.uid() != 0 || seen.mode() & 0o022 != 0 {
        return Err(format!("{CONFIG} is not a file that root alone can write"));
    }
    let mut config = String::new();
    file.take(1 << 20).read_to_string(&mut config).map_err(cannot)?;
    let value = scan(&config).map_err(|why| format!("{CONFIG}: {why}"))?;
    Setting::parse(value.ok_or_else(|| format!("{CONFIG} sets no mailbox above its first section"))?)
}

fn text(path: &str) -> Result<String, Refusal> {
    let octets = fs::read(path).map_err(cannot("read", Path::new(path)))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// Accepts connections, each for a process of its own.
fn listen() -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot listen on {SOCKET}: {error}");
    let listener = bind().map_err(cannot)?;
    let program = env::current_exe().map_err(cannot)?;
    let mut served: Vec<Child> = Vec::new();
    loop {
        let (stream, _) = listener.accept().map_err(cannot)?;
        served.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if served.len() >= CONNECTIONS {
            let _ = served.remove(0).wait();
        }
        match Command::new(&program).env_clear().stdin(OwnedFd::from(stream)).spawn() {
            Ok(child) => served.push(child),
            Err(error) => drop(writeln!(io::stderr(), "postrider-mailbox: cannot serve: {error}")),
        }
    }
}

/// The socket is in the runner's folder and belongs to it: it is created as the runner, so that root neither
/// removes nor follows nor gives away what the runner put there.
fn bind() -> io::Result<UnixListener> {
    let runner = user(&text("/etc/passwd").unwrap_or_default(), RUNNER).ok_or(io::ErrorKind::NotFound)?;
    let (same, group) = (None::<Uid>, None::<Gid>);
    set_thread_res_gid(group, Gid::from_raw(runner.gid), group)?;
    set_thread_res_uid(same, Uid::from_raw(runner.uid), same)?;
    let _ = fs::remove_file(SOCKET);
    umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let listener = UnixListener::bind(SOCKET);
    set_thread_res_uid(same, Uid::ROOT, same)?;
    set_thread_res_gid(group, Gid::ROOT, group)?;
    listener
}
