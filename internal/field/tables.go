// SPDX-License-Identifier: Apache-2.0

package field

import (
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// tableFields are the fields whose values depend on what events of state.EffectTables change:
// descriptors other than the event's own, their limits, and memory figures.
var tableFields = map[string]bool{
	"evt.args": true, "evt.info": true, "evt.abspath": true,
	"evt.arg_mismatch": true, "fd.types": true, "proc.fdopencount": true, "proc.fdlimit": true, "proc.fdusage": true,
}

// tablePrefixes begin the names of more such fields.
var tablePrefixes = []string{"proc.stdin.", "proc.stdout.", "proc.stderr.", "proc.vm", "thread.vm", "thread.pf"}

// Reach says what a field reads beyond the event, its own descriptor, threads and processes.
type Reach uint8

// The reaches, each of which includes those before it.
const (
	ReachOwn    Reach = iota // nothing
	ReachDir                 // the descriptor of the directory that a path parameter is relative to, see DirByFD
	ReachTables              // what events of state.EffectTables change
)

// ReachFor returns the field's reach for events of type t.
func (f *Field) ReachFor(a *Arg, t event.Type) Reach {
	switch {
	case f.Name == "evt.arg", f.Name == "evt.rawarg":
		return argReach(a, t)
	case strings.HasPrefix(f.Name, "fs.path."):
		return pathReach(t)
	case tableFields[f.Name]:
		return ReachTables
	}
	for _, p := range tablePrefixes {
		if strings.HasPrefix(f.Name, p) {
			return ReachTables
		}
	}
	return ReachOwn
}

// pathReach looks whether a path of a call is relative to a descriptor that is not the event's.
func pathReach(t event.Type) Reach {
	if int(t) >= len(fsCallByType) {
		return ReachOwn
	}
	call := &fsCallByType[t]
	if call.name.base == baseDirFD || call.source.base == baseDirFD || call.target.base == baseDirFD {
		return ReachTables
	}
	return ReachOwn
}

// argReach looks whether what is shown of a parameter comes from a descriptor.
func argReach(a *Arg, t event.Type) Reach {
	i := a.Index
	if ref, ok := a.Extra.(argRef); ok {
		i = int(ref[t])
	}
	params := event.Lookup(t).Params
	if i < 0 || i >= len(params) {
		return ReachOwn
	}
	switch params[i].Type {
	case event.FSRelPath:
		return ReachDir
	case event.FD, event.FD32, event.FDList, event.Dyn:
		return ReachTables
	}
	return ReachOwn
}

// DirByFD reports whether a path of the event is relative to the directory of a descriptor.
func DirByFD(ev *event.Event) bool {
	params := ev.Info().Params
	for i := range params {
		if params[i].Type != event.FSRelPath {
			continue
		}
		if path, ok := ev.Text(i); !ok || !isRelative(path) {
			continue
		}
		if num, ok := ev.Int(int(params[i].DirFD)); ok && num != atFDCWD {
			return true
		}
	}
	return false
}
