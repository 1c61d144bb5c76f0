// SPDX-License-Identifier: Apache-2.0

package statetest

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// P are parameters by name. Numbers are ints, texts strings (their NUL is added where the
// parameter's type has one), []string texts with a NUL each, []byte the encoded value.
type P map[string]any

// Record returns the raw event with the given parameters; those not given are empty. Parameters
// behind the last one given are left out, as old records do, but not below the published count.
func Record(t testing.TB, typ event.Type, ts uint64, tid int64, params P) []byte {
	t.Helper()
	info := event.Lookup(typ)
	n := info.Published
	for name := range params {
		i := info.ParamIndex(name)
		if i < 0 {
			t.Fatalf("event %q has no parameter %q", info.Name, name)
		}
		n = max(n, i+1)
	}
	values := make([][]byte, n)
	for i := range values {
		if v, ok := params[info.Params[i].Name]; ok {
			values[i] = encode(t, &info.Params[i], v)
		}
	}
	return event.AppendRecord(nil, ts, tid, typ, values...)
}

// Event returns Record decoded.
func Event(t testing.TB, typ event.Type, ts uint64, tid int64, params P) *event.Event {
	t.Helper()
	ev := &event.Event{}
	if err := ev.Decode(Record(t, typ, ts, tid, params)); err != nil {
		t.Fatal(err)
	}
	return ev
}

// encode returns the value of a parameter as records carry it.
func encode(t testing.TB, p *event.Param, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case []byte:
		return v
	case []string:
		return block(v)
	case string:
		if p.Type == event.ByteBuf {
			return []byte(v)
		}
		return append([]byte(v), 0)
	case int:
		return number(uint64(v), width(p.Type))
	case uint64:
		return number(v, width(p.Type))
	}
	t.Fatalf("parameter %q cannot be a %T", p.Name, v)
	return nil
}

// number encodes v in width bytes.
func number(v uint64, width int) []byte {
	return binary.LittleEndian.AppendUint64(nil, v)[:width]
}

// width is how many bytes a number of that type takes.
func width(t event.ParamType) int {
	switch t {
	case event.Int8, event.Uint8, event.SigType, event.L4Proto, event.SockFamily, event.Flags8, event.EnumFlags8:
		return 1
	case event.Int16, event.Uint16, event.SyscallID, event.Port, event.Flags16, event.EnumFlags16:
		return 2
	case event.Int32, event.Uint32, event.Bool, event.Flags32, event.EnumFlags32, event.UID, event.GID,
		event.SigSet, event.Mode, event.FD32, event.PID32:
		return 4
	}
	return 8
}

// Addr encodes a parameter of type SockAddr: "1.2.3.4:80", or a path.
func Addr(s string) []byte {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return append(append([]byte{1}, s...), 0)
	}
	return append([]byte{family(a.Addr())}, end(a)...)
}

// Tuple encodes a parameter of type SockTuple for two ends of an IP socket.
func Tuple(src, dst string) []byte {
	a, b := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return append(append([]byte{family(a.Addr())}, end(a)...), end(b)...)
}

// UnixTuple encodes a parameter of type SockTuple for a unix socket.
func UnixTuple(src, dst uint64, path string) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{1}, src)
	b = binary.LittleEndian.AppendUint64(b, dst)
	return append(append(b, path...), 0)
}

// family is the address family of a.
func family(a netip.Addr) byte {
	if a.Is4() {
		return 2
	}
	return 10
}

// end encodes address and port.
func end(a netip.AddrPort) []byte {
	return binary.LittleEndian.AppendUint16(a.Addr().AsSlice(), a.Port())
}

// String renders a result for messages.
func (r *Result) String() string {
	return fmt.Sprintf("%s of %d, descriptor %d", r.Event.Info().Name, r.Event.TID(), r.FDNum)
}
