package campus

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc/resolver"
)

// checkTarget returns what is wrong with a target that gRPC would take, and would then find no server for.
func checkTarget(target string) error {
	if target == "" {
		return errors.New("it is empty; write HOST:PORT or dns:///HOST:PORT")
	}
	address := target
	if scheme, rest, has := strings.Cut(target, ":"); has && resolver.Get(strings.ToLower(scheme)) != nil {
		if !strings.EqualFold(scheme, "dns") {
			return nil
		}
		address = rest
		if authority, has := strings.CutPrefix(rest, "//"); has {
			_, address, _ = strings.Cut(authority, "/")
		}
	} else if scheme, _, has := strings.Cut(target, "://"); has {
		switch strings.ToLower(scheme) {
		case "http", "https":
			return errors.New("write HOST:PORT or dns:///HOST:PORT; TLS is WithTLS")
		default:
			return fmt.Errorf("there is no scheme %s; servers that are several need a name: dns:///HOST:PORT", scheme)
		}
	}
	_, port, err := net.SplitHostPort(address)
	if bare := strings.Trim(address, "[]"); err != nil && (!strings.Contains(bare, ":") || net.ParseIP(bare) != nil) {
		// Without a port it is 443, as everywhere in gRPC.
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w; write HOST:PORT, and for several servers a name that has them all", err)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return fmt.Errorf("%q is no port; write HOST:PORT, a port is 1 to 65535", port)
	}
	return nil
}
