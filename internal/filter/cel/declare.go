// SPDX-License-Identifier: Apache-2.0

package cel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/containers"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/field"
)

// methods are the comparisons that are written as methods, with the operators they mean.
var methods = map[string]string{
	"contains": "contains", "startsWith": "startswith", "endsWith": "endswith", "icontains": "icontains",
	"bcontains": "bcontains", "bstartsWith": "bstartswith", "glob": "glob", "iglob": "iglob", "regex": "regex",
	"matches": "regex", "pmatch": "pmatch", "intersects": "intersects",
}

// quantifiers are the macros that test the elements of a list.
var quantifiers = []string{"exists", "all", "exists_one", "existsOne"}

// decode64 is how CEL's own library calls the decoding of Base64.
const decode64 = "base64.decode"

// transformers are the functions of one argument, with the transformers they mean.
var transformers = map[string]string{
	"lower": "tolower", "tolower": "tolower", "lowerAscii": "tolower",
	"upper": "toupper", "toupper": "toupper", "upperAscii": "toupper",
	decode64: "b64", "b64": "b64", "basename": "basename", "size": "len", "len": "len", "val": "val",
}

// hasValue is what the type checker calls has.
const hasValue = "has_value"

// maxConcat is how many texts concat joins.
const maxConcat = 16

// functions are the declarations beyond CEL's standard library.
func functions() []*decls.FunctionDecl {
	var all []*decls.FunctionDecl
	text, list, any, truth := types.StringType, types.NewListType(types.DynType), types.DynType, types.BoolType
	declare := func(name string, opts ...decls.FunctionOpt) {
		f, err := decls.NewFunction(name, opts...)
		if err != nil {
			panic(err) // the table is wrong
		}
		all = append(all, f)
	}
	global := func(name string, result *types.Type, args ...*types.Type) {
		declare(name, decls.Overload("gyr_"+name, args, result))
	}
	method := func(name string, result *types.Type, args ...*types.Type) {
		declare(name, decls.MemberOverload("gyr_"+name, args, result))
	}
	global(hasValue, truth, any)
	global("macro", truth, text)
	global("list", list, text)
	global("ip", any, text)
	global("cidr", any, text)
	for _, name := range slices.Sorted(maps.Keys(transformers)) {
		switch {
		case name == "size": // of the standard library
		case strings.HasSuffix(name, "Ascii"):
			method(name, text, text)
		case name == "len":
			global(name, types.IntType, any)
		case name == "val":
			global(name, any, any)
		default:
			global(name, text, text)
		}
	}
	for _, name := range []string{"icontains", "bcontains", "bstartsWith", "glob", "iglob", "regex"} {
		method(name, truth, text, text)
	}
	declare("pmatch", decls.MemberOverload("gyr_pmatch_list", []*types.Type{text, list}, truth),
		decls.MemberOverload("gyr_pmatch", []*types.Type{text, text}, truth))
	method("intersects", truth, any, any)
	method("containsIP", truth, any, any)
	declare("join", decls.Overload("gyr_join", []*types.Type{text, list}, text),
		decls.MemberOverload("gyr_join_method", []*types.Type{list, text}, text))
	global("getopt", types.NewMapType(any, any), any, text)
	var concat []decls.FunctionOpt
	for n := 2; n <= maxConcat; n++ {
		concat = append(concat, decls.Overload(fmt.Sprintf("gyr_concat_%d", n), slices.Repeat([]*types.Type{any}, n), text))
	}
	declare("concat", concat...)
	return all
}

// registry knows the types of CEL itself.
var registry = sync.OnceValue(func() *types.Registry {
	r, err := types.NewRegistry()
	if err != nil {
		panic(err) // no types of others are given
	}
	return r
})

// declared are the functions that expressions may call.
var declared = sync.OnceValue(func() *checker.Env {
	env, err := checker.NewEnv(containers.DefaultContainer, registry())
	if err == nil {
		err = env.AddIdents(stdlib.Types()...)
	}
	if err == nil {
		err = env.AddFunctions(stdlib.Functions()...)
	}
	if err == nil {
		err = env.AddFunctions(functions()...)
	}
	if err != nil {
		panic(err) // the table is wrong
	}
	return env
})

// functionNames are the functions that conditions can use, for suggestions.
func functionNames() []string {
	names := slices.Concat(quantifiers, slices.Collect(maps.Keys(methods)), slices.Collect(maps.Keys(transformers)),
		[]string{"has", "macro", "list", "ip", "cidr", "duration", "containsIP", "join", "concat", "getopt"})
	slices.Sort(names)
	return names
}

// kind is how a field's values are written.
type kind uint8

// The kinds.
const (
	kindAny kind = iota // what the rules language alone knows: ports and their names, times, unknown fields
	kindText
	kindInt
	kindBool
	kindIP
	kindNet
)

// celTypes are the types that the checker is told of the kinds; it knows neither addresses nor
// networks.
var celTypes = [...]*types.Type{
	kindAny: types.DynType, kindText: types.StringType, kindInt: types.IntType, kindBool: types.BoolType,
	kindIP: types.DynType, kindNet: types.DynType,
}

// kindOf is the kind of a field's values.
func kindOf(f *field.Field) kind {
	switch f.Type {
	case event.CharBuf, event.ByteBuf, event.FSPath, event.FSRelPath:
		return kindText
	case event.Bool:
		return kindBool
	case event.IPAddr, event.IPv4Addr, event.IPv6Addr:
		return kindIP
	case event.IPNet, event.IPv4Net, event.IPv6Net:
		return kindNet
	case event.Dyn, event.Port, event.RelTime, event.AbsTime, event.Double:
		return kindAny
	}
	return kindInt
}

// many reports whether a field, as it is written, has many values.
func many(f *field.Field, hasArg bool) bool {
	return f != nil && !hasArg && f.Flags&(field.IsList|field.AnyValue) != 0 && (f.Arg != field.ArgRequired || f.BareArg)
}

// typeOf is the type of a name: a field, or a field with its argument behind a dot. What is neither
// may be of any type.
func typeOf(cat *field.Catalogue, name string) *types.Type {
	f, arg, err := cat.Resolve(name, "", false)
	switch {
	case f == nil:
		return types.DynType
	case f.Arg == field.ArgRequired && f.Name == name && (err != nil || f.BareArg):
		return types.DynType // only its values, in brackets, have a type
	case many(f, arg.Given) && f.Arg == field.ArgOptional && f.Parse == nil:
		return types.DynType // a name in the brackets
	case many(f, arg.Given):
		return types.NewListType(celTypes[kindOf(f)])
	case f.Arg == field.ArgOptional:
		return types.DynType // a text, or the part of it that the brackets choose
	}
	return celTypes[kindOf(f)]
}
