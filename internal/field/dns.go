// SPDX-License-Identifier: Apache-2.0

package field

import (
	"context"
	"maps"
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
	mu       sync.Mutex                       // held to add a host
	hosts    atomic.Pointer[map[string]*host] // replaced, never changed
	names    atomic.Pointer[map[netip.Addr]string]
}

// host is one host that conditions name. All but addrs belongs to Refresh.
type host struct {
	addrs atomic.Pointer[map[netip.Addr]struct{}] // replaced, never changed
	pause time.Duration
	due   time.Time
}

// NewDNS returns an empty cache that asks r.
func NewDNS(r Resolver) *DNS {
	d := &DNS{resolver: r}
	d.hosts.Store(&map[string]*host{})
	d.names.Store(&map[netip.Addr]string{})
	return d
}

// Has reports whether ip is one of the host's addresses. It does not block. A host that is asked for
// the first time is looked up from now on.
func (d *DNS) Has(name string, ip netip.Addr) bool {
	if d == nil {
		return false
	}
	h := (*d.hosts.Load())[name]
	if h == nil {
		d.Want(name)
		return false
	}
	return h.has(ip)
}

// Want makes Run look up the host; the compiler of conditions calls it so that the first event
// finds an answer.
func (d *DNS) Want(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := *d.hosts.Load()
	if old[name] != nil {
		return
	}
	h := &host{pause: dnsMinPause}
	h.addrs.Store(&map[netip.Addr]struct{}{})
	hosts := maps.Clone(old)
	hosts[name] = h
	d.hosts.Store(&hosts)
}

func (h *host) has(ip netip.Addr) bool {
	_, ok := (*h.addrs.Load())[ip.Unmap()]
	return ok
}

// Inherit takes over what another cache knows of the hosts that both are asked for, so that
// comparisons go on to hold when the rules are loaded again. It is called before Run.
func (d *DNS) Inherit(from *DNS) {
	known := *from.hosts.Load()
	for name, h := range *d.hosts.Load() {
		if k := known[name]; k != nil && len(*k.addrs.Load()) > 0 {
			h.addrs.Store(k.addrs.Load())
			h.due = time.Now().Add(dnsMinPause)
		}
	}
	d.index()
}

// Name returns the host that has the address, if a condition named it.
func (d *DNS) Name(ip netip.Addr) (string, bool) {
	name, ok := (*d.names.Load())[ip]
	return name, ok
}

// Empty reports whether no host is asked for.
func (d *DNS) Empty() bool { return len(*d.hosts.Load()) == 0 }

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

// Refresh looks up every host that is due at now. One goroutine calls it.
func (d *DNS) Refresh(ctx context.Context, now time.Time) {
	changed := false
	for name, h := range *d.hosts.Load() {
		if now.Before(h.due) {
			continue
		}
		changed = d.lookup(ctx, name, h) || changed
		h.due = now.Add(h.pause)
	}
	if changed {
		d.index()
	}
}

// lookup asks for one host's addresses and reports whether they changed. A failure keeps the old ones.
func (d *DNS) lookup(ctx context.Context, name string, h *host) bool {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	list, err := d.resolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		h.pause = dnsMinPause
		return false
	}
	addrs := make(map[netip.Addr]struct{}, len(list))
	same := true
	for _, ip := range list {
		ip = ip.Unmap().WithZone("")
		addrs[ip] = struct{}{}
		same = same && h.has(ip)
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
	for name, h := range *d.hosts.Load() {
		for ip := range *h.addrs.Load() {
			if old := names[ip]; old == "" || name < old {
				names[ip] = name
			}
		}
	}
	d.names.Store(&names)
}
