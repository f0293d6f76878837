"""What kind of file system a folder lies on: SQLite's write-ahead log (WAL) is safe on local ones only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_LOCAL = """
apfs bcachefs btrfs ecryptfs exfat ext2 ext3 ext4 f2fs fixed fuseblk hfs jfs msdos nilfs2 ntfs ntfs3 overlay
ramfs reiserfs removable tmpfs ubifs ufs vfat xfs zfs
"""
"""Kinds on which all programs that open a file share its memory, as WAL demands (sqlite.org/wal.html).

What is not listed counts as a network: the other journal works everywhere, and only costs more syncs."""

_WINDOWS_DRIVES = {2: "removable", 3: "fixed", 4: "remote", 6: "ramfs"}
"""What GetDriveType answers."""


def kind_of(folder: Path) -> str:
    """Return the kind of file system that a folder lies on, as the system calls it, such as "ext4" or "nfs4".

    Returns:
        The kind in lower case; "" if it is not known.
    """
    path = os.path.realpath(folder)
    try:
        if sys.platform == "win32":
            return _kind_on_windows(path)
        mounts = _mounts_of_macos() if sys.platform == "darwin" else _mounts_of_linux()
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    # Where one is mounted over another, the later one is seen.
    above = [(len(point), number) for number, (point, _) in enumerate(mounts) if _holds(point, path)]
    return mounts[max(above)[1]][1].lower() if above else ""


def is_local(kind: str) -> bool:
    """Whether a write-ahead log is safe on this kind of file system."""
    return kind in _LOCAL.split()


def _holds(point: str, path: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")


def _mounts_of_linux() -> list[tuple[str, str]]:
    """Return mount point and kind of each line of mountinfo (proc(5)), in the order of mounting."""
    mounts = []
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        mount, _, source = line.partition(" - ")
        point = mount.split(" ")[4]
        for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(escaped, character)
        mounts.append((point, source.split(" ")[0]))
    return mounts


def _mounts_of_macos() -> list[tuple[str, str]]:
    """Return mount point and kind of each line of mount(8): "/dev/disk1s1 on /Volumes/x (apfs, local)"."""
    said = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=True).stdout
    mounts = []
    for line in said.splitlines():
        point, _, kind = line.partition(" on ")[2].rpartition(" (")
        mounts.append((point, kind.partition(",")[0].rstrip(")")))
    return mounts


def _kind_on_windows(path: str) -> str:
    import ctypes

    root = os.path.splitdrive(path)[0] + "\\"
    answer = ctypes.windll.kernel32.GetDriveTypeW(root)  # type: ignore[attr-defined,unused-ignore]
    return _WINDOWS_DRIVES.get(answer, "")
