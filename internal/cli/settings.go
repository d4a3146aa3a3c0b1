package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/kafisto/kafisto/internal/job"
)

// settingsError marks an error in a settings file, among kong's own.
type settingsError struct{ error }

func (e settingsError) Unwrap() error { return e.error }

// settingsFlag names a settings file. Flags that are given go before what the
// file says, and that goes before the defaults.
type settingsFlag string

// BeforeResolve is called by kong once the command line is read.
func (settingsFlag) BeforeResolve(c *kong.Context, trace *kong.Path) error {
	path := string(c.FlagValue(trace.Flag).(settingsFlag))
	values, err := readSettings(kong.ExpandPath(path))
	if err != nil {
		return settingsError{usage(err)}
	}
	c.AddResolver(resolver(values))
	return nil
}

// resumeFlag makes the settings of the run in --dir the settings file.
type resumeFlag bool

// BeforeResolve is called by kong once the command line is read.
func (resumeFlag) BeforeResolve(c *kong.Context, trace *kong.Path) error {
	if on := bool(c.FlagValue(trace.Flag).(resumeFlag)); !on {
		return nil
	}
	dir, _ := given(c, "dir").(string)
	switch {
	case given(c, "settings") != nil:
		return settingsError{usage(errors.New("--resume takes the run's own settings: leave out --settings"))}
	case dir == "":
		return settingsError{usage(errors.New("--resume needs the run's folder: add --dir"))}
	}
	values, err := readSettings(filepath.Join(dir, job.SettingsFile))
	if err != nil {
		return settingsError{fmt.Errorf("there is no run in %s to resume: %w", dir, err)}
	}
	c.AddResolver(resolver(values))
	return nil
}

// given is the value of a flag on the command line, nil if it is not there.
func given(c *kong.Context, name string) any {
	for _, part := range c.Path {
		if part.Flag != nil && part.Flag.Name == name {
			return c.FlagValue(part.Flag)
		}
	}
	return nil
}

func readSettings(path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	defer f.Close()
	values, err := job.ReadSettings(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// resolver gives kong the values of flags that are not on the command line.
// Kong takes them as text, as on the command line.
func resolver(values map[string]any) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, ok := values[flag.Name]
		if !ok {
			return nil, nil
		}
		return fmt.Sprint(value), nil
	})
}
