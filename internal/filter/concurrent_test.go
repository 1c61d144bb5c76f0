// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

func TestManyGoroutinesMatch(t *testing.T) {
	c := NewCompiler(fakeCatalogue(someFacts()))
	var filters []*Filter
	for _, text := range typical {
		filters = append(filters, mustCompile(t, c, text), mustCompile(t, c, "not ("+text+")"))
	}
	ev := someEvent(t)
	p := c.Program(filters, ev.Type())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			ctx := &field.Context{}
			for range 200 {
				ctx.Reset(ev, nil, nil, nil, -1, "syscall")
				if found := p.Match(ctx, nil); len(found) != len(typical) {
					t.Errorf("%d filters hold", len(found))
				}
				for i := 0; i < len(filters); i += 2 {
					if filters[i].Match(ctx) == filters[i+1].Match(ctx) {
						t.Errorf("filter %d holds like its negation", i)
					}
				}
			}
		})
	}
	group.Wait()
}

// fakeResolver knows one host.
type fakeResolver struct{}

func (fakeResolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if host == "pool.example" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.9")}, nil
	}
	return nil, nil
}

func TestHostNames(t *testing.T) {
	address := of(netip.MustParseAddr("192.0.2.9"))
	cat := field.Default()
	cat.Add(&field.Field{Name: "t.host", Type: event.CharBuf, Kind: field.KindString, Flags: field.ByHostName,
		Str: func(*field.Context, *field.Arg) (string, bool) { return "", false }, IP: scalar(&address)})
	c := NewCompiler(cat)
	c.DNS = field.NewDNS(fakeResolver{})
	filters := map[string]*Filter{}
	want := map[string]bool{
		"t.host = pool.example": true, "t.host in (other.example, pool.example)": true, "t.host != pool.example": false,
		"t.host = other.example": false, "t.host != other.example": true,
	}
	for text := range want {
		filters[text] = mustCompile(t, c, text)
	}
	c.DNS.Refresh(t.Context(), time.Now())
	ctx := &field.Context{Epoch: 1, Machine: &field.Machine{DNS: c.DNS}}
	for text, f := range filters {
		if f.Match(ctx) != want[text] {
			t.Errorf("%s: %v", text, !want[text])
		}
	}
	ctx = &field.Context{Epoch: 1}
	if filters["t.host = pool.example"].Match(ctx) || !filters["t.host != pool.example"].Match(ctx) {
		t.Error("a name is known without DNS")
	}
}
