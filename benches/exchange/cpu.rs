//! What processes and threads used, as the kernel counts it.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

/// The unit of `/proc/<pid>/stat`: a hundredth of a second on every Linux that people run.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of another process, all its threads, the ended ones too: user and system. Counted in ticks of 10 ms.
pub(crate) fn of_process(pid: u32) -> anyhow::Result<[Duration; 2]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces and brackets; what follows its closing one does not.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/<pid>/stat has no name")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u32>);
    let mut next = || anyhow::Ok(TICK * times.next().context("/proc/<pid>/stat is short")??);
    Ok([next()?, next()?])
}

/// CPU time of this thread.
pub(crate) fn of_this_thread() -> anyhow::Result<Duration> {
    settle();
    on_cpu("/proc/thread-self/schedstat")
}

/// CPU time of all living threads of this process.
pub(crate) fn of_our_threads() -> anyhow::Result<Duration> {
    of_threads(std::process::id())
}

/// CPU time of all living threads of a process, to the nanosecond: for one whose threads stay.
pub(crate) fn of_threads(pid: u32) -> anyhow::Result<Duration> {
    settle();
    fs::read_dir(format!("/proc/{pid}/task"))?.map(|task| on_cpu(&format!("{}/schedstat", task?.path().display()))).sum()
}

/// How many threads wanted to run lately, here and elsewhere: whether the machine was idle before us.
pub(crate) fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().context("/proc/loadavg is empty")?.to_owned())
}

/// The most memory that the process ever had resident, in bytes.
pub(crate) fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/<pid>/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

/// The kernel adds up a thread's nanoseconds when it leaves the CPU.
fn settle() {
    thread::sleep(Duration::from_millis(2));
}

fn on_cpu(schedstat: &str) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(schedstat)?;
    let nanoseconds = text.split(' ').next().context("schedstat is empty")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
