//! A private PostgreSQL for the time of a test: its own folder, its own port on the loopback, stopped on drop.
//!
//! It needs Debian's `postgresql` package (`/usr/lib/postgresql/*/bin`). PostgreSQL refuses to run as root, so root
//! runs it as the package's user `postgres`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) struct Server {
    process: Child,
    port: u16,
    // Dropped last: the server's files.
    _folder: TempDir,
}

impl Server {
    /// `None` when the machine has no PostgreSQL.
    pub(crate) fn start() -> Option<Server> {
        let bin = newest_bin()?;
        let user = run_as()?;
        let folder = tempfile::tempdir().unwrap();
        if let Some(user) = &user {
            std::os::unix::fs::chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let data = folder.path().join("data");
        let made = command(&bin.join("initdb"), user.as_ref())
            .args(["--username=leap", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
            .arg(&data)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = command(&bin.join("postgres"), user.as_ref())
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")])
            .args(["-c", "fsync=off", "-c", "max_connections=100", "-c"])
            .arg(format!("unix_socket_directories={}", folder.path().display()))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut server = Server { process, port, _folder: folder };
        server.wait_until_ready(&bin);
        Some(server)
    }

    fn wait_until_ready(&mut self, bin: &Path) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ready = Command::new(bin.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .unwrap();
            if ready.success() {
                return;
            }
            let log = || std::fs::read_to_string(self._folder.path().join("log")).unwrap_or_default();
            assert!(self.process.try_wait().unwrap().is_none(), "PostgreSQL ended at once: {}", log());
            assert!(Instant::now() < deadline, "PostgreSQL does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://leap@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown: it ends its sessions and then itself.
        let _ = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

fn newest_bin() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop().map(|(_, bin)| bin)
}

struct User {
    uid: u32,
    gid: u32,
}

/// `Some(None)` for ourselves, `None` when we are root and there is no user `postgres`.
fn run_as() -> Option<Option<User>> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return Some(None);
    }
    Some(Some(User { uid: id(&["-u", "postgres"])?, gid: id(&["-g", "postgres"])? }))
}

fn command(program: &Path, user: Option<&User>) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}
