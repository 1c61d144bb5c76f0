// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gyrfalcon/gyrfalcon/internal/event"
)

// errNUL says that a value has a NUL, which no text of an event has.
var errNUL = errors.New(`filter error: filter value cannot contain a NUL byte (\x00)`)

// width is the number of bits of a numeric type, and whether it is signed.
func width(t event.ParamType) (bits int, signed bool) {
	switch t {
	case event.Int8:
		return 8, true
	case event.Int16:
		return 16, true
	case event.Int32, event.FD32, event.PID32, event.Double:
		return 32, true
	case event.Int64, event.FD, event.PID, event.Errno:
		return 64, true
	case event.Uint8, event.Flags8, event.EnumFlags8, event.L4Proto, event.SockFamily, event.SigType:
		return 8, false
	case event.Uint16, event.Flags16, event.EnumFlags16, event.Port, event.SyscallID:
		return 16, false
	case event.Uint32, event.Flags32, event.EnumFlags32, event.Mode, event.UID, event.GID:
		return 32, false
	}
	return 64, false
}

// parseNumber reads a number for a type: decimal or hexadecimal, with a sign. A number too large
// for the type loses its upper bits, and a negative one for a type without sign wraps, as they do
// in Falco. The result is the two's complement of 64 bits.
func parseNumber(text string, t event.ParamType) (uint64, error) {
	if strings.IndexByte(text, 0) >= 0 {
		return 0, errNUL
	}
	if t == event.Port {
		return parsePort(text)
	}
	digits, negative := strings.TrimLeft(text, " \t\n\v\f\r"), false
	if rest, found := strings.CutPrefix(digits, "-"); found {
		digits, negative = rest, true
	} else {
		digits = strings.TrimPrefix(digits, "+")
	}
	base := 10
	if len(digits) > 2 && (digits[:2] == "0x" || digits[:2] == "0X") {
		digits, base = digits[2:], 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || strings.ContainsAny(digits, "_+-") {
		return 0, fmt.Errorf("%s is not a valid number", text)
	}
	if negative {
		n = -n
	}
	return extend(n, t), nil
}

// extend cuts a number to the width of a type and extends its sign.
func extend(n uint64, t event.ParamType) uint64 {
	bits, signed := width(t)
	shift := 64 - bits
	if signed {
		return uint64(int64(n<<shift) >> shift)
	}
	return n << shift >> shift
}

// parsePort reads a port: a number or the name of a service.
func parsePort(text string) (uint64, error) {
	if strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseUint("0"+text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is not a valid number", text)
		}
		return n & 0xffff, nil
	}
	for _, network := range []string{"tcp", "udp"} {
		if port, err := net.LookupPort(network, text); err == nil && !strings.ContainsAny(text, "+-") {
			return uint64(port), nil
		}
	}
	return 0, fmt.Errorf("unrecognized protocol %s", text)
}

// parseBool reads "true" or "false".
func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("filter error: unrecognized boolean value %s", text)
}

// parseIP reads an address.
func parseIP(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err == nil && ip.Zone() == "" {
		return ip, nil
	}
	if isIPv4(text) {
		return ip, fmt.Errorf("unrecognized IPv4 address %s", text)
	}
	return ip, fmt.Errorf("unrecognized IPv6 address %s", text)
}

// isIPv4 tells by its dots and colons which kind of address a text means.
func isIPv4(text string) bool {
	return strings.Contains(text, ".") && !strings.Contains(text, ":")
}

// parseNet reads a network: an address and the length of its prefix.
func parseNet(text string) (netip.Prefix, error) {
	address, length, found := strings.Cut(text, "/")
	if !found {
		return netip.Prefix{}, fmt.Errorf("unrecognized IP network %s", text)
	}
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Zone() != "" {
		if isIPv4(address) {
			return netip.Prefix{}, fmt.Errorf("unrecognized IP address %s", text)
		}
		return netip.Prefix{}, fmt.Errorf("unrecognized IPv6 address %s", text)
	}
	bits, err := strconv.ParseUint(length, 10, 8)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is not a valid number", length)
	}
	if int(bits) > ip.BitLen() {
		return netip.Prefix{}, fmt.Errorf("invalid netmask %s", length)
	}
	return netip.PrefixFrom(ip, int(bits)).Masked(), nil
}

// parseHex reads the bytes that bcontains and bstartswith look for.
func parseHex(text string) (string, error) {
	b, err := hex.DecodeString(text)
	if err != nil || text == "" {
		return "", errors.New("filter error: bcontains and bstartswith operator support hex strings only")
	}
	return string(b), nil
}
