// Package enginetest gives tests the backends that they shall run on.
package enginetest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/kafisto/kafisto/internal/engine"
)

// RequireXLA is the environment variable that, set to 1, makes a test fail
// where it would skip for want of XLA. CI sets it.
const RequireXLA = "KAFISTO_REQUIRE_XLA"

// Each runs one subtest for each backend, named "go" and "xla:cpu". The one
// for xla:cpu skips with a message where the plugin is not installed, or fails
// if KAFISTO_REQUIRE_XLA=1. The backends are opened once per process, without
// the network, and stay open: a test must not finalize them.
func Each(t *testing.T, run func(t *testing.T, backend compute.Backend)) {
	t.Helper()
	for _, choice := range []engine.Choice{engine.Go, engine.XLACPU} {
		t.Run(string(choice), func(t *testing.T) { run(t, Backend(t, choice)) })
	}
}

// Backend returns the backend of choice, under the same terms as Each.
func Backend(t testing.TB, choice engine.Choice) compute.Backend {
	t.Helper()
	opened, err := open(choice)
	switch {
	case err == nil:
		return opened.Backend
	case choice == engine.Go || os.Getenv(RequireXLA) == "1":
		t.Fatal(err)
	default:
		t.Skip(err) // says what to do
	}
	return nil
}

var (
	mutex  sync.Mutex
	opened = map[engine.Choice]*engine.Engine{}
)

// open returns the process's engine of that choice.
func open(choice engine.Choice) (*engine.Engine, error) {
	mutex.Lock()
	defer mutex.Unlock()
	if e := opened[choice]; e != nil {
		return e, nil
	}
	e, err := engine.Open(context.Background(), engine.Options{Choice: choice, Offline: true})
	if err == nil {
		opened[choice] = e
	}
	return e, err
}
