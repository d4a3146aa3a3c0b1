package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Peer is another program as a contender. It must print a JSON object on a line
// of its own with at least the numbers median_s, seconds a step, and
// items_per_s; peer (its name), min_s and optimizer_s are taken as well. The
// last such line counts.
type Peer struct {
	words   []string
	timeout time.Duration
}

// NewPeer reads a peer's command line: words with spaces between them, which
// single or double quotes keep together, without a shell. In each word {case},
// {batch} and {steps} stand for the case's name, batch and timed steps.
func NewPeer(commandLine string, c Case, o Options, timeout time.Duration) (Peer, error) {
	words, err := splitWords(commandLine)
	if err != nil {
		return Peer{}, err
	}
	batch := o.Batch
	if batch == 0 {
		batch = c.Batch
	}
	fill := strings.NewReplacer("{case}", c.Name, "{batch}", strconv.Itoa(batch), "{steps}", strconv.Itoa(o.Steps))
	for i, word := range words {
		words[i] = fill.Replace(word)
	}
	return Peer{words, timeout}, nil
}

// Round implements Contender.
func (p Peer) Round(ctx context.Context) (Round, error) {
	out, err := process{who: "the peer", words: p.words, timeout: p.timeout}.run(ctx)
	if err != nil {
		return Round{}, err
	}
	r, err := readPeer(out.stdout)
	r.PeakMemory = out.peakMemory
	return r, err
}

// peerLine is what a peer prints. Other keys are passed over.
type peerLine struct {
	Peer           string   `json:"peer"`
	Median         *float64 `json:"median_s"`
	Min            float64  `json:"min_s"`
	ItemsPerSecond *float64 `json:"items_per_s"`
	Optimizer      float64  `json:"optimizer_s"`
}

// readPeer finds the peer's figures in what it printed.
func readPeer(stdout string) (Round, error) {
	var found *peerLine
	for line := range strings.Lines(stdout) {
		var p peerLine
		if json.Unmarshal([]byte(line), &p) == nil && p.Median != nil && p.ItemsPerSecond != nil {
			found = &p
		}
	}
	if found == nil {
		line := lastLine(stdout)
		if line == "" {
			return Round{}, errors.New("bench: the peer printed nothing: it must print a line of JSON with median_s and items_per_s")
		}
		return Round{}, fmt.Errorf("bench: the peer printed no line of JSON with median_s and items_per_s; its last line is %q", cut(line))
	}
	for name, value := range map[string]float64{"median_s": *found.Median, "items_per_s": *found.ItemsPerSecond} {
		if !(value > 0) || math.IsInf(value, 0) {
			return Round{}, fmt.Errorf("bench: the peer's %s is %g: it must be positive; give it more steps", name, value)
		}
	}
	name := found.Peer
	if name == "" {
		name = "peer"
	}
	return Round{
		Name: name, Median: *found.Median, Min: found.Min, ItemsPerSecond: *found.ItemsPerSecond, Optimizer: found.Optimizer,
	}, nil
}

// splitWords splits a command line at spaces that are not in quotes. A quote
// mark of the other kind in quotes, and a backslash anywhere, stand for
// themselves.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	if quote != 0 {
		return nil, fmt.Errorf("bench: the peer's command line %q has a quote that does not end: end it", line)
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("bench: the peer's command line is empty: give a program and its arguments")
	}
	return words, nil
}
