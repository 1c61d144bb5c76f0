// SPDX-License-Identifier: Apache-2.0

package bpf

import _ "embed"

// Fast is the object for kernels from 6.2 on, whose programs follow kernel pointers by themselves.
//
//go:embed gyr_fast_amd64.o
var Fast []byte

// Portable is the object for kernels from 5.8 on.
//
//go:embed gyr_portable_amd64.o
var Portable []byte
