//! One program that runs beside the test and ends with it.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;

/// How a program is started, and its process while it runs.
pub(super) struct Process {
    program: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    /// Standard output and error of all starts.
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

impl Process {
    pub(super) fn new(program: Vec<String>, environment: Vec<(&'static str, PathBuf)>, log: PathBuf) -> Self {
        Self { program, environment, log, child: Mutex::new(None) }
    }

    /// Starts it; [`Self::kill`] comes first when it runs.
    pub(super) fn start(&self) {
        let log = || File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = ends_with_us(&self.program);
        command.stdin(Stdio::null()).stdout(log()).stderr(log()).envs(self.environment.iter().cloned());
        self.kill();
        let child = spawn(command).unwrap_or_else(|error| panic!("{} does not start: {error}", self.program[0]));
        *self.child.lock().unwrap() = Some(child);
    }

    /// The process id. Panics when it does not run.
    pub(super) fn id(&self) -> u32 {
        self.child.lock().unwrap().as_ref().expect("the process was started and not killed").id()
    }

    /// Whether it was started and has not ended; a stopped one runs.
    pub(super) fn is_running(&self) -> bool {
        self.child.lock().unwrap().as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// `kill -9`, and waits for its end. Nothing happens when it does not run.
    pub(super) fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends a signal by name, as `kill` does.
    pub(super) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(status.success(), "kill -{name} of {}", self.program[0]);
    }

    /// Everything it printed.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that the kernel kills when our process ends, also when that was killed itself.
fn ends_with_us(program: &[String]) -> Command {
    static WRAPPER: OnceLock<bool> = OnceLock::new();
    let has_wrapper = *WRAPPER.get_or_init(|| {
        let mut probe = Command::new("setpriv");
        probe.args(["--pdeathsig", "KILL", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    let wrapper = if has_wrapper { &["setpriv", "--pdeathsig", "KILL"][..] } else { &[] };
    let mut words = wrapper.iter().copied().chain(program.iter().map(String::as_str));
    let mut command = Command::new(words.next().expect("a program has a name"));
    command.args(words);
    command
}

/// Starts it from a thread that lives as long as our process: the kernel sends the signal of [`ends_with_us`] when the starting *thread*
/// ends, and the thread of a test ends before what several tests share.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        let serve = move || inbox.into_iter().for_each(|(mut command, answer)| drop(answer.send(command.spawn())));
        thread::Builder::new().name("spawner".into()).spawn(serve).unwrap();
        orders
    });
    let (answer, child) = mpsc::channel();
    spawner.send((command, answer)).unwrap();
    child.recv().unwrap()
}
