//! The programs of a PostgreSQL server and the user they run as.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where Debian and others put the programs of the server; they are seldom on the path.
const PLACES: [&str; 4] = ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt"];

/// What runs a server.
#[derive(Clone)]
pub(crate) struct Programs {
    bin: PathBuf,
    /// Number of a user and its group, when this process may not run a server itself (root).
    user: Option<(u32, u32)>,
}

impl Programs {
    pub(crate) fn find() -> Option<Self> {
        let own = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
        let versions = PLACES.iter().filter_map(|place| fs::read_dir(place).ok()).flatten().flatten();
        let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
        versions.sort();
        let mut places = versions.into_iter().rev().chain(own.into_iter().flatten());
        let bin = places.find(|bin| ["initdb", "pg_ctl", "postgres"].iter().all(|name| bin.join(name).exists()))?;
        Some(Self { bin, user: None })
    }

    /// Makes a folder or file the server's own.
    pub(crate) fn own(mut self, folder: &Path) -> Self {
        use std::os::unix::fs::{MetadataExt, chown};
        if fs::metadata(folder).unwrap().uid() == 0 {
            let users = fs::read_to_string("/etc/passwd").unwrap();
            let user =
                ["postgres:", "nobody:"].iter().find_map(|name| users.lines().find(|user| user.starts_with(name)));
            let mut fields = user.unwrap().split(':').skip(2).map(|number| number.parse().unwrap());
            let (user, group) = (fields.next().unwrap(), fields.next().unwrap());
            chown(folder, Some(user), Some(group)).unwrap();
            self.user = Some((user, group));
        }
        self
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = match self.user {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
                command.arg(program);
                command
            }
        };
        command.stdin(Stdio::null()).current_dir("/");
        command
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) {
    // To files, since a server that is left behind would keep a pipe open.
    let output = tempfile::NamedTempFile::new().unwrap();
    let file = || Stdio::from(output.reopen().unwrap());
    let status = command.stdout(file()).stderr(file()).status().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", fs::read_to_string(output.path()).unwrap());
}
