//! What a program did to the files below one folder, read from strace's log: the operations
//! that a power cut may undo, in the order in which they came to their end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file, whatever its names are.
pub type Inode = usize;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A name for a file, new or in the place of another.
    Name(PathBuf, Inode),
    /// The name goes.
    Forget(PathBuf),
    /// The one name becomes the other.
    Rename(PathBuf, PathBuf),
    /// Bytes at an offset.
    Write(Inode, usize, Vec<u8>),
    /// The length.
    Cut(Inode, usize),
    /// The file's bytes are on disk.
    Sync(Inode),
    /// The folder's names are on disk.
    SyncFolder(PathBuf),
}

/// What a descriptor stands for.
#[derive(Debug, Clone)]
enum Open {
    File { inode: Inode, at: usize, appends: bool },
    Folder(PathBuf),
}

/// Reads a log; `names` are the files that were there before, which get the first numbers.
pub struct Log<'a> {
    root: &'a Path,
    names: HashMap<PathBuf, Inode>,
    sizes: Vec<usize>,
    open: HashMap<i32, Open>,
    pub ops: Vec<Op>,
}

impl<'a> Log<'a> {
    pub fn read(text: &str, root: &'a Path, before: &[(PathBuf, Vec<u8>)]) -> Vec<Op> {
        let names = before.iter().enumerate().map(|(inode, (path, _))| (path.clone(), inode)).collect();
        let sizes = before.iter().map(|(_, content)| content.len()).collect();
        let mut log = Self { root, names, sizes, open: HashMap::new(), ops: Vec::new() };
        let mut begun: HashMap<&str, String> = HashMap::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            if let Some(first) = rest.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, first.to_owned());
            } else if let Some((_, second)) = rest.strip_prefix("<... ").and_then(|r| r.split_once(" resumed>")) {
                let first = begun.remove(thread).unwrap_or_default();
                log.call(&(first + second));
            } else {
                log.call(rest);
            }
        }
        log.ops
    }

    fn call(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once('(') else { return };
        let Some((args, result)) =
            rest.rsplit_once(") ").and_then(|(a, r)| Some((a, r.trim_start().strip_prefix("= ")?)))
        else {
            return;
        };
        if result.starts_with('-') {
            return;
        }
        let number = leading(result);
        match name {
            "open" => self.opened(&path_at(None, args), args, number),
            "openat" => self.opened(&relative(args), args, number),
            // The other one reads no position of its own.
            "fcntl" if args.contains("F_DUPFD") => {
                if let Some(same) = self.open.get(&leading(args)).cloned() {
                    self.open.insert(number, same);
                }
            }
            "close" => drop(self.open.remove(&leading(args))),
            "write" | "pwrite64" => self.written(args, usize::try_from(number).unwrap()),
            "ftruncate" => {
                if let Some(Open::File { inode, .. }) = self.open.get(&leading(args)) {
                    let length = args.rsplit(", ").next().unwrap().parse().unwrap();
                    self.sizes[*inode] = length;
                    self.ops.push(Op::Cut(*inode, length));
                }
            }
            "fsync" | "fdatasync" => match self.open.get(&leading(args)) {
                Some(Open::File { inode, .. }) => self.ops.push(Op::Sync(*inode)),
                Some(Open::Folder(path)) => self.ops.push(Op::SyncFolder(path.clone())),
                None => {}
            },
            "linkat" => self.linked(args),
            "unlink" => self.forgotten(path_at(None, args)),
            "unlinkat" => self.forgotten(relative(args)),
            "rename" => {
                let mut paths = strings(args).into_iter().map(|bytes| PathBuf::from(text(&bytes)));
                self.renamed(paths.next().unwrap(), paths.next().unwrap());
            }
            "renameat" | "renameat2" => {
                let names = strings(args);
                let folders: Vec<&str> = args.split(", ").collect();
                let (from, to) =
                    (path_at(Some(folders[0]), &quoted(&names[0])), path_at(Some(folders[2]), &quoted(&names[1])));
                self.renamed(from, to);
            }
            _ => {}
        }
    }

    fn new_file(&mut self) -> Inode {
        self.sizes.push(0);
        self.sizes.len() - 1
    }

    fn opened(&mut self, path: &Path, args: &str, fd: i32) {
        if !path.starts_with(self.root) || path.ends_with("reserve") || path.ends_with("lock") {
            return;
        }
        let inode = match self.names.get(path) {
            _ if args.contains("O_TMPFILE") => self.new_file(),
            Some(inode) => *inode,
            None if args.contains("O_CREAT") => {
                let inode = self.new_file();
                self.names.insert(path.to_owned(), inode);
                self.ops.push(Op::Name(path.to_owned(), inode));
                inode
            }
            None => {
                self.open.insert(fd, Open::Folder(path.to_owned()));
                return;
            }
        };
        if args.contains("O_TRUNC") {
            self.sizes[inode] = 0;
            self.ops.push(Op::Cut(inode, 0));
        }
        self.open.insert(fd, Open::File { inode, at: 0, appends: args.contains("O_APPEND") });
    }

    fn written(&mut self, args: &str, length: usize) {
        let Some(Open::File { inode, at, appends }) = self.open.get_mut(&leading(args)) else { return };
        let mut bytes = strings(args).into_iter().next().unwrap();
        bytes.truncate(length);
        let offset = match args.rsplit_once("\", ").unwrap().1.split_once(", ") {
            Some((_, offset)) => offset.parse().unwrap(),
            None if *appends => self.sizes[*inode],
            None => *at,
        };
        *at = offset + length;
        self.sizes[*inode] = self.sizes[*inode].max(*at);
        self.ops.push(Op::Write(*inode, offset, bytes));
    }

    fn linked(&mut self, args: &str) {
        let names = strings(args);
        let (from, to) = (text(&names[0]), args.split(", ").nth(2));
        let to = path_at(to, &quoted(&names[1]));
        let descriptor = from.strip_prefix("/proc/self/fd/").and_then(|fd| fd.parse().ok());
        if let Some(Open::File { inode, .. }) = descriptor.and_then(|fd: i32| self.open.get(&fd)) {
            self.names.insert(to.clone(), *inode);
            self.ops.push(Op::Name(to, *inode));
        }
    }

    fn forgotten(&mut self, path: PathBuf) {
        if self.names.remove(&path).is_some() {
            self.ops.push(Op::Forget(path));
        }
    }

    fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        if let Some(inode) = self.names.remove(&from) {
            self.names.insert(to.clone(), inode);
            self.ops.push(Op::Rename(from, to));
        }
    }
}

fn leading(text: &str) -> i32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(-1)
}

fn relative(args: &str) -> PathBuf {
    path_at(args.split(", ").next(), args)
}

/// The path that the first string of the arguments names, below the folder that strace shows of a descriptor.
fn path_at(folder: Option<&str>, args: &str) -> PathBuf {
    let name = strings(args).into_iter().next().map(|bytes| text(&bytes)).unwrap_or_default();
    let folder = folder.and_then(|folder| folder.split_once('<')?.1.strip_suffix('>')).unwrap_or("/");
    Path::new(folder).join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", text(bytes))
}

/// The strings in quotes, their escapes undone.
fn strings(args: &str) -> Vec<Vec<u8>> {
    let (mut found, mut bytes) = (Vec::new(), args.bytes().peekable());
    while let Some(byte) = bytes.next() {
        if byte != b'"' {
            continue;
        }
        let mut string = Vec::new();
        while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
            string.push(if byte == b'\\' { escaped(&mut bytes) } else { byte });
        }
        found.push(string);
    }
    found
}

fn escaped(bytes: &mut std::iter::Peekable<std::str::Bytes<'_>>) -> u8 {
    match bytes.next().unwrap() {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'f' => 12,
        digit @ b'0'..=b'7' => {
            let mut value = u32::from(digit - b'0');
            for _ in 0..2 {
                let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                value = value * 8 + u32::from(digit - b'0');
            }
            u8::try_from(value).unwrap()
        }
        other => other,
    }
}
