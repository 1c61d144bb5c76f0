// SPDX-License-Identifier: Apache-2.0

package field

import (
	"errors"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// The paths that evt.abspath can mean.
const (
	absAny = iota
	absSrc
	absDst
)

func parseAbsPath(a *Arg) error {
	switch a.Text {
	case "src":
		a.Index = absSrc
	case "dst":
		a.Index = absDst
	default:
		return errors.New("the argument must be src or dst")
	}
	return nil
}

// evtAbsPath builds the path from the directory descriptor and the path of the call.
func evtAbsPath(c *Context, a *Arg) (string, bool) {
	which := absAny
	if a.Given {
		which = a.Index
	}
	dir, path := -1, -1
	switch c.Ev.Type() {
	case event.RenameAt, event.RenameAt2, event.LinkAt:
		dir, path = 1, 2
		if which == absDst {
			dir, path = 3, 4
		}
	case event.SymlinkAt:
		dir, path = 2, 3
	case event.OpenAt, event.OpenAt2, event.UnlinkAt, event.MkdirAt, event.FchmodAt, event.FChownAt:
		dir, path = 1, 2
	case event.OpenByHandleAt:
		if res, ok := result(c.Ev); !ok || res <= 0 {
			return "", false
		}
		text, ok := c.Ev.Text(3)
		return c.Keep(joinOnto(c.Arena(), 0, text)), ok
	default:
		return "", false
	}
	text, ok := c.Ev.Text(path)
	if !ok || c.Thread == nil {
		return "", false
	}
	b := c.Arena()
	if text == "" || text[0] != '/' {
		if b, ok = appendDir(b, c, dir); !ok {
			b = append(b, '/')
		}
	}
	return c.Keep(joinOnto(b, 0, text)), true
}
