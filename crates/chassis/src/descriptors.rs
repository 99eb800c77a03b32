//! How many files and sockets the process may have open, and how many of them connections may take.

/// Kept for all that is no client's: the admin port, databases, certificates, telemetry.
const KEPT: u64 = 384;
/// Kept for each event loop, and its own ways to the databases.
const KEPT_A_SHARD: u64 = 16;

/// Lets the process have as many files and sockets open as it may ask for (its hard limit), and tells how many these are.
/// Worth calling before the first is opened; [`AppBuilder::build`](crate::AppBuilder::build) does it, too.
pub fn raise() -> Option<u64> {
    rlimit::increase_nofile_limit(rlimit::INFINITY).ok()
}

/// `wanted` connections, or as many as leave room for what answers them and for whoever asks how the server is.
pub(crate) fn fit(wanted: u32, shards: usize) -> u32 {
    let Some(limit) = raise() else { return wanted };
    let taken = fitting(wanted, shards, limit);
    if taken < wanted {
        tracing::warn!(
            connections.wanted = wanted,
            connections.taken = taken,
            files.limit = limit,
            "fewer connections than server.max_connections says: the process may not have more files open; raise that limit \
             (ulimit -n), or lower the setting"
        );
    }
    taken
}

fn fitting(wanted: u32, shards: usize, limit: u64) -> u32 {
    let shards = u64::try_from(shards).unwrap_or(u64::MAX);
    let kept = KEPT_A_SHARD.saturating_mul(shards).saturating_add(KEPT).min(limit / 2);
    wanted.min(u32::try_from(limit - kept).unwrap_or(u32::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_everything_else() {
        for (wanted, shards, limit, taken) in [
            (10_000, 2, 1 << 20, 10_000),
            (10_000, 2, u64::MAX, 10_000),
            (10_000, 2, 4096, 3680),
            (10_000, 2, 512, 256),
            (100, 2, 512, 100),
            (10_000, usize::MAX, 1024, 512),
            (10_000, 2, 0, 1),
        ] {
            assert_eq!(fitting(wanted, shards, limit), taken, "{wanted} with {shards} of {limit}");
        }
    }
}
