// SPDX-License-Identifier: Apache-2.0

package field

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// fakeResolver answers from a table and counts the questions.
type fakeResolver struct {
	addrs map[string][]netip.Addr
	asked int
}

func (r *fakeResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.asked++
	if list := r.addrs[host]; list != nil {
		return list, nil
	}
	return nil, errors.New("no such host")
}

func TestDNS(t *testing.T) {
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
	r := &fakeResolver{addrs: map[string][]netip.Addr{"a.example": {netip.MustParseAddr("::ffff:192.0.2.1")}}}
	d := NewDNS(r)
	now := time.Unix(1000, 0)
	if d.Has("a.example", one) {
		t.Error("an address is known before the first look-up")
	}
	d.Want("b.example")
	d.Refresh(t.Context(), now)
	if r.asked != 2 || !d.Has("a.example", one) || d.Has("b.example", one) {
		t.Errorf("%d questions, a has %v", r.asked, d.Has("a.example", one))
	}
	if name, ok := d.Name(one); !ok || name != "a.example" {
		t.Errorf("name %q %v", name, ok)
	}
	r.addrs["a.example"] = []netip.Addr{two}
	d.Refresh(t.Context(), now.Add(dnsMinPause-1))
	if r.asked != 2 {
		t.Error("a host was looked up too soon")
	}
	d.Refresh(t.Context(), now.Add(dnsMinPause))
	if d.Has("a.example", one) || !d.Has("a.example", two) {
		t.Error("the new address is not known")
	}
	delete(r.addrs, "a.example")
	d.Refresh(t.Context(), now.Add(4*dnsMinPause))
	if !d.Has("a.example", two) {
		t.Error("a failed look-up lost the address")
	}
	if n := testing.AllocsPerRun(100, func() { d.Has("a.example", two); d.Name(two) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if (*DNS)(nil).Has("a.example", one) {
		t.Error("no DNS knows an address")
	}
}

// TestDNSPause lets the pause double while the answer stays the same.
func TestDNSPause(t *testing.T) {
	r := &fakeResolver{addrs: map[string][]netip.Addr{"a.example": {netip.MustParseAddr("192.0.2.1")}}}
	d := NewDNS(r)
	d.Want("a.example")
	start := time.Unix(1000, 0)
	for s := range 3600 {
		d.Refresh(t.Context(), start.Add(time.Duration(s)*time.Second))
	}
	if r.asked < 10 || r.asked > 20 {
		t.Errorf("%d questions in an hour", r.asked)
	}
}

func TestDNSInherit(t *testing.T) {
	one := netip.MustParseAddr("192.0.2.1")
	r := &fakeResolver{addrs: map[string][]netip.Addr{"a.example": {one}, "b.example": {netip.MustParseAddr("192.0.2.2")}}}
	old := NewDNS(r)
	old.Want("a.example")
	old.Want("gone.example")
	old.Refresh(t.Context(), time.Now())
	d := NewDNS(r)
	d.Want("a.example")
	d.Want("b.example")
	d.Inherit(old)
	if name, ok := d.Name(one); !d.Has("a.example", one) || !ok || name != "a.example" {
		t.Error("what was known is lost")
	}
	asked := r.asked
	d.Refresh(t.Context(), time.Now())
	if r.asked != asked+1 {
		t.Errorf("%d questions, only b.example is new", r.asked-asked)
	}
}
