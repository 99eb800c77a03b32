//! Writes certificates for a server of this machine, for tests that are scripts: `ca.pem`, `server.pem` and `server.key`
//! into the folder that is given.

use std::{env, fs, path::PathBuf};

use campus_testcerts::Authority;

fn main() {
    let folder: PathBuf = env::args_os().nth(1).expect("give the folder").into();
    let authority = Authority::new();
    fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
    authority.server(&["localhost", "127.0.0.1"]).write(&folder.join("server.pem"), &folder.join("server.key"));
}
