// Package cli is the command kafisto: one file a command, each a struct of
// options and a Run method. Results go to the standard output, progress and
// messages to the standard error; with --json everything goes to the standard
// output, one JSON object a line, and only the sentence of an error to the
// standard error.
//
// Exit codes:
//
//	0    done; a comparison or search is done even if some of its runs diverged
//	1    failed: the sentence on the standard error says why
//	2    wrong usage or settings; nothing was started
//	3    stopped by SIGINT or SIGTERM, after saving
//	4    the training run diverged
//	130  stopped at once, by a second signal
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kafisto/kafisto/internal/experiment"
	"github.com/kafisto/kafisto/internal/job"
)

const description = `Trains neural networks with KaFiStO, an optimizer that is a Kalman filter, and compares it with SGD and Adam.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 stopped by a signal after saving, 4 diverged, 130 stopped at once by a second signal.`

// program is the command line: flags of every command, and the commands.
type program struct {
	JSON    bool `name:"json" help:"Print one JSON object a line on the standard output, each with a type, instead of text."`
	Offline bool `help:"Never use the network."`

	Train     trainCommand     `cmd:"" help:"Train once."`
	Eval      evalCommand      `cmd:"" help:"Evaluate what a run has saved."`
	Export    exportCommand    `cmd:"" help:"Write what a run has saved as a safetensors file, for other programs."`
	Generate  generateCommand  `cmd:"" help:"Write text with a language model that was trained."`
	Sample    sampleCommand    `cmd:"" help:"Make images with a GAN that was trained."`
	Fid       fidCommand       `cmd:"" help:"Measure how far the images of a generator that was trained are from its data set: FID."`
	Compare   compareCommand   `cmd:"" help:"Train with several optimizers and seeds, and compare them."`
	Search    searchCommand    `cmd:"" help:"Try settings, every combination or drawn at random, and rank them."`
	Reproduce reproduceCommand `cmd:"" help:"Run the paper's experiments, scaled down or in full, and put its numbers beside ours."`
	Report    reportCommand    `cmd:"" help:"Make the report of run folders again."`
	Bench     benchCommand     `cmd:"" help:"Measure how fast it is, alone or in turn with another program."`
	Data      dataCommand      `cmd:"" help:"List, fetch and check data sets."`
	Engine    engineCommand    `cmd:"" help:"Show the engines, or install one."`
	Version   versionCommand   `cmd:"" help:"Show the version and how the program was built."`
}

// groups are the headings of the settings' flags in the help.
var groups = []kong.Group{
	{Key: "task", Title: "Task (also in a settings file):"},
	{Key: "optimizer", Title: "Optimizer (also in a settings file):"},
	{Key: "kafisto", Title: "KaFiStO (also in a settings file):"},
}

// Main runs the command line args (without the program's name) and returns the
// exit code. Cancelling ctx stops a training run after saving.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	out := &output{w: stdout}
	s := &session{ctx: ctx, args: args, stdout: out, stderr: stderr, json: slices.Contains(args, "--json")}
	defer func() {
		if reason := recover(); reason != nil {
			code = s.panicked(reason)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var p program
	helped := false
	parser, err := newParser(&p, s, func(int) { helped = true })
	if err != nil {
		return s.fail(err)
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped:
		err = nil
	case err != nil:
		err = misparsed(err)
	default:
		s.json, s.offline = p.JSON, p.Offline
		err = parsed.Run(s)
	}
	if out.err != nil && (err == nil || errors.Is(err, out.err)) {
		err = fmt.Errorf("the standard output could not be written: %w: free space, or send it elsewhere", out.err)
	}
	return s.fail(err)
}

// newParser makes the parser of command lines into p. It calls exit once it has
// shown the help.
func newParser(p *program, s *session, exit func(int)) (*kong.Kong, error) {
	parser, err := kong.New(p, kong.Name("kafisto"), kong.Description(description), kong.ExplicitGroups(groups),
		kong.Writers(s.stdout, s.stderr), kong.Exit(exit), job.Vars(),
		kong.Vars{"experiments": strings.Join(experiment.Names(), ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}))
	if err != nil {
		return nil, err
	}
	for _, command := range parser.Model.Children {
		for _, flag := range command.Flags {
			flag.Hidden = flag.Hidden || command.Name == "compare" && slices.Contains(contenders, flag.Name) ||
				command.Name == "search" && flag.Name == "seed"
		}
	}
	return parser, nil
}

// misparsed adds to a mistake in the command line where the help is. A file
// that cannot be read is no such mistake.
func misparsed(err error) error {
	var settings settingsError
	if errors.As(err, &settings) {
		return settings.error
	}
	command := "kafisto"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Command() != "" {
		command = parse.Context.Selected().FullPath()
	}
	return usage(fmt.Errorf("%w; see %s --help", err, command))
}
