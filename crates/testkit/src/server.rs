//! Real services, on free ports and a folder of their own.

use std::{net::SocketAddr, path::Path, thread::JoinHandle};

use campus_chassis::{Address, AppBuilder, BuildInfo, config::HumanDuration};
use campus_client::Channel;
use campus_host::{Host, Part, Settings};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::way::{Guide, Way};

/// Services that run until they are dropped.
pub struct Campus {
    /// Address of the gRPC port, whatever other ways there are.
    pub grpc: SocketAddr,
    /// Address of the web port, if there is one.
    pub web: Option<SocketAddr>,
    /// Address of the admin port.
    pub admin: SocketAddr,
    guide: Guide,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    dir: Option<TempDir>,
}

impl Campus {
    /// Starts services on an empty folder.
    pub fn start(parts: &[Part]) -> Self {
        Self::start_with(parts, |_| ())
    }

    /// As [`start`](Self::start), with other settings.
    pub fn start_with(parts: &[Part], change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_over(Way::Tcp, parts, change)
    }

    /// As [`start_with`](Self::start_with), for clients that come this way.
    pub fn start_over(way: Way, parts: &[Part], change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut campus = Self::start_at(way, dir.path(), parts, change, |app| app);
        campus.dir = Some(dir);
        campus
    }

    /// As [`start_with`](Self::start_with), with whatever else the server is to have.
    pub fn start_more(
        parts: &[Part],
        change: impl FnOnce(&mut Settings),
        more: impl FnOnce(AppBuilder) -> AppBuilder + Send + 'static,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut campus = Self::start_at(Way::Tcp, dir.path(), parts, change, more);
        campus.dir = Some(dir);
        campus
    }

    /// Starts services on a folder that stays.
    pub fn start_in(dir: &Path, parts: &[Part], change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_at(Way::Tcp, dir, parts, change, |app| app)
    }

    fn start_at(
        way: Way,
        dir: &Path,
        parts: &[Part],
        change: impl FnOnce(&mut Settings),
        more: impl FnOnce(AppBuilder) -> AppBuilder + Send + 'static,
    ) -> Self {
        let mut settings = Settings::default();
        settings.store.dir = dir.to_owned();
        settings.server.listen = "127.0.0.1:0".parse().unwrap();
        settings.admin.listen.set_port(0);
        settings.server.drain_delay = HumanDuration::secs(0);
        // A test that waits for the end does not let its own connections hear of it.
        settings.server.flush_limit = HumanDuration::millis(50);
        let guide = way.prepare(dir, &mut settings);
        change(&mut settings);
        let parts = parts.to_vec();
        let (stop, stopped) = oneshot::channel();
        let (tell, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let info = BuildInfo::new("campus-test", "0.0.0", "test");
                let host = Host::build_with(&settings, &parts, info, None, more).await.unwrap();
                let grpc = host.grpc_addresses().0.iter().find_map(Address::tcp);
                let web = host.web_addresses().0.iter().find_map(Address::tcp);
                tell.send((grpc.expect("an address of TCP"), web, host.admin_addr())).unwrap();
                let shutdown = async { drop(stopped.await) };
                host.run_until(shutdown).await.unwrap();
            });
        });
        let (grpc, web, admin) = started.recv().expect("the services start");
        Self { grpc, web, admin, guide, stop: Some(stop), thread: Some(thread), dir: None }
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        self.guide.connect(self.grpc).await
    }

    /// Tells the services to stop and does not wait.
    pub fn begin_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Stops the services and waits until they have.
    pub fn stop(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.begin_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the services ended with a panic");
        }
    }
}

impl Drop for Campus {
    fn drop(&mut self) {
        self.finish();
    }
}
