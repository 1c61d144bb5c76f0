// SPDX-License-Identifier: Apache-2.0

// Package field says what can be asked of an event: the catalogue of fields, each with its name,
// type, manual and typed getter. A getter reads the event and the state and changes neither; the
// texts it returns are borrowed until the next event.
package field

import (
	"net/netip"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// Kind is the Go type in which a field's getter delivers.
type Kind uint8

// The kinds. A field has exactly the getter of its kind.
const (
	KindString  Kind = iota // Field.Str
	KindInt                 // Field.Int: signed integers, pids, descriptors, errno
	KindUint                // Field.Uint: unsigned integers, flags, times, ports
	KindBool                // Field.Bool
	KindFloat               // Field.Float
	KindBytes               // Field.Str, holding raw bytes
	KindIP                  // Field.IP
	KindNet                 // Field.IPs: the addresses that are tested against a network
	KindStrings             // Field.Strs: a list, or the many values of an ancestor field
	KindUints               // Field.Uints
	KindInts                // Field.Ints
	KindIPs                 // Field.IPs
	KindDynamic             // Field.Any: the type depends on the event (evt.rawarg)
)

// ArgRule says whether a field takes an argument in brackets.
type ArgRule uint8

// The argument rules.
const (
	ArgNone ArgRule = iota
	ArgOptional
	ArgRequired
)

// Flags are properties of a field (published EPF_* flags).
type Flags uint16

// The field flags.
const (
	FilterOnly      Flags = 1 << iota // cannot be printed
	PrintOnly                         // cannot be tested
	TableOnly                         // hidden from lists
	NoRHS                             // cannot stand on the right side of a comparison
	NoTransformer                     // cannot be transformed
	Deprecated                        // still works, with a warning
	FormatSuggested                   // added by append_output.suggested_output
	IsList                            // several values: only in, intersects and exists
	AnyValue                          // several values, and a comparison holds if it holds for one (ancestors)
	EitherEnd                         // both ends of a connection: holds for either end, but != only for both
	ByHostName                        // compared as an address: the right side is a host name (see DNS), the left Field.IP
	CountsAsking                      // its value depends on how often it was asked for
)

// Arg is the parsed argument of a field.
type Arg struct {
	Given bool
	Text  string // as written between the brackets, without quotes
	Index int    // numeric value, where the field takes a number; -1 otherwise
	Extra any    // what the field's Parse made of it, for its getter alone
}

// Field is one entry of the catalogue. Exactly the getter of its Kind is set (a ByHostName field has
// Str, its text for outputs, and IP, what is compared); a getter returns false, or leaves dst as
// it is, when the event has no such value.
type Field struct {
	Name    string
	Class   string // evt, process, user, group, fd, fs.path, container, k8s …
	Sources string // "" for every source, or the one source that has it
	Type    event.ParamType
	Format  event.Format
	Kind    Kind
	Flags   Flags
	Arg     ArgRule
	DotArg  bool   // the argument may stand behind a dot, too: evt.arg.flags
	BareArg bool   // works without the argument although ArgRequired is published (evt.abspath)
	Doc     string // one or two full sentences for the manual
	Ours    bool   // beyond the published catalogue

	// Parse checks the argument at load time and may keep what it made of it in Arg.Extra. nil
	// for fields whose argument is plain text.
	Parse func(a *Arg) error

	Str   func(c *Context, a *Arg) (string, bool)
	Int   func(c *Context, a *Arg) (int64, bool)
	Uint  func(c *Context, a *Arg) (uint64, bool)
	Bool  func(c *Context, a *Arg) (bool, bool)
	Float func(c *Context, a *Arg) (float64, bool)
	IP    func(c *Context, a *Arg) (netip.Addr, bool)
	// The list getters append to dst and return it; an empty result means no value.
	Strs  func(c *Context, a *Arg, dst []string) []string
	Uints func(c *Context, a *Arg, dst []uint64) []uint64
	Ints  func(c *Context, a *Arg, dst []int64) []int64
	IPs   func(c *Context, a *Arg, dst []netip.Addr) []netip.Addr
	Any   func(c *Context, a *Arg) (Value, bool)

	// Print overrides how the field is printed in outputs, where that differs from its value (an
	// ancestor field without index, evt.time in JSON). nil for the others.
	Print func(c *Context, a *Arg) (Value, bool)
}

// Value is a value of any type, for printing and for fields whose type depends on the event.
type Value struct {
	Type   event.ParamType
	Format event.Format
	Kind   Kind
	Str    string
	Num    uint64 // integers (signed ones as two's complement), booleans as 0 and 1
	Float  float64
	IP     netip.Addr
	List   []string // texts of a list's elements
	Typed  bool     // JSON shows Num instead of Str (times)
}
