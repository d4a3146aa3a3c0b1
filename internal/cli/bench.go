package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/bench"
	"github.com/kafisto/kafisto/internal/engine"
)

// benchCommand measures how fast the program is.
type benchCommand struct {
	Cases []string `arg:"" optional:"" name:"case" help:"Cases, or groups of them, as --list shows them."`

	List      bool          `help:"List the cases."`
	Engine    string        `default:"auto" help:"Engine: ${engines}."`
	Optimizer string        `default:"kafisto" help:"Optimizer of whole training steps: ${optimizers}."`
	Batch     int           `default:"0" help:"Minibatch size; 0 takes the case's own."`
	Rounds    int           `default:"3" help:"Rounds, each in a process of its own; with a peer, they take turns."`
	Warmup    int           `default:"2" help:"Steps of a round before those that are timed; the first one compiles."`
	Steps     int           `default:"5" help:"Timed steps of a round."`
	Pairs     int           `default:"50" help:"filter-cost: timed pairs of optimizer steps."`
	Peer      string        `placeholder:"CMD" help:"Command line of a program to compare with, which prints its figures as a line of JSON; {case}, {batch} and {steps} are filled in."`
	Timeout   time.Duration `default:"10m" help:"Longest time of one process."`
	DataDir   string        `type:"path" placeholder:"DIR" help:"data: folder with CIFAR-10's files. Default: made-up images."`
	Child     bool          `hidden:"" help:"Measure one case in this process."`
}

// Help shows examples.
func (benchCommand) Help() string {
	return `Example: kafisto bench resnet18 --engine xla:cpu --peer "python peer.py {case} --batch {batch} --steps {steps}"

Medians over interleaved rounds, as a table or with --json. docs/performance.md explains the figures.`
}

// Run measures the cases, or lists them.
func (c *benchCommand) Run(s *session) error {
	if c.List {
		return c.list(s)
	}
	cases, err := bench.Select(c.Cases)
	if err == nil {
		err = c.check(cases)
	}
	if err != nil {
		return usage(err)
	}
	if c.Child {
		return c.measure(s, cases[0])
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program does not find itself to start its rounds: %w", err)
	}
	table := &benchTable{session: s}
	table.begin()
	for _, one := range cases {
		if err := c.compare(s, self, one, table); err != nil {
			return err
		}
	}
	return nil
}

// options are those of one round.
func (c *benchCommand) options() bench.Options {
	return bench.Options{
		Batch: c.Batch, Warmup: c.Warmup, Steps: c.Steps, Pairs: c.Pairs, Optimizer: c.Optimizer, DataDir: c.DataDir,
	}
}

// check finds what can be wrong before anything is started.
func (c *benchCommand) check(cases []bench.Case) error {
	if _, err := engine.Parse(c.Engine); err != nil {
		return err
	}
	if c.Rounds < 1 {
		return fmt.Errorf("rounds is %d: it must be at least 1", c.Rounds)
	}
	if c.Timeout <= 0 {
		return fmt.Errorf("timeout is %s: it must be positive", c.Timeout)
	}
	if c.Child && len(cases) != 1 {
		return fmt.Errorf("--child measures one case, not %d: name one", len(cases))
	}
	if c.Peer != "" {
		if _, err := bench.NewPeer(c.Peer, cases[0], c.options(), c.Timeout); err != nil {
			return err
		}
	}
	return c.options().Check()
}

// list prints the cases.
func (c *benchCommand) list(s *session) error {
	for _, one := range bench.Cases() {
		if s.json {
			s.object(benchListed{"bench-case", one.Name, one.About, one.Unit, one.Batch})
			continue
		}
		s.line("%-28s %s", one.Name, one.About)
	}
	return nil
}

// benchListed is a case in the list, as JSON.
type benchListed struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	About string `json:"about"`
	Unit  string `json:"unit"`
	Batch int    `json:"batch,omitempty"`
}

// compare measures a case by rounds in processes of their own, in turn with the
// peer if there is one.
func (c *benchCommand) compare(s *session, self string, one bench.Case, table *benchTable) error {
	words := append([]string{self, "bench", one.Name, "--child", "--engine=" + c.Engine}, c.options().Arguments()...)
	if s.offline {
		words = append(words, "--offline")
	}
	ours := bench.Program{Words: words, Timeout: c.Timeout, Message: s.once()}
	contenders := []bench.Contender{ours}
	if c.Peer != "" {
		peer, err := bench.NewPeer(c.Peer, one, c.options(), c.Timeout)
		if err != nil {
			return usage(err)
		}
		contenders = append(contenders, peer)
	}
	all, err := bench.Interleave(s.ctx, c.Rounds, func(_, round int, r bench.Round) {
		table.round(one, round, c.Rounds, r)
	}, contenders...)
	if s.ctx.Err() != nil {
		return advisedError{s.ctx.Err(), "stopped in case " + one.Name}
	}
	if err != nil {
		return fmt.Errorf("case %s: %w", one.Name, err)
	}
	table.result(one, all)
	return nil
}

// measure carries out one round in this process and prints it as JSON.
func (c *benchCommand) measure(s *session, one bench.Case) error {
	choice, err := engine.Parse(c.Engine)
	if err != nil {
		return usage(err)
	}
	message := func(text string) { fmt.Fprintln(s.stderr, text) }
	opened, err := engine.Open(s.ctx, engine.Options{Choice: choice, Offline: s.offline, Message: message})
	if err != nil {
		return err
	}
	defer opened.Close()
	m, err := bench.Measure(s.ctx, opened, one, c.options())
	if err != nil {
		return err
	}
	s.object(m)
	return nil
}

// once returns what shows each different message once.
func (s *session) once() func(string) {
	return func(text string) {
		text = strings.TrimSpace(text)
		if text == "" || s.shown[text] {
			return
		}
		if s.shown == nil {
			s.shown = map[string]bool{}
		}
		s.shown[text] = true
		s.message(text)
	}
}
