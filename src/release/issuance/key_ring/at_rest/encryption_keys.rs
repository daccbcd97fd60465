//! The encryption keys, each in a file of its own.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::domain::random_bytes;
use crate::release::issuance::key_ring::signer::{PublicMembers, thumbprint};

use super::AtRestError;

/// Where an encryption key is kept: 32 random bytes in base64url without padding.
#[derive(Clone, Debug)]
pub enum EncryptionKeySource {
    /// A file that nobody but its owner can read or write.
    File(PathBuf),
    /// A text that does not change while we run, such as an environment variable.
    Text {
        /// What messages call it: `environment variable CAMBIST_KEY`.
        origin: Box<str>,
        /// The key.
        text: SecretString,
    },
}

/// The keys of all sources, in their order: the first wraps, all unwrap. Never empty.
///
/// Read anew whenever the ring is wrapped or unwrapped, which is rare: so a changed file is noticed, and no copy stays in memory.
#[derive(Debug)]
pub(in super::super) struct EncryptionKeys(Vec<EncryptionKey>);

impl EncryptionKeys {
    /// Reads every one.
    pub(in super::super) fn read(sources: &[EncryptionKeySource]) -> Result<Self, AtRestError> {
        let keys = sources.iter().map(EncryptionKey::read).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(AtRestError::NoneConfigured) } else { Ok(Self(keys)) }
    }

    /// Creates the file with a new key, for its owner only, unless there is something at the path.
    ///
    /// Its directory must exist; both are on disk before this returns, or a crash could leave a ring that nobody can unwrap. The file
    /// appears with its content, or a crash in between could leave one that holds no key.
    pub(in super::super) fn create_if_missing(file: &Path) -> Result<(), AtRestError> {
        let failed = |source| AtRestError::Io { action: "create", file: file.into(), source };
        if fs::symlink_metadata(file).is_ok() {
            return Ok(());
        }
        // A name of its own: of two that make it at the same time, one wins whole.
        let mut draft = file.as_os_str().to_owned();
        draft.push(format!(".{:016x}", u64::from_be_bytes(random_bytes())));
        let draft = PathBuf::from(draft);
        let linked = write_new(&draft).and_then(|()| fs::hard_link(&draft, file));
        // Whether it was linked or not.
        let _ = fs::remove_file(&draft);
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            linked => linked.map_err(failed)?,
        }
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }

    /// The one that wraps.
    pub(in super::super) fn first(&self) -> Result<&EncryptionKey, AtRestError> {
        self.0.first().ok_or(AtRestError::NoneConfigured)
    }

    /// The one of that thumbprint.
    pub(super) fn named(&self, kid: &str) -> Option<&EncryptionKey> {
        self.0.iter().find(|key| &*key.kid == kid)
    }
}

/// Writes a new key to a new file, down to the disk.
fn write_new(file: &Path) -> io::Result<()> {
    let bytes = Zeroizing::new(random_bytes::<KEY_BYTES>());
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
    let mut created = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file)?;
    created.write_all(text.as_bytes())?;
    created.sync_all()
}

/// A key of 256 bits, wiped on drop. Debug shows its name only.
pub(in super::super) struct EncryptionKey {
    kid: Box<str>,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl EncryptionKey {
    fn read(source: &EncryptionKeySource) -> Result<Self, AtRestError> {
        match source {
            EncryptionKeySource::File(file) => Self::read_file(file),
            EncryptionKeySource::Text { origin, text } => {
                Self::parse(text.expose_secret().as_bytes()).ok_or_else(|| AtRestError::Malformed { origin: origin.clone() })
            }
        }
    }

    fn read_file(file: &Path) -> Result<Self, AtRestError> {
        let malformed = || AtRestError::Malformed { origin: file.display().to_string().into() };
        let failed = |source| AtRestError::Io { action: "read", file: file.into(), source };
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AtRestError::Missing { file: file.into() }),
            Err(error) => return Err(failed(error)),
        };
        // Asked of the open file: what is checked is what is read.
        let metadata = opened.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(malformed());
        }
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(AtRestError::TooOpen { file: file.into(), mode });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(2 * MAX_FILE_BYTES));
        opened.take(MAX_FILE_BYTES as u64).read_to_end(&mut text).map_err(failed)?;
        Self::parse(&text).ok_or_else(malformed)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_ascii_end()).ok()?);
        let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(decoded.as_slice()).ok()?);
        let mut members = PublicMembers::from([("kty", "oct".into()), ("k", URL_SAFE_NO_PAD.encode(*bytes))]);
        let kid = thumbprint(&members);
        drop(members.remove("k").map(Zeroizing::new));
        Some(Self { kid, bytes })
    }

    /// Its thumbprint (RFC 7638). Tells nothing about a key of 256 random bits.
    pub(in super::super) fn kid(&self) -> &str {
        &self.kid
    }

    /// The key, for wrapping and unwrapping.
    pub(super) fn reveal(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A256GCM takes a key of 256 bits (RFC 7518 §5.3).
const KEY_BYTES: usize = 32;
/// A key takes 43 characters; what is longer than this is no key.
const MAX_FILE_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &Path) -> Result<EncryptionKeys, AtRestError> {
        EncryptionKeys::read(&[EncryptionKeySource::File(file.into())])
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keys.key");
        EncryptionKeys::create_if_missing(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        EncryptionKeys::create_if_missing(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "never overwritten");
        let keys = read(&file).unwrap();
        assert!(!format!("{keys:?}").contains(&text), "Debug shows no key");
    }

    #[test]
    fn whoever_sees_the_file_sees_a_whole_key() {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..300 {
            let file = directory.path().join(round.to_string());
            std::thread::scope(|scope| {
                let seen = scope.spawn(|| {
                    while !file.exists() {}
                    read(&file)
                });
                let makers = [(); 2].map(|()| scope.spawn(|| EncryptionKeys::create_if_missing(&file)));
                for maker in makers {
                    maker.join().unwrap().unwrap();
                }
                let first = seen.join().unwrap().unwrap();
                assert_eq!(first.first().unwrap().kid(), read(&file).unwrap().first().unwrap().kid());
            });
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 300, "and nothing else is left");
    }

    #[test]
    fn a_file_that_is_no_key_or_not_ours_alone_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let good = URL_SAFE_NO_PAD.encode([7; 32]);
        for (content, mode, expected, why) in [
            (good.clone(), 0o600, None, "a key"),
            (format!("{good}\n"), 0o400, None, "a line ending, read only"),
            (good.clone(), 0o640, Some("chmod 600"), "the group may read"),
            (good.clone(), 0o602, Some("chmod 600"), "others may write"),
            (String::new(), 0o600, Some("holds no encryption key"), "empty"),
            (good[1..].into(), 0o600, Some("holds no encryption key"), "31 bytes"),
            (format!("{good}="), 0o600, Some("holds no encryption key"), "padded"),
            (good.repeat(3), 0o600, Some("holds no encryption key"), "longer"),
            ("+".repeat(43), 0o600, Some("holds no encryption key"), "the other base64"),
        ] {
            let file = directory.path().join("candidate");
            let _ = fs::remove_file(&file);
            fs::write(&file, &content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let error = read(&file).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), expected.is_some(), "{why}: {error:?}");
            let (error, expected) = (error.unwrap_or_default(), expected.unwrap_or_default());
            assert!(error.contains(expected), "{why}: {error}");
            assert!(content.is_empty() || !error.contains(content.trim()), "{why}: the error shows the content");
        }
    }

    #[test]
    fn every_source_must_hold_a_key() {
        assert!(matches!(EncryptionKeys::read(&[]), Err(AtRestError::NoneConfigured)));
        assert!(matches!(read(Path::new("/nonexistent/key")), Err(AtRestError::Missing { .. })));
        assert!(matches!(read(Path::new("/dev/null")), Err(AtRestError::Malformed { .. })), "no regular file");
        let text = |text: String| [EncryptionKeySource::Text { origin: "variable KEY".into(), text: text.into() }];
        let (good, bad) = (text(URL_SAFE_NO_PAD.encode([7; 32])), text("bad".into()));
        assert!(EncryptionKeys::read(&good).is_ok());
        assert!(!format!("{good:?}").contains("BwcH"), "Debug shows no key");
        let error = EncryptionKeys::read(&bad).unwrap_err().to_string();
        assert!(error.starts_with("variable KEY holds no encryption key"), "{error}");
    }
}
