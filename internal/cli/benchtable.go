package cli

import (
	"fmt"
	"time"

	"github.com/kafisto/kafisto/internal/bench"
)

// benchTable prints the figures of bench as they come.
type benchTable struct{ session *session }

// benchMachine says where figures come from, as JSON.
type benchMachine struct {
	Type    string `json:"type"`
	Time    string `json:"time"`
	Machine string `json:"machine"`
	Build   build  `json:"build"`
}

// benchRound is one round, as JSON.
type benchRound struct {
	Type   string `json:"type"`
	Case   string `json:"case"`
	Number int    `json:"round"` // from 1
	bench.Round
}

// benchCase is our result of a case, as JSON.
type benchCase struct {
	Type          string `json:"type"`
	Case          string `json:"case"`
	Engine        string `json:"engine"`
	EngineVersion string `json:"engine_version,omitempty"`
	Optimizer     string `json:"optimizer,omitempty"`
	Batch         int    `json:"batch,omitempty"`
	Steps         int    `json:"steps"`
	Unit          string `json:"unit"`
	bench.Summary
	Filter []bench.FilterCost `json:"filter,omitempty"` // a round each
}

// benchPeer is the peer's result of a case, as JSON.
type benchPeer struct {
	Type string `json:"type"`
	Case string `json:"case"`
	Peer string `json:"peer"`
	bench.Summary
	// Ratio is our items a second over the peer's, pair by pair.
	Ratio bench.Ratio `json:"ratio"`
}

// begin says where the figures come from.
func (t *benchTable) begin() {
	b, s := thisBuild(), t.session
	if s.json {
		s.object(benchMachine{"machine", time.Now().UTC().Format(time.RFC3339), machine(), b})
		return
	}
	s.line("%s", machine())
	s.line("kafisto %s, commit %s, %s, GoMLX %s, simd %s, kernels %s", b.Version, orUnknown(b.Commit), b.Go, orUnknown(b.GoMLX), yesNo(b.SIMD), orNone(b.Kernels))
}

// round tells of a round that is done.
func (t *benchTable) round(c bench.Case, round, rounds int, r bench.Round) {
	if t.session.json {
		t.session.object(benchRound{"round", c.Name, round + 1, r})
		return
	}
	t.session.message(fmt.Sprintf("%s: round %d of %d: %s %s", c.Name, round+1, rounds, r.Name, milliseconds(r.Median)))
}

// result prints the figures of a case: our rounds, and the peer's if there is one.
func (t *benchTable) result(c bench.Case, all [][]bench.Round) {
	first := all[0][0].Measurement
	ours := benchCase{
		Type: "case", Case: c.Name, Engine: first.Engine, EngineVersion: first.EngineVersion, Optimizer: first.Optimizer,
		Batch: first.Batch, Steps: first.Steps, Unit: first.Unit, Summary: bench.Summarize(all[0]),
	}
	for _, r := range all[0] {
		if f := r.Measurement.Filter; f != nil {
			ours.Filter = append(ours.Filter, *f)
		}
	}
	var peer *benchPeer
	if len(all) > 1 {
		peer = &benchPeer{
			Type: "peer", Case: c.Name, Peer: all[1][0].Name, Summary: bench.Summarize(all[1]), Ratio: bench.Compare(all[0], all[1]),
		}
	}
	if t.session.json {
		t.session.object(ours)
		if peer != nil {
			t.session.object(peer)
		}
		return
	}
	t.text(ours, peer)
}

// text prints a case's figures as a small table.
func (t *benchTable) text(c benchCase, peer *benchPeer) {
	s := t.session
	title := c.Case
	if c.Optimizer != "" {
		title += ", " + c.Optimizer
	}
	if c.Batch > 0 {
		title += fmt.Sprintf(", batch %d", c.Batch)
	}
	s.line("\n%s, %s of %s", title, count(int64(c.Rounds), "round"), count(int64(c.Steps), "step"))
	s.line("  %-22s %12s %12s %14s %10s %12s", "", "step", "least", c.Unit+"/s", "compile", "peak memory")
	t.summary(c.Engine+after(" ", c.EngineVersion), c.Summary)
	if peer != nil {
		t.summary(peer.Peer, peer.Summary)
		s.line("  ratio of %s/s, pair by pair: median %.3f, from %.3f to %.3f", c.Unit, peer.Ratio.Median, peer.Ratio.Min, peer.Ratio.Max)
		if peer.Optimizer > 0 {
			s.line("  the peer's optimizer: %s of its step", milliseconds(peer.Optimizer))
		}
	}
	for _, f := range c.Filter {
		s.line("  optimizers alone, %s: kafisto %s, sgd %s (%.2f times); difference %s = %.2f %% of an sgd step of %s",
			count(int64(f.Pairs), "pair"), milliseconds(f.KaFiStO), milliseconds(f.SGD), f.Times, milliseconds(f.Difference), 100*f.Share, milliseconds(f.Step))
	}
}

// summary prints one contender's line.
func (t *benchTable) summary(name string, r bench.Summary) {
	least, compile, peak := "-", "-", "-"
	if r.Min > 0 {
		least = milliseconds(r.Min)
	}
	if r.Compile > 0 {
		compile = fmt.Sprintf("%.2f s", r.Compile)
	}
	if r.PeakMemory > 0 {
		peak = fmt.Sprintf("%.0f MB", float64(r.PeakMemory)/1e6)
	}
	t.session.line("  %-22s %12s %12s %14s %10s %12s", name, milliseconds(r.Median), least, figure(r.ItemsPerSecond), compile, peak)
}

// milliseconds is a time as text.
func milliseconds(seconds float64) string { return figure(1e3*seconds) + " ms" }

// figure is a positive number with at least four digits, without an exponent
// unless it is tiny.
func figure(value float64) string {
	if value >= 1000 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.4g", value)
}

// after puts a mark before a text, if there is one.
func after(mark, text string) string {
	if text == "" {
		return ""
	}
	return mark + text
}
