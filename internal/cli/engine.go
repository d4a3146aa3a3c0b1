package cli

import (
	"github.com/kafisto/kafisto/internal/engine"
)

// engineCommand is about engines.
type engineCommand struct {
	Status  engineStatusCommand  `cmd:"" default:"1" help:"Show which engines are there."`
	Install engineInstallCommand `cmd:"" help:"Install the plugin of an engine."`
}

// engineStatusCommand shows the engines.
type engineStatusCommand struct{}

// engineInfo is an engine as JSON.
type engineInfo struct {
	Type string `json:"type"`
	engine.Info
}

// engineBuild is how the program was built, as JSON.
type engineBuild struct {
	Type string `json:"type"`
	engine.Build
}

// Run prints the engines in the order in which auto tries them.
func (engineStatusCommand) Run(s *session) error {
	infos, built := engine.Status(s.ctx), engine.Built()
	if s.json {
		for _, info := range infos {
			s.object(engineInfo{"engine", info})
		}
		s.object(engineBuild{"build", built})
		return nil
	}
	s.line("%-9s %-9s %-9s %s", "engine", "there", "version", "plugin")
	for _, info := range infos {
		where := info.Path
		if where == "" && info.Available {
			where = "part of this program"
		}
		if !info.Available {
			where = info.Reason
		}
		s.line("%-9s %-9s %-9s %s", info.Choice, yesNo(info.Available), orDash(info.Version), where)
	}
	s.line("\nbuilt with simd: %s; with XLA: %s; auto takes the first that starts", yesNo(built.SIMD), yesNo(built.XLA))
	if built.Kernels == "" {
		s.line("kernels for xla:cpu: none, %s", built.NoKernels)
	} else {
		s.line("kernels for xla:cpu: %s; an engine that opens without them says so", built.Kernels)
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// engineInstallCommand installs an engine's plugin.
type engineInstallCommand struct {
	Engine string `arg:"" help:"xla:cpu or xla:cuda."`
}

// Run installs the plugin, unless it is there.
func (c *engineInstallCommand) Run(s *session) error {
	choice, err := engine.Parse(c.Engine)
	if err != nil {
		return usage(err)
	}
	o := engine.Options{Choice: choice, Offline: s.offline, Message: s.message}
	if !s.json {
		o.Progress = s.stderr
	}
	return engine.Install(s.ctx, choice, o)
}
