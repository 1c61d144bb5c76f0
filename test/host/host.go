// SPDX-License-Identifier: Apache-2.0

// Package host is what tests that watch the running kernel need of the machine.
package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RequireVar is the environment variable that, set to 1, makes a machine that cannot run these tests a
// failure instead of a skip.
const RequireVar = "GYR_REQUIRE_LIVE"

// NeedLive skips the test where eBPF cannot be used, or fails it where that is required.
func NeedLive(t testing.TB) {
	t.Helper()
	reason := ""
	switch {
	case os.Geteuid() != 0:
		reason = "needs root"
	default:
		if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
			reason = "needs a kernel with BTF: " + err.Error()
		}
	}
	if reason == "" {
		return
	}
	if os.Getenv(RequireVar) == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// LeaveCgroups moves the tests to the roots of the cgroup hierarchies, so that what they start on
// the host counts as being on the host wherever the tests were started from; enter undoes it.
func LeaveCgroups() (enter func()) {
	enter = func() {}
	if os.Geteuid() != 0 {
		return enter
	}
	data, _ := os.ReadFile("/proc/self/cgroup")
	self := []byte("0")
	for line := range strings.Lines(string(data)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 || part[2] == "/" {
			continue
		}
		root := filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(part[1], "name="))
		if os.WriteFile(filepath.Join(root, "cgroup.procs"), self, 0o644) == nil {
			before := enter
			enter = func() {
				os.WriteFile(filepath.Join(root, part[2], "cgroup.procs"), self, 0o644)
				before()
			}
		}
	}
	return enter
}

// RemoveCgroups removes the groups that container runtimes, and tests that imitate them, leave behind.
func RemoveCgroups() {
	for _, dir := range []string{"docker", "k8s.io", "libpod_parent/libpod", "libpod_parent"} {
		leftovers, _ := filepath.Glob("/sys/fs/cgroup/*/" + dir)
		for _, path := range append(leftovers, "/sys/fs/cgroup/"+dir) {
			os.Remove(path)
		}
	}
}
