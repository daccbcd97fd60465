//! A wall clock for servers that a test moves and stops.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use tempfile::NamedTempFile;

/// What stands between a server and the wall clock of the machine. Every server that got a clone of it follows, at once and together.
#[derive(Clone, Debug)]
pub(crate) struct ClockFile(Arc<NamedTempFile>);

/// Where the shim finds microseconds to add, and where the microseconds at which the clock stands.
const OFFSET: u64 = 0;
const STANDING: u64 = 8;

impl ClockFile {
    /// A clock that agrees with the machine.
    pub(crate) fn new() -> Self {
        let file = NamedTempFile::new().unwrap();
        file.as_file().write_all_at(&[0; 16], 0).unwrap();
        Self(Arc::new(file))
    }

    /// Lets it run, this many seconds ahead of the machine, or behind.
    pub(crate) fn set_offset(&self, seconds: i64) {
        self.write(OFFSET, seconds * 1_000_000);
        self.write(STANDING, 0);
    }

    /// Stops it at an instant, in seconds since 1970.
    pub(crate) fn freeze_at(&self, unix_seconds: u64) {
        self.freeze_at_millis(unix_seconds * 1_000);
    }

    /// Stops it at an instant, in milliseconds since 1970.
    pub(crate) fn freeze_at_millis(&self, unix_millis: u64) {
        assert_ne!(unix_millis, 0, "0 stands for a clock that runs");
        self.write(STANDING, i64::try_from(unix_millis).unwrap() * 1_000);
    }

    /// What makes a process follow this clock, also one of our own.
    pub(crate) fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("LD_PRELOAD", shim().to_path_buf()), ("CAMBIST_TEST_CLOCK", self.0.path().to_path_buf())]
    }

    fn write(&self, place: u64, value: i64) {
        self.0.as_file().write_all_at(&value.to_ne_bytes(), place).unwrap();
    }
}

/// The compiled shim. It is kept from run to run; several test processes may build it at the same time.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = include_str!("clock_shim.c");
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-clock");
        let library = folder.join(format!("{:016x}.so", hasher.finish()));
        if !library.exists() {
            fs::create_dir_all(&folder).unwrap();
            let workshop = tempfile::tempdir_in(&folder).unwrap();
            let (written, built) = (workshop.path().join("shim.c"), workshop.path().join("shim.so"));
            fs::write(&written, source).unwrap();
            let output = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).args([&built, &written]).output().unwrap();
            assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
            File::open(&built).unwrap().sync_all().unwrap();
            fs::rename(&built, &library).unwrap();
        }
        library
    })
}
