// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package main

import "golang.org/x/sys/unix"

// Machines without the old calls make their successors.

func openCall(path string, flags int, mode uint32) (int, error) { return unix.Open(path, flags, mode) }

func linkCall(from, to string) error { return unix.Link(from, to) }

func symlinkCall(target, at string) error { return unix.Symlink(target, at) }

func dup2Call(from, to int) error { return unix.Dup3(from, to, 0) }
