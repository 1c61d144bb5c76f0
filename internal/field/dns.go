// SPDX-License-Identifier: Apache-2.0

package field

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Resolver looks up the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// How often a host is looked up again: the pause doubles while the answer stays the same.
const (
	dnsMinPause = 10 * time.Second
	dnsMaxPause = 320 * time.Second
	dnsTimeout  = 5 * time.Second
)

// DNS knows the addresses of the hosts that conditions name. Hosts are looked up in the background,
// never while an event is evaluated: until the first answer a host has no address.
type DNS struct {
	resolver Resolver
	mu       sync.RWMutex
	hosts    map[string]*Host
	names    atomic.Pointer[map[netip.Addr]string]
}

// Host is one host that conditions name.
type Host struct {
	name  string
	addrs atomic.Pointer[map[netip.Addr]struct{}]
	pause time.Duration
	due   time.Time
}

// NewDNS returns an empty cache that asks r.
func NewDNS(r Resolver) *DNS {
	d := &DNS{resolver: r, hosts: map[string]*Host{}}
	d.names.Store(&map[netip.Addr]string{})
	return d
}

// Host returns the host of that name; Run looks it up.
func (d *DNS) Host(name string) *Host {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.hosts[name]
	if h == nil {
		h = &Host{name: name, pause: dnsMinPause}
		h.addrs.Store(&map[netip.Addr]struct{}{})
		d.hosts[name] = h
	}
	return h
}

// Has reports whether ip is one of the host's addresses.
func (h *Host) Has(ip netip.Addr) bool {
	_, ok := (*h.addrs.Load())[ip]
	return ok
}

// Name returns the host that has the address, if a condition named it.
func (d *DNS) Name(ip netip.Addr) (string, bool) {
	name, ok := (*d.names.Load())[ip]
	return name, ok
}

// Run keeps the addresses up to date until ctx is done.
func (d *DNS) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		d.Refresh(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Refresh looks up every host that is due at now.
func (d *DNS) Refresh(ctx context.Context, now time.Time) {
	d.mu.RLock()
	var due []*Host
	for _, h := range d.hosts {
		if !now.Before(h.due) {
			due = append(due, h)
		}
	}
	d.mu.RUnlock()
	changed := false
	for _, h := range due {
		changed = d.lookup(ctx, h) || changed
		h.due = now.Add(h.pause)
	}
	if changed {
		d.index()
	}
}

// lookup asks for one host's addresses and reports whether they changed. A failure keeps the old ones.
func (d *DNS) lookup(ctx context.Context, h *Host) bool {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	list, err := d.resolver.LookupNetIP(ctx, "ip", h.name)
	if err != nil {
		h.pause = dnsMinPause
		return false
	}
	addrs := make(map[netip.Addr]struct{}, len(list))
	same := true
	for _, ip := range list {
		ip = ip.Unmap().WithZone("")
		addrs[ip] = struct{}{}
		same = same && h.Has(ip)
	}
	if same && len(addrs) == len(*h.addrs.Load()) {
		h.pause = min(2*h.pause, dnsMaxPause)
		return false
	}
	h.addrs.Store(&addrs)
	h.pause = dnsMinPause
	return true
}

// index rebuilds the names by address. Where hosts share one, the first by name has it.
func (d *DNS) index() {
	names := map[netip.Addr]string{}
	d.mu.RLock()
	for _, h := range d.hosts {
		for ip := range *h.addrs.Load() {
			if old := names[ip]; old == "" || h.name < old {
				names[ip] = h.name
			}
		}
	}
	d.mu.RUnlock()
	d.names.Store(&names)
}
