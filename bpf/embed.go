// SPDX-License-Identifier: Apache-2.0

// Package bpf holds the compiled eBPF programs. Their sources lie in src; `make generate` builds
// the objects with a clang from Debian, and CI proves that they match.
package bpf
