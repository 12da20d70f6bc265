//! The machine, and what processes took of it, by /proc.

use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// What the figures are of.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    cores: usize,
    memory_bytes: u64,
    cpu: String,
    kernel: String,
}

impl Machine {
    /// This one.
    pub fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (memory, cpus) = (text("/proc/meminfo"), text("/proc/cpuinfo"));
        let field = |from: &str, name: &str| {
            let line = from.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let kib = field(&memory, "MemTotal").and_then(|kib| kib.split(' ').next()?.parse::<u64>().ok());
        Self {
            cores: cores(),
            memory_bytes: kib.unwrap_or_default() * 1_024,
            cpu: field(&cpus, "model name").unwrap_or_default(),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The clock of /proc's times: `USER_HZ`, which Linux keeps at 100 whatever the kernel's own is.
const TICK_US: u64 = 10_000;

/// A line of /proc/PID/stat: the parent, and the CPU time of the process and of its children that ended.
struct Stat {
    parent: i32,
    own_us: u64,
    ended_us: u64,
}

fn stat(pid: &str) -> Option<Stat> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    // The name before it may hold anything, brackets and spaces included.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own_us: (ticks(11)? + ticks(12)?) * TICK_US,
        ended_us: (ticks(13)? + ticks(14)?) * TICK_US,
    })
}

/// CPU time of one process, in microseconds.
pub fn cpu_us(pid: u32) -> u64 {
    stat(&pid.to_string()).map_or(0, |stat| stat.own_us)
}

/// The parent of a process on this machine.
pub fn parent(pid: i32) -> Option<i32> {
    stat(&pid.to_string()).map(|stat| stat.parent)
}

/// CPU time of a process and all its children, those that ended included, in microseconds.
pub fn tree_cpu_us(pid: i32) -> u64 {
    let Some(root) = stat(&pid.to_string()) else { return 0 };
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let pids: BTreeSet<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    let children = pids.iter().filter_map(|pid| stat(pid)).filter(|stat| stat.parent == pid);
    root.own_us + root.ended_us + children.map(|stat| stat.own_us + stat.ended_us).sum::<u64>()
}

/// The whole machine's CPU time, in ticks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticks {
    idle: u64,
    stolen: u64,
    all: u64,
}

impl Ticks {
    /// Up to now.
    pub fn read() -> Self {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|t| t.parse().ok()).collect();
        let at = |index: usize| ticks.get(index).copied().unwrap_or_default();
        Self { idle: at(3) + at(4), stolen: at(7), all: ticks.iter().sum() }
    }

    /// The shares of the time since an earlier reading that the machine was idle, and that its host gave
    /// to others.
    pub fn shares_since(self, earlier: Self) -> (f64, f64) {
        let all = self.all.saturating_sub(earlier.all).max(1) as f64;
        let share = |now: u64, before: u64| now.saturating_sub(before) as f64 / all;
        (share(self.idle, earlier.idle), share(self.stolen, earlier.stolen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_time_and_has_a_parent() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut number = 0_u64;
        while cpu_us(std::process::id()) < 2 * TICK_US {
            number = std::hint::black_box(number.wrapping_mul(31).wrapping_add(1));
        }
        assert!(tree_cpu_us(pid) >= 2 * TICK_US);
        assert!(parent(pid).is_some_and(|parent| parent > 0));
        let machine = Machine::read();
        assert!(machine.cores > 0 && machine.memory_bytes > 0 && !machine.kernel.is_empty());
    }
}
