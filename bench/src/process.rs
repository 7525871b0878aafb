//! What the operating system knows about the server: CPU time, peak memory, bytes on disk (Linux).

use anyhow::Context;
use std::path::Path;
use std::time::Duration;

/// Linux counts process time in hundredths of a second for every architecture that matters (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// User and system time of the process, with all its threads.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the server's process is gone")?;
    // The second field is the command in parentheses and may hold spaces; utime and stime are the 12th and 13th after it.
    let after = text.rsplit_once(')').context("unexpected /proc stat")?.1;
    let ticks: u32 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    Ok(TICK * ticks)
}

/// True for a process that ended and was not waited for.
pub fn has_ended(pid: u32) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the server's process is gone")?;
    let after = text.rsplit_once(')').context("unexpected /proc stat")?.1;
    Ok(after.trim_start().starts_with(['Z', 'X']))
}

/// Peak resident memory, bytes.
pub fn memory_peak(pid: u32) -> anyhow::Result<u64> {
    memory(pid, "VmHWM:")
}

/// Resident memory, bytes.
pub fn memory_resident(pid: u32) -> anyhow::Result<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, key: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("the server's process is gone")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let line = line.with_context(|| format!("no {key} in /proc status"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse().context("unexpected /proc status")?;
    Ok(kib * 1024)
}

/// Bytes of all files below `folder`. Files that vanish meanwhile count nothing.
pub fn bytes_on_disk(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_on_disk(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Waits until the process is idle, so that work it put off is counted where it was caused; at most `longest`.
pub fn settle(pid: u32, longest: Duration) -> anyhow::Result<Duration> {
    const QUIET: Duration = Duration::from_millis(300);
    let started = std::time::Instant::now();
    let mut before = cpu(pid)?;
    while started.elapsed() < longest {
        std::thread::sleep(QUIET);
        let now = cpu(pid)?;
        if now.saturating_sub(before) <= TICK {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_own_process() {
        let pid = std::process::id();
        assert!(cpu(pid).is_ok());
        assert!(memory_peak(pid).unwrap() > 100_000);
        assert!(cpu(u32::MAX).is_err());
    }
}
