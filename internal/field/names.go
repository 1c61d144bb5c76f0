// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelErrnos are return values that programs never see: the kernel restarts the call.
var kernelErrnos = map[int64]string{
	95: "EOPNOTSUPP", 512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND",
	515: "ENOIOCTLCMD", 516: "ERESTART_RESTARTBLOCK",
}

// errnoName names a negative result, "" if it has no name.
func errnoName(res int64) string {
	if name := kernelErrnos[-res]; name != "" {
		return name
	}
	if res < 0 && res > -4096 {
		return unix.ErrnoName(syscall.Errno(-res))
	}
	return ""
}

// signalName names a signal, "" if it has no name.
func signalName(sig int) string { return unix.SignalName(syscall.Signal(sig)) }

// capNames are the capabilities by number.
var capNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Capabilities returns the names of the capabilities by number. The result must not be changed.
func Capabilities() []string { return capNames[:] }

// allCaps is the text of the full set, which most root processes have.
var allCaps = strings.Join(capNames[:], " ")

// capsText is the text of a set of capabilities.
func capsText(c *Context, set uint64) string {
	set &= 1<<len(capNames) - 1
	switch set {
	case 0:
		return ""
	case 1<<len(capNames) - 1:
		return allCaps
	}
	b := c.Arena()
	for n, name := range capNames {
		if set>>n&1 == 0 {
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, name...)
	}
	return c.Keep(b)
}

// services are the names of ports as /etc/services has them.
type services map[servicePort]string

type servicePort struct {
	port uint16
	udp  bool
}

// hostServices reads /etc/services once.
var hostServices = sync.OnceValue(func() services {
	f, err := os.Open("/etc/services")
	if err != nil {
		return nil
	}
	defer f.Close()
	return readServices(bufio.NewScanner(f))
})

func readServices(lines *bufio.Scanner) services {
	s := services{}
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(words[1], "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || proto != "tcp" && proto != "udp" {
			continue
		}
		key := servicePort{uint16(n), proto == "udp"}
		if s[key] == "" {
			s[key] = words[0]
		}
	}
	return s
}

// serviceName names a port; ports without a name are given as digits.
func serviceName(c *Context, port uint16, udp bool) string {
	if name := hostServices()[servicePort{port, udp}]; name != "" {
		return name
	}
	return c.Keep(strconv.AppendUint(c.Arena(), uint64(port), 10))
}
