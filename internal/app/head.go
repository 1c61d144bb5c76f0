// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"math"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/source/scap"
)

// LocalHead describes this machine for captures.
func LocalHead() *scap.Head {
	h := &scap.Head{Machine: scap.Machine{CPUs: runtime.NumCPU()}}
	h.Machine.Hostname, _ = os.Hostname()
	if b, err := os.ReadFile("/proc/sys/kernel/pid_max"); err == nil {
		h.Machine.MaxPID, _ = strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		h.Machine.Memory = info.Totalram * uint64(info.Unit)
	}
	var boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) == nil {
		h.Machine.BootTime = uint64(time.Now().UnixNano() - boot.Nano())
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		return h
	}
	for i := range ifaces {
		addrs, err := ifaces[i].Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				h.Ifaces = append(h.Ifaces, iface(ifaces[i].Name, n))
			}
		}
	}
	return h
}

// iface is an address of an interface as captures tell it.
func iface(name string, n *net.IPNet) scap.Iface {
	f := scap.Iface{Name: name}
	addr, _ := netip.AddrFromSlice(n.IP)
	f.Addr = addr.Unmap()
	mask := n.Mask
	if f.Addr.Is4() && len(mask) == net.IPv6len {
		mask = mask[net.IPv6len-net.IPv4len:]
	}
	f.Mask, _ = netip.AddrFromSlice(mask)
	if f.Addr.Is4() && len(mask) == net.IPv4len {
		last := f.Addr.As4()
		for i := range last {
			last[i] |= math.MaxUint8 ^ mask[i]
		}
		f.Broadcast = netip.AddrFrom4(last)
	}
	return f
}
