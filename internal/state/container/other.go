// SPDX-License-Identifier: Apache-2.0

package container

import "strings"

// containerd finds the name of a container below its namespace: the path's only two parts.
func containerd(path string) string {
	if len(path) < 4 || path[0] != '/' {
		return ""
	}
	space, id, ok := strings.Cut(path[1:], "/")
	if !ok || !isName(space) || id == "" || len(id) > fullIDLen || !isName(id) {
		return ""
	}
	// These are the units of systemd.
	for _, unit := range []string{".service", ".slice", ".scope"} {
		if strings.HasSuffix(id, unit) {
			return ""
		}
	}
	return id
}

// isName reports whether s starts with a letter or digit and has but those and separators.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return s != ""
}

// lxc finds the name below the directory that LXC makes.
func lxc(path string) string {
	for _, prefix := range []string{"/lxc/", "/lxc.payload/", "/lxc.payload."} {
		if i := strings.Index(path, prefix); i >= 0 {
			name, _, _ := strings.Cut(path[i+len(prefix):], "/")
			if name != "" {
				return name
			}
		}
	}
	return ""
}

// libvirt finds the name of a container that libvirt's LXC driver runs.
func libvirt(path string) string {
	if head, ok := strings.CutSuffix(path, ".libvirt-lxc"); ok {
		return head[strings.LastIndexByte(head, '/')+1:]
	}
	const dash = `-lxc\x2d`
	if i := strings.LastIndex(path, dash); i >= 0 {
		if name, tail, ok := strings.Cut(path[i+len(dash):], ".scope"); ok && (tail == "" || tail == "/libvirt") {
			return name
		}
	}
	const dir = "/libvirt/lxc/"
	if i := strings.LastIndex(path, dir); i >= 0 {
		name, _, _ := strings.Cut(path[i+len(dir):], "/")
		return name
	}
	return ""
}

// bpm finds the name of a job of the BOSH process manager.
func bpm(path string) string {
	const prefix = "bpm-"
	i := strings.LastIndex(path, prefix)
	if i < 0 {
		return ""
	}
	name, _, _ := strings.Cut(path[i+len(prefix):], ".scope")
	if !isName(name) {
		return ""
	}
	return name
}
