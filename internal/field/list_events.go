// SPDX-License-Identifier: Apache-2.0

package field

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// jsonEvent and jsonParam are an event and a parameter in a list as JSON.
type jsonEvent struct {
	Name      string      `json:"name"`
	Dir       string      `json:"dir"`
	Available bool        `json:"available"`
	Params    []jsonParam `json:"params"`
}

type jsonParam struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// ListEvents prints the events that rules can name, with their parameters: first those with a row of
// their own, then the system calls that share the generic one. Rows that old captures alone hold
// are left out.
func ListEvents(w io.Writer, format ListFormat) error {
	list := listedEvents()
	if format == ListJSON {
		return listJSON(w, map[string]any{"events": list})
	}
	out := bufio.NewWriter(w)
	if format == ListMarkdown {
		out.WriteString("Falco | Dir | Event\n:-----|:----|:-----\n")
	}
	for i := range list {
		e := &list[i]
		params := make([]string, len(e.Params))
		for n, p := range e.Params {
			params[n] = p.Type + " " + p.Name
		}
		line := strings.Join(params, ", ")
		if format == ListMarkdown {
			fmt.Fprintf(out, "Yes | `%s` | **%s**(%s)\n", e.Dir, e.Name, line)
		} else {
			fmt.Fprintf(out, "%s %s(%s)\n", e.Dir, e.Name, line)
		}
	}
	return out.Flush()
}

func listedEvents() []jsonEvent {
	var list []jsonEvent
	infos := event.Infos()
	for i := range infos {
		info := &infos[i]
		if info.Code > event.Generic && info.Flags&(event.OldVersion|event.Unused) == 0 && info.Category.Base() != event.CatUnknown {
			list = append(list, listedEvent(info, info.Name))
		}
	}
	for i := range event.Syscalls() {
		if sc := &event.Syscalls()[i]; sc.Event == event.Generic {
			list = append(list, listedEvent(&infos[event.Generic], sc.Name))
		}
	}
	return list
}

func listedEvent(info *event.Info, name string) jsonEvent {
	e := jsonEvent{Name: name, Dir: "<", Available: true, Params: []jsonParam{}}
	if info.Code.IsEnter() {
		e.Dir = ">"
	}
	for i := range info.Params {
		e.Params = append(e.Params, jsonParam{info.Params[i].Name, TypeName(info.Params[i].Type)})
	}
	return e
}
