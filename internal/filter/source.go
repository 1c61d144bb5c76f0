// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// source is where a comparison gets its values from: a field, or transformers over fields and
// literals. Equal sources of a rule set are one. Exactly one getter is set, that of its kind; the
// scalar ones take arg, so that a field's getter is called without a detour.
type source struct {
	id     int
	name   string // the field's, for messages
	typ    event.ParamType
	list   bool // only in and intersects
	any    bool // many values, of which one must pass
	either bool // both ends of a connection
	field  *field.Field
	arg    *field.Arg
	cost   float64 // estimated, in nanoseconds
	noRHS  bool

	str   func(c *field.Context, a *field.Arg) (string, bool)
	int   func(c *field.Context, a *field.Arg) (int64, bool)
	uint  func(c *field.Context, a *field.Arg) (uint64, bool)
	bool  func(c *field.Context, a *field.Arg) (bool, bool)
	float func(c *field.Context, a *field.Arg) (float64, bool)
	ip    func(c *field.Context, a *field.Arg) (netip.Addr, bool)
	dyn   func(c *field.Context, a *field.Arg) (field.Value, bool)
	// The getters of many values append to dst; ok is false if there is no value, which is not
	// the same as an empty list.
	strs  func(c *field.Context, dst []string) (list []string, ok bool)
	ints  func(c *field.Context, dst []int64) (list []int64, ok bool)
	uints func(c *field.Context, dst []uint64) (list []uint64, ok bool)
	ips   func(c *field.Context, dst []netip.Addr) (list []netip.Addr, ok bool)
}

// many reports whether the source may have more than one value.
func (src *source) many() bool {
	return src.strs != nil || src.ints != nil || src.uints != nil || src.ips != nil
}

// prefix begins the keys of the nodes that test the source.
func (src *source) prefix(what string) string {
	return what + " " + strconv.Itoa(src.id) + " "
}

// fieldSource returns the source that is a field.
func (c *Compiler) fieldSource(f *field.Field, arg field.Arg) *source {
	key := f.Name
	if arg.Given {
		key += "[" + arg.Text + "]"
	}
	return c.source(key, func() *source {
		a := &arg
		src := &source{
			name: f.Name, typ: f.Type, field: f, arg: a, cost: fieldCost(f),
			list: f.Flags&field.IsList != 0, any: f.Flags&field.AnyValue != 0, either: f.Flags&field.EitherEnd != 0,
			noRHS: f.Flags&field.NoRHS != 0,
		}
		src.setGetter(f, a)
		return src
	})
}

// source returns the source of a key, which identifies it; build makes it if it is new.
func (c *Compiler) source(key string, build func() *source) *source {
	src := c.sources[key]
	if src == nil {
		src = build()
		src.id = len(c.sources)
		c.sources[key] = src
	}
	return src
}

// setGetter takes over the getter of a field's kind.
func (src *source) setGetter(f *field.Field, a *field.Arg) {
	switch f.Kind {
	case field.KindString, field.KindBytes:
		src.str = f.Str
	case field.KindInt:
		src.int = f.Int
	case field.KindUint:
		src.uint = f.Uint
	case field.KindBool:
		src.bool = f.Bool
	case field.KindFloat:
		src.float = f.Float
	case field.KindIP:
		src.ip = f.IP
	case field.KindDynamic:
		src.typ = rawArgType(a.Text)
		src.setDynamic(f)
	case field.KindStrings:
		src.strs = lists(f.Strs, a)
	case field.KindUints:
		src.uints = lists(f.Uints, a)
	case field.KindInts:
		src.ints = lists(f.Ints, a)
	case field.KindNet, field.KindIPs:
		if f.IPs != nil {
			src.ips = lists(f.IPs, a)
		} else {
			src.ip = f.IP
		}
	}
}

// setDynamic adapts the getter of a field whose type depends on the event to the type in which it
// is compared; values of another kind are no values.
func (src *source) setDynamic(f *field.Field) {
	kind := func(v *field.Value, kinds ...field.Kind) bool { return slices.Contains(kinds, v.Kind) }
	switch groupOf(src.typ) {
	case groupText, groupBytes:
		text := groupOf(src.typ) == groupText && f.Print != nil
		src.str = func(c *field.Context, a *field.Arg) (string, bool) {
			v, ok := f.Any(c, a)
			if !ok && text { // an empty text compares as it is printed: "<NA>"
				v, ok = f.Print(c, a)
			}
			return v.Str, ok && kind(&v, field.KindString, field.KindBytes)
		}
	case groupBool:
		src.bool = func(c *field.Context, a *field.Arg) (bool, bool) {
			v, ok := f.Any(c, a)
			return v.Num != 0, ok && kind(&v, field.KindBool, field.KindUint)
		}
	case groupIP, groupNet:
		src.ip = func(c *field.Context, a *field.Arg) (netip.Addr, bool) {
			v, ok := f.Any(c, a)
			return v.IP, ok && kind(&v, field.KindIP)
		}
	case groupNumber:
		if _, signed := width(src.typ); signed {
			src.int = func(c *field.Context, a *field.Arg) (int64, bool) {
				v, ok := f.Any(c, a)
				return int64(v.Num), ok && kind(&v, field.KindInt, field.KindUint)
			}
			return
		}
		src.uint = func(c *field.Context, a *field.Arg) (uint64, bool) {
			v, ok := f.Any(c, a)
			return v.Num, ok && kind(&v, field.KindInt, field.KindUint)
		}
	default:
		src.dyn = f.Any
	}
}

// lists adapts a field's getter of many values: for fields an empty list is no value.
func lists[T any](get func(*field.Context, *field.Arg, []T) []T, a *field.Arg) func(*field.Context, []T) ([]T, bool) {
	return func(c *field.Context, dst []T) ([]T, bool) {
		list := get(c, a, dst)
		return list, len(list) > len(dst)
	}
}

// rawArgType is the type in which an event's parameter is compared when only its name is known:
// that of the first event that has it.
func rawArgType(name string) event.ParamType {
	infos := event.Infos()
	for i := range infos {
		if n := infos[i].ParamIndex(name); n >= 0 {
			return infos[i].Params[n].Type
		}
	}
	return event.CharBuf
}

// slowFields are the beginnings of names of fields that cost more than reading a member.
var slowFields = []struct {
	prefix string
	cost   float64
}{
	{"proc.aname", 60}, {"proc.aexe", 60}, {"proc.acmdline", 80}, {"proc.aargs", 80}, {"proc.aenv", 200}, {"proc.apid", 50},
	{"proc.sname", 30}, {"proc.sid", 20}, {"proc.vpgid", 20}, {"proc.pcmdline", 15}, {"proc.p", 8}, {"proc.env", 100},
	{"evt.args", 300}, {"evt.info", 300}, {"evt.arg", 40}, {"evt.rawarg", 40}, {"evt.abspath", 60}, {"evt.time", 100},
	{"evt.datetime", 100}, {"evt.is_open", 5}, {"fd.name", 6}, {"fd.directory", 10}, {"fd.filename", 10}, {"fd.", 7},
	{"fs.path", 30}, {"fdlist", 80}, {"user.", 20}, {"group.", 20}, {"container.", 10}, {"k8s", 20},
}

// fieldCost estimates what a field's getter costs, in nanoseconds.
func fieldCost(f *field.Field) float64 {
	for _, slow := range slowFields {
		if strings.HasPrefix(f.Name, slow.prefix) {
			return slow.cost
		}
	}
	return 4
}
