//! Unix sockets: their files.

use super::{connect, echoes, listening};
use crate::support::{Probe, Server, admin_config, descriptors, eventually};
use campus_chassis::{App, ServerConfig, SocketMode, StartError};
use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    sync::Barrier,
};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("campus.sock");
    (dir, socket)
}

fn on(socket: &Path) -> ServerConfig {
    listening(&format!("127.0.0.1:0,unix:{}", socket.display()))
}

async fn is_served(socket: &Path) -> bool {
    match connect(&format!("unix:{}", socket.display())).await {
        Ok(client) => echoes(&client).await,
        Err(_) => false,
    }
}

fn build(socket: &Path) -> Result<App, StartError> {
    App::builder(&on(socket), &admin_config()).descriptors(descriptors()).service(Probe::default()).build()
}

#[tokio::test]
async fn a_socket_has_the_mode_that_was_set_and_is_removed_at_the_end() {
    let (_dir, socket) = folder();
    for mode in [SocketMode::default(), SocketMode(0o600), SocketMode(0o777)] {
        let server = Server::with(ServerConfig { socket_mode: mode, ..on(&socket) }).await;
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, mode.0);
        assert!(is_served(&socket).await);
        server.stop().await;
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn a_socket_that_a_killed_server_left_is_replaced() {
    let (_dir, socket) = folder();
    drop(UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let server = Server::with(on(&socket)).await;
    assert!(is_served(&socket).await);
    server.stop().await;
}

#[tokio::test]
async fn a_socket_on_which_somebody_listens_is_left_alone() {
    let (_dir, socket) = folder();
    let server = Server::with(on(&socket)).await;
    let error = build(&socket).unwrap_err().to_string();
    let expected =
        format!("cannot listen on unix:{}: another server listens there; stop what uses it, ", socket.display());
    assert!(error.contains(&expected), "{error}");
    assert!(is_served(&socket).await);
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let (_dir, socket) = folder();
    fs::write(&socket, "precious").unwrap();
    let error = build(&socket).unwrap_err().to_string();
    assert!(error.ends_with("there is a file that is no socket; remove that file, or choose another path"), "{error}");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
}

#[tokio::test]
async fn the_socket_of_a_successor_is_not_removed() {
    let (_dir, socket) = folder();
    let server = Server::with(on(&socket)).await;
    let _successor = replace(&socket);
    server.stop().await;
    assert!(socket.exists());
}

/// Another server's socket, put in the place of the one that is there.
fn replace(socket: &Path) -> UnixListener {
    let other = socket.with_extension("other");
    let successor = UnixListener::bind(&other).unwrap();
    fs::rename(&other, socket).unwrap();
    successor
}

#[tokio::test]
async fn a_socket_that_somebody_removes_is_made_anew_as_it_was_and_calls_go_on() {
    let (_dir, socket) = folder();
    let server = Server::with(ServerConfig { socket_mode: SocketMode(0o600), ..on(&socket) }).await;
    let before = connect(&format!("unix:{}", socket.display())).await.unwrap();
    for _ in 0..2 {
        fs::remove_file(&socket).unwrap();
        eventually(async || is_served(&socket).await).await;
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // What a killed successor left is no reason to stay away.
    drop(replace(&socket));
    eventually(async || is_served(&socket).await).await;
    assert!(echoes(&before).await);
    server.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn of_many_servers_that_find_the_same_stale_socket_one_gets_it() {
    let (_dir, socket) = folder();
    for _ in 0..5 {
        drop(UnixListener::bind(&socket).unwrap());
        let together = Barrier::new(8);
        let built: Vec<_> = std::thread::scope(|scope| {
            let build = || {
                together.wait();
                build(&socket)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(build)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(built.iter().filter(|built| built.is_ok()).count(), 1);
        assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok(), "the file is that of who got it");
        drop(built);
        assert!(!socket.exists());
    }
}

#[test]
fn a_path_of_which_no_socket_can_be_made_is_refused_before_anything_is_bound() {
    let (dir, _) = folder();
    let long = format!("/tmp/{}", "x".repeat(103));
    let missing = dir.path().join("none/campus.sock");
    let no_folder = format!("there is no folder {} for the socket; make it, or ", dir.path().join("none").display());
    for (path, why) in [
        (Path::new(&long), "its path has 108 bytes and a socket's at most 107; choose a shorter one"),
        (&missing, no_folder.as_str()),
        (Path::new("a\0b"), "the path of a socket cannot hold a NUL"),
    ] {
        let error = build(path).unwrap_err().to_string();
        assert!(error.starts_with("setting server.listen is \"") && error.contains(why), "{error}");
    }
}
