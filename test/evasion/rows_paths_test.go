// SPDX-License-Identifier: Apache-2.0

package evasion

var secretRead = []string{readSensitive, anotherName}

// realSecret holds where the kernel tells that the secret was opened.
const realSecret = "evt.type in (open, openat, openat2, open_by_handle_at) and fd.path.real = /etc/shadow"

// opensSecret is a row of an act that opens the secret.
func opensSecret(id, technique string, in place, act ...string) row {
	return row{ID: id, Technique: technique, In: in, Act: act, Rules: secretRead, Witness: realSecret, Field: "fd.path.real"}
}

var pathRows = []row{
	opensSecret("P1", "climb out of a linked directory: l/../shadow", onHost, "link-and-up"),
	opensSecret("P2", "climb out of a link that the image has", ownMounts, "image-link"),
	opensSecret("P3/self-root", "/proc/self/root", onHost, "open", "/proc/self/root/etc/shadow"),
	opensSecret("P3/thread-root", "/proc/thread-self/root", onHost, "open", "/proc/thread-self/root/etc/shadow"),
	opensSecret("P3/child-root", "/proc/PID/root of a process with other mounts", onHost, "magic-child"),
	opensSecret("P3/cwd", "/proc/self/cwd", onHost, "magic-cwd"),
	opensSecret("P3/self-fd", "/proc/self/fd/N of a descriptor without rights", onHost, "magic-fd"),
	opensSecret("P3/dev-fd", "/dev/fd/N of a descriptor without rights", onHost, "magic-dev-fd"),
	{ID: "P4", Technique: "a symbolic link to the file", Act: []string{"direct-link"}, Rules: secretRead,
		Witness: "evt.type = openat and fd.path.real = /etc/pam.d/login", Field: "fd.path.real"},
	{ID: "P5", Technique: "write through a link to the root directory", In: ownMounts, Act: []string{"root-link-write"},
		Rules: []string{belowEtc, shellConfig}, Witness: "evt.type = openat and fd.path.real = /etc/profile", Field: "fd.path.real"},
	{ID: "P6/link", Technique: "a hard link, made and read", In: ownMounts, Act: []string{"hard-link"}, Rules: []string{hardLinked},
		Witness: "evt.type = openat and fd.path.real = /etc/x and fd.nlink = 2", Field: "fd.nlink"},
	{ID: "P6/old", Technique: "a hard link that was there before", In: ownMounts, Act: []string{"old-hard-link"},
		Witness: "evt.type = openat and fd.path.real = /mnt/x and fd.nlink = 2 and fd.ino > 0", Field: "fd.nlink, fd.dev, fd.ino",
		Note: "the path is true, but not the only one; no rule, since hard links are common"},
	{ID: "P7/bind", Technique: "a bind mount of the directory", In: ownMounts, Act: []string{"bind", "DIR"}, Rules: []string{bindMounted},
		Witness: "evt.type = openat and fd.path.real contains MARK and fs.path.real.mntid > 0", Field: "mount, fs.path.real.mntid"},
	{ID: "P7/tree", Technique: "open_tree and move_mount instead of mount", In: ownMounts, Act: []string{"tree"}, Rules: []string{bindMounted},
		Witness: "evt.type = open_tree and evt.arg.path = /etc and evt.arg.flags contains OPEN_TREE_CLONE", Field: "open_tree"},
	{ID: "P7/overlay", Technique: "an overlay with the directory below", In: ownMounts, Act: []string{"overlay"}, Rules: []string{bindMounted},
		Witness: "evt.type = mount and evt.arg.data contains \"lowerdir=/etc\"", Field: "evt.arg.data, fd.is_lower_layer"},
	{ID: "P7/container", Technique: "the host's files in a container", Do: hostInside, Rules: []string{"Container Access to Host Sensitive Paths"},
		Field: "fd.name"},
	opensSecret("P8/dirfd", "openat from a directory's descriptor", onHost, "dirfd"),
	opensSecret("P8/chdir", "a relative path after chdir", onHost, "chdir"),
	opensSecret("P8/fchdir", "a relative path after fchdir", onHost, "fchdir"),
	opensSecret("P8/in-root", "openat2 with RESOLVE_IN_ROOT: /shadow", onHost, "in-root"),
	opensSecret("P9", "open_by_handle_at: no path at all", onHost, "handle"),
	{ID: "P10/rename", Technique: "rename over the file", In: ownMounts, Act: []string{"rename-over"}, Rules: []string{renamedOver}, Field: "fs.path.target"},
	{ID: "P10/exchange", Technique: "renameat2 with RENAME_EXCHANGE", In: ownMounts, Act: []string{"exchange"}, Rules: []string{renamedOver}, Field: "fs.path.source"},
	{ID: "P10/magic", Technique: "rename to /proc/self/root/etc/shadow", In: ownMounts, Act: []string{"rename-root"}, Rules: []string{"File changed through the directory of a process"}, Field: "fs.path.target"},
	{ID: "P10/link", Technique: "rename through a linked directory", In: ownMounts, Act: []string{"rename-link"}, Hooked: []string{renamedOver}, Note: needsHooks},
	opensSecret("P11/argument", "a path of 3,600 bytes: /etc/././…/shadow", onHost, "long-argument"),
	{ID: "P11/components", Technique: "120 directories deep", Act: []string{"components"}, Rules: []string{authorizedKeys}, Field: "fd.path.real"},
	{ID: "P11/deep", Technique: "6,000 bytes deep, step by step", Act: []string{"deep"}, Rules: []string{authorizedKeys}, Field: "fd.path.real"},
	{ID: "P12", Technique: "a decoy: another file under the same name, in other mounts", In: ownMounts, Act: []string{"decoy"}, Rules: secretRead,
		Witness: "evt.type = openat and fd.path.real = /etc/shadow and fd.ino > 0 and fs.path.real.dev > 0 and fs.path.real.mntid > 0",
		Field:   "fs.path.real.dev, .ino, .mntid", Note: "the alert names the file's device and inode: it is not the host's"},
	opensSecret("P13/slashes", "//etc///shadow", onHost, "open", "//etc///shadow"),
	opensSecret("P13/dots", "/etc/./shadow", onHost, "open", "/etc/./shadow"),
	opensSecret("P13/name", "line feed, forged JSON, a terminal's codes and no UTF-8 in a name", onHost, "odd-name"),
}

// hostInside reads the host's file, which is mounted in a container.
func hostInside(s *scene) error {
	return s.run(inContainer, s.evader, "open", s.dir, "/proc/1/root/etc/shadow")
}
