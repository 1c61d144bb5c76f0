// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Verdict says how a check ended.
type Verdict uint8

// The verdicts.
const (
	Good     Verdict = iota
	Degraded         // gyr works, but sees less or costs more
	Missing          // gyr cannot watch
)

// String is the verdict as printed before a finding.
func (v Verdict) String() string { return [...]string{"ok", "warn", "FAIL"}[v] }

// Finding is what one check found out.
type Finding struct {
	Name    string
	Verdict Verdict
	Detail  string
	Mend    string // what to do about it; "" if nothing is wrong
	// Probe says that something was tried out, which fails for the reasons that other checks give.
	Probe bool
}

// check is one row of the examination.
type check struct {
	name  string
	probe bool
	run   func() (v Verdict, detail, mend string)
}

// checks are all rows, in the order in which they are printed: what stands first explains what
// fails later.
func checks() []check {
	rows := []check{
		{name: "kernel", run: checkKernel},
		{name: "architecture", run: checkArch},
		{name: "type information (BTF)", run: checkBTF},
		{name: "capabilities", run: checkCapabilities},
		{name: "lockdown", run: checkLockdown},
		{name: "locked memory", run: checkMemlock},
	}
	rows = append(rows, probes()...)
	return append(rows,
		check{name: "pid namespace", run: checkPIDNamespace},
		check{name: "/proc", run: checkProc},
		check{name: "tracefs", run: checkTracefs},
		check{name: "cgroups", run: checkCgroups},
	)
}

// Diagnose examines the machine: what gyr needs, whether it is there, and how to get it. A deep
// examination also watches for a moment, with the programs that gyr uses.
func Diagnose(deep bool) []Finding {
	var found []Finding
	all := checks()
	if deep {
		all = append(all, check{"watching", true, probeSource})
	}
	for _, c := range all {
		v, detail, mend := c.run()
		found = append(found, Finding{c.name, v, detail, mend, c.probe})
	}
	return found
}

// minKernel is the first kernel with all that the eBPF programs need.
var minKernel = [2]int{5, 8}

// release returns the running kernel's release and its first two numbers.
func release() (text string, version [2]int) {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown", version
	}
	text = unix.ByteSliceToString(u.Release[:])
	_, _ = fmt.Sscanf(text, "%d.%d", &version[0], &version[1])
	return text, version
}

// older reports whether version a comes before b.
func older(a, b [2]int) bool { return a[0] < b[0] || a[0] == b[0] && a[1] < b[1] }

func checkKernel() (Verdict, string, string) {
	text, version := release()
	if older(version, minKernel) {
		// A distribution may have carried the features back, so that only the probes decide.
		return Degraded, "Linux " + text, "Linux 5.8 or newer is expected; if the probes below fail, update the kernel"
	}
	return Good, "Linux " + text, ""
}

func checkArch() (Verdict, string, string) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return Missing, runtime.GOARCH, "there are eBPF programs for amd64 and arm64 only"
	}
	return Good, runtime.GOARCH, ""
}

func checkBTF() (Verdict, string, string) {
	const path = "/sys/kernel/btf/vmlinux"
	info, err := os.Stat(path)
	if err != nil {
		return Missing, "no " + path, "use a kernel built with CONFIG_DEBUG_INFO_BTF=y; in a container, mount the host's /sys"
	}
	return Good, fmt.Sprintf("%s, %d kB", path, info.Size()/1024), ""
}

// capability is a privilege that is asked for by name.
type capability struct {
	name string
	bit  uint
	need string // what it is needed for
}

// The capabilities that matter, and the one that stands for CAP_BPF and CAP_PERFMON.
var (
	capabilities = []capability{
		{"CAP_BPF", unix.CAP_BPF, "loading eBPF programs"},
		{"CAP_PERFMON", unix.CAP_PERFMON, "attaching them to the kernel's trace points"},
		{"CAP_SYS_PTRACE", unix.CAP_SYS_PTRACE, "reading the files, environment and directory of other users' processes"},
		{"CAP_DAC_READ_SEARCH", unix.CAP_DAC_READ_SEARCH, "reading the user tables of containers"},
	}
	capSysAdmin = uint(unix.CAP_SYS_ADMIN)
)

// effective returns the effective capabilities of this process.
func effective() (uint64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("CapEff:")); ok {
			return strconv.ParseUint(string(bytes.TrimSpace(rest)), 16, 64)
		}
	}
	return 0, errors.New("no CapEff in /proc/self/status")
}

func checkCapabilities() (Verdict, string, string) {
	set, err := effective()
	if err != nil {
		return Degraded, err.Error(), "mount /proc"
	}
	return judgeCapabilities(set, os.Geteuid())
}

// judgeCapabilities says what a set of capabilities lacks.
func judgeCapabilities(set uint64, uid int) (Verdict, string, string) {
	has := func(bit uint) bool { return set>>bit&1 == 1 }
	verdict := Good
	var lacks, names []string
	for _, c := range capabilities {
		if has(c.bit) || (c.bit == unix.CAP_BPF || c.bit == unix.CAP_PERFMON) && has(capSysAdmin) {
			continue
		}
		names = append(names, c.name)
		lacks = append(lacks, c.name+" ("+c.need+")")
		if c.bit == unix.CAP_BPF || c.bit == unix.CAP_PERFMON {
			verdict = Missing
		} else {
			verdict = max(verdict, Degraded)
		}
	}
	if len(lacks) == 0 {
		return Good, fmt.Sprintf("uid %d has all that are needed", uid), ""
	}
	mend := "run as root (sudo gyr), or grant them: setcap " + strings.ToLower(strings.Join(names, ",")) + "+ep $(command -v gyr); in a container, add them to securityContext.capabilities"
	return verdict, fmt.Sprintf("uid %d lacks %s", uid, strings.Join(lacks, ", ")), mend
}

func checkLockdown() (Verdict, string, string) {
	b, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return Good, "not reported", ""
	}
	mode := string(b)
	if _, rest, ok := strings.Cut(mode, "["); ok {
		mode, _, _ = strings.Cut(rest, "]")
	}
	if mode == "confidentiality" {
		return Missing, mode, "eBPF may not read kernel memory in this mode; boot with lockdown=integrity or none"
	}
	return Good, mode, ""
}

func checkMemlock() (Verdict, string, string) {
	_, version := release()
	if !older(version, [2]int{5, 11}) {
		return Good, "not limited by this kernel for eBPF", ""
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return Degraded, err.Error(), ""
	}
	set, _ := effective()
	if limit.Cur == unix.RLIM_INFINITY || set>>unix.CAP_SYS_RESOURCE&1 == 1 {
		return Good, "can be raised", ""
	}
	return Degraded, fmt.Sprintf("limited to %d kB", limit.Cur/1024), "raise it (ulimit -l unlimited, LimitMEMLOCK=infinity) or grant CAP_SYS_RESOURCE"
}

// hostPIDNamespace is the inode that the kernel gives to the first pid namespace.
const hostPIDNamespace = 0xEFFFFFFC

func checkPIDNamespace() (Verdict, string, string) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return Degraded, err.Error(), "mount /proc"
	}
	if st.Ino != hostPIDNamespace {
		return Degraded, "not the host's", "processes that already run cannot be listed; in a container use hostPID: true (docker: --pid=host)"
	}
	return Good, "the host's", ""
}

func checkProc() (Verdict, string, string) {
	root := HostRoot("")
	dir := filepath.Join(root, "proc", "1")
	if _, err := os.ReadFile(filepath.Join(dir, "status")); err != nil {
		return Degraded, err.Error(), "mount /proc without hidepid; in a container, mount the host's and set HOST_ROOT"
	}
	return Good, "readable below " + root, ""
}

func checkTracefs() (Verdict, string, string) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.Stat(filepath.Join(dir, "events")); err == nil {
			return Good, dir, ""
		}
	}
	return Good, "not mounted (only needed for older kernels)", ""
}

func checkCgroups() (Verdict, string, string) {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return Degraded, err.Error(), "mount /proc"
	}
	defer f.Close()
	v1, v2 := false, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 2 {
			v1 = v1 || fields[2] == "cgroup"
			v2 = v2 || fields[2] == "cgroup2"
		}
	}
	switch {
	case v1 && v2:
		return Good, "version 1 and 2 (hybrid)", ""
	case v1:
		return Good, "version 1", ""
	case v2:
		return Good, "version 2", ""
	}
	return Degraded, "none mounted", "containers are told by their cgroups; in a container, mount the host's /sys/fs/cgroup"
}

// HostRoot is where the host's file system is seen: the configured place, or the environment's.
func HostRoot(configured string) string {
	if configured != "" {
		return configured
	}
	if env := os.Getenv("HOST_ROOT"); env != "" {
		return env
	}
	return "/"
}
