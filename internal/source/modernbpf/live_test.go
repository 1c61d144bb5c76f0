// SPDX-License-Identifier: Apache-2.0

package modernbpf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
	"github.com/gyrfalcon/gyrfalcon/internal/source"
)

func TestScratch(t *testing.T) {
	var calls []*event.Syscall
	for i := range rows {
		calls = append(calls, event.SyscallByName(rows[i].syscall))
	}
	s := New(Config{Syscalls: calls, Form: os.Getenv("FORM"), CPUsPerRing: 2})
	t0 := time.Now()
	if err := s.Open(context.Background()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("open took", time.Since(t0), len(s.snapshot.data))
	defer s.Close()
	var ev event.Event
	done := time.Now().Add(2 * time.Second)
	go func() {
		time.Sleep(100 * time.Millisecond)
		unix.Open("/etc/../etc/hostname", unix.O_RDONLY, 0)
		os.StartProcess("/bin/ls", []string{"ls", "-l", "/proc/self/exe"}, &os.ProcAttr{})
	}()
	n := 0
	for time.Now().Before(done) {
		err := s.Next(&ev)
		if errors.Is(err, source.ErrIdle) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
		if ev.Type() < 430 && n < 100000 {
			fmt.Printf("%d %d %s", ev.Time()%1e12, ev.TID(), ev.Info().Name)
			for i := range ev.NumParams() {
				p := &ev.Info().Params[i]
				switch p.Type {
				case event.FSPath, event.FSRelPath, event.CharBuf, event.ByteBuf:
					fmt.Printf(" %s=%q", p.Name, ev.Param(i))
				default:
					v, ok := ev.Int(i)
					fmt.Printf(" %s=%d/%v", p.Name, v, ok)
				}
			}
			fmt.Println()
		}
	}
	fmt.Printf("%+v\n", s.Stats())
}
