//! What the operating system knows of this process, under the names that Prometheus clients agree on. Linux only.

use super::{calls::single, names};
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};
use std::{fmt::Error, fs};

/// Clock ticks a second in `/proc`: `USER_HZ`, which Linux fixes at 100 towards programs.
const TICKS: f64 = 100.0;
const KIB: f64 = 1024.0;

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let in_status = |name| number_after(&status, name);
        use MetricType::{Counter, Gauge};
        let figures = [
            (names::CPU, "User and system time in seconds", Counter, cpu_seconds(&stat)),
            (names::RESIDENT, "Memory in RAM in bytes", Gauge, in_status("VmRSS:").map(|n| n * KIB)),
            (names::VIRTUAL, "Mapped memory in bytes", Gauge, in_status("VmSize:").map(|n| n * KIB)),
            (names::THREADS, "Threads of the process", Gauge, in_status("Threads:")),
            (names::OPEN_FDS, "Open file descriptors", Gauge, open_files()),
            (names::MAX_FDS, "Limit of open file descriptors", Gauge, max_files()),
            (names::START_TIME, "When the process began, in seconds since 1970", Gauge, start_seconds(&stat)),
        ];
        for (name, help, kind, value) in figures {
            if let Some(value) = value {
                single(&mut encoder, (name, help, kind), value)?;
            }
        }
        Ok(())
    }
}

/// The n-th field of `/proc/self/stat` as proc(5) counts them; the second, a name in brackets, may hold blanks.
fn stat_field(stat: &str, n: usize) -> Option<f64> {
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(n.checked_sub(3)?)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS)
}

fn start_seconds(stat: &str) -> Option<f64> {
    let boot = number_after(&fs::read_to_string("/proc/stat").ok()?, "btime ")?;
    Some(boot + stat_field(stat, 22)? / TICKS)
}

fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // The listing itself holds one open.
    u32::try_from(count.saturating_sub(1)).ok().map(f64::from)
}

fn max_files() -> Option<f64> {
    number_after(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}
