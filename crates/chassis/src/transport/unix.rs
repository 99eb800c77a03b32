//! A Unix socket: a file that is made with the right mode, taken over from a server that is gone, and removed at the end.

use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    time::Duration,
};

/// Another server that starts or ends has the folder for this long at most.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Time between two looks at whether a socket file is still there.
const LOOK: Duration = Duration::from_secs(1);

/// A socket file; removed when this is dropped, if it is still the same.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    mode: u32,
    id: (u64, u64),
}

/// Binds `path` with `mode`, and listens, without blocking.
///
/// # Errors
/// When another server listens there, there is a file that is no socket, or the operating system refuses.
pub(crate) fn listen(path: &Path, mode: u32, backlog: i32) -> io::Result<(UnixListener, SocketFile)> {
    let address = SockAddr::unix(path)?;
    let _lock = Lock::of(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    let file = SocketFile { path: path.to_owned(), mode, id: id(path)? };
    // Before it listens, so that nobody gets in by the mode the file was made with.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(backlog)?;
    Ok((socket.into(), file))
}

fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        // A full queue of connections is the sign of a server as well.
        Ok(()) => Err(io::Error::new(ErrorKind::AddrInUse, "another server listens there")),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            Err(io::Error::new(ErrorKind::AddrInUse, "another server listens there"))
        }
        Err(error) => Err(error),
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl SocketFile {
    /// Waits until the file is gone, or another stands in its place, and makes it anew. That it cannot be is told once; it
    /// is tried again while there is none, and when yet another has come.
    pub(crate) async fn made_anew(&mut self, backlog: i32) -> UnixListener {
        let (mut told, mut left_alone) = (false, None);
        loop {
            tokio::time::sleep(LOOK).await;
            let found = id(&self.path).ok();
            if found == Some(self.id) || (found.is_some() && found == left_alone) {
                continue;
            }
            let (path, mode) = (self.path.clone(), self.mode);
            // It may have to wait for the lock of the folder.
            let made = tokio::task::spawn_blocking(move || listen(&path, mode, backlog)).await;
            match made.map_err(io::Error::other).flatten() {
                Ok((listener, file)) => {
                    tracing::warn!(path = %self.path.display(), "the socket file was removed by somebody; made anew");
                    *self = file;
                    return listener;
                }
                Err(error) if !told => {
                    let path = self.path.display();
                    tracing::error!(%path, %error, "the socket file was removed by somebody and cannot be made anew");
                    told = true;
                }
                Err(_) => {}
            }
            left_alone = found;
        }
    }
}

/// Holds the folder of a socket against other servers that find the same stale one, or end. The folder itself is locked, so
/// that no further file is left behind.
struct Lock {
    _folder: Option<File>,
}

impl Lock {
    fn of(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = match File::open(folder) {
            Ok(folder) => folder,
            // A folder that may be used but not read: there is no lock to be had.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Self { _folder: None }),
            Err(error) => return Err(error),
        };
        let mut waited = Duration::ZERO;
        loop {
            match folder.try_lock() {
                Ok(()) => return Ok(Self { _folder: Some(folder) }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if waited >= LOCK_LIMIT => {
                    return Err(io::Error::new(ErrorKind::WouldBlock, "another program holds its folder locked"));
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::park_timeout(LOCK_PAUSE);
                    waited += LOCK_PAUSE;
                }
            }
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file's number is in use as long as the socket is open, so no other file can have the same.
        if let Ok(_lock) = Lock::of(&self.path)
            && id(&self.path).is_ok_and(|found| found == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket file cannot be removed");
        }
    }
}
