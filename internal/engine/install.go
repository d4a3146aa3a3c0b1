package engine

import (
	"context"
	"fmt"
	"os"
	"runtime"
)

// Install installs the plugin of xla:cpu or xla:cuda, if none is found yet;
// options.Choice does not matter. Another choice, a machine without an NVIDIA
// GPU for xla:cuda, and Offline where something is to be fetched are errors.
//
// The CPU plugin for Linux on x86-64 is the one Open fetches, with its
// checksum. Anything else comes by go-xla's own installer, into its own
// default folder: for the CPU plugin of other platforms it checks no checksum,
// which is why Open never does that, and it can be interrupted but not resumed.
func Install(ctx context.Context, choice Choice, options Options) error {
	return newSite().install(ctx, choice, options)
}

func (s *site) install(ctx context.Context, choice Choice, options Options) error {
	switch {
	case choice != XLACPU && choice != XLACUDA:
		return fmt.Errorf("engine: nothing to install for %q: name %s or %s", choice, XLACPU, XLACUDA)
	case s.load == nil:
		return noXLAError(choice)
	}
	path, err := s.find(ctx, choice)
	if err == nil {
		options.message("engine: %s is installed already: %s", choice, path)
		return nil
	}
	if !isMissing(err) {
		return err
	}
	switch {
	case options.Offline:
		return fmt.Errorf("engine: %s cannot be installed offline: run again with a network", choice)
	case choice == XLACUDA && !s.hasNVIDIA():
		return fmt.Errorf("engine: %s needs an NVIDIA GPU and its driver, and this machine shows none", choice)
	case choice == XLACPU && s.wheel != nil:
		path, err = s.fetch(ctx, options)
	default:
		path, err = s.installByGoXLA(ctx, choice, options)
	}
	if err != nil {
		return err
	}
	options.message("engine: %s is installed: %s", choice, path)
	return nil
}

// installByGoXLA runs go-xla's installer for this platform. It knows no
// context, so it is left behind when the context ends, and it draws on the
// standard output, which gives way to the terminal of options.Progress or to
// nothing meanwhile.
func (s *site) installByGoXLA(ctx context.Context, choice Choice, options Options) (string, error) {
	options.message("engine: installing %s by go-xla's installer; this can take minutes", choice)
	shown := terminal(options.Progress)
	if shown == nil {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return "", fmt.Errorf("engine: %s cannot be installed: %w", choice, err)
		}
		shown = null
	}
	stdout := os.Stdout
	os.Stdout = shown
	defer func() { os.Stdout = stdout }()

	done := make(chan error, 1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				done <- fmt.Errorf("%v", reason)
			}
		}()
		done <- s.goXLAInstaller(choice.plugin())
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("engine: %s cannot be installed: go-xla's installer: %w", choice, err)
	}
	path := s.defaults()[choice.plugin()]
	if path == "" {
		return "", fmt.Errorf("engine: %s cannot be installed: go-xla has no plugin for it on %s/%s", choice, runtime.GOOS, runtime.GOARCH)
	}
	return path, nil
}
