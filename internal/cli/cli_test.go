// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gyr":          func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
		"falco":        func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
		"make-capture": makeCapture,
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("GYR_UPDATE") == "1",
		RequireExplicitExec: true,
	})
}

// makeCapture writes a capture of three opened files.
func makeCapture() {
	u32, u64 := binary.LittleEndian.AppendUint32, binary.LittleEndian.AppendUint64
	block := func(b []byte, typ uint32, body []byte) []byte {
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
		size := uint32(len(body) + 12)
		return u32(append(u32(u32(b, typ), size), body...), size)
	}
	all := block(nil, 0x0A0D0D0A, u64(append(u32(nil, 0x1A2B3C4D), 1, 0, 2, 0), ^uint64(0)))
	for i, name := range []string{"/etc/shadow", "/etc/passwd", "/etc/hosts"} {
		rec := event.AppendRecord(nil, uint64(i+1), 100, event.OpenAt, u64(nil, uint64(i+3)), u64(nil, ^uint64(99)),
			append([]byte(name), 0), u32(nil, 1), u32(nil, 0), u32(nil, 0x801), u64(nil, 77))
		all = block(all, 0x216, append([]byte{0, 0}, rec...))
	}
	if err := os.WriteFile(os.Args[1], all, 0o600); err != nil {
		panic(err)
	}
}
