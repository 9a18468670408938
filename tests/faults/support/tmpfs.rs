//! A small disk of its own, to be filled or made read-only.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A mounted tmpfs; unmounted when the test lets go of it.
pub struct Tmpfs {
    folder: TempDir,
}

fn root(program: &str, arguments: &[&str]) {
    let done = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} is missing ({error}): this fault needs it"));
    assert!(
        done.status.success(),
        "{program} {} failed, so the fault cannot be injected (it needs root and the right to mount): {}",
        arguments.join(" "),
        String::from_utf8_lossy(&done.stderr)
    );
}

impl Tmpfs {
    /// Mounts a disk of so many MiB.
    pub fn mount(mebibytes: u32) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let place = folder.path().to_str().expect("a path in text").to_owned();
        root(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs", &place],
        );
        Self { folder }
    }
    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
    /// Makes it read-only, while nothing has a file of it open for writing.
    pub fn make_read_only(&self) {
        root(
            "mount",
            &["-o", "remount,ro", self.path().to_str().expect("a path in text")],
        );
    }
    /// Makes it writable again.
    pub fn make_writable(&self) {
        root(
            "mount",
            &["-o", "remount,rw", self.path().to_str().expect("a path in text")],
        );
    }
    /// Fills it to the last byte with a file, which is to be removed to make room again.
    pub fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let ballast = self.path().join("ballast");
        let mut file = fs::File::create(&ballast).expect("a file");
        let mut block = vec![0u8; 1 << 16];
        loop {
            match file.write(&block) {
                Ok(0) => break,
                Ok(_) => {}
                Err(_) if block.len() > 1 => block.truncate(block.len() / 16),
                Err(_) => break,
            }
        }
        ballast
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a program that is killed at the same moment may still have files open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
