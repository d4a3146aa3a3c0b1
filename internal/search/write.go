package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/kafisto/kafisto/internal/atomicfile"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// Files of a results folder that tell what a search has found.
const (
	ResultsFile = "search.json" // the ranked trials, see Results.WriteJSON
	BestFile    = "best.json"   // the best trial's settings, a settings file
)

// WriteText writes the ranked trials as a table for a terminal.
func (r Results) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	heads := []string{"rank", "trial"}
	for _, a := range r.Space {
		heads = append(heads, a.Name)
	}
	heads = append(heads, "best "+r.measure.name, "final "+r.measure.name, "epochs", "status")
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, result := range r.Ranked {
		line := []string{report.Dash, strconv.Itoa(result.Number)}
		if result.Rank > 0 {
			line[0] = strconv.Itoa(result.Rank)
		}
		for _, a := range r.Space {
			line = append(line, report.CleanText(result.Values[a.Name]))
		}
		for _, stat := range []report.Stat{result.Best, result.Final} {
			line = append(line, report.FormatStat(stat, r.measure.decimals, len(r.Seeds) > 1))
		}
		line = append(line, strconv.FormatFloat(result.Epochs, 'g', 3, 64), result.Status())
		fmt.Fprintln(w, strings.Join(line, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("search: writing the table: %w", err)
	}
	return nil
}

// jsonResults is the form of WriteJSON.
type jsonResults struct {
	Type       string         `json:"type"`                  // always "search"
	Measure    string         `json:"measure"`               // less is better
	RankBy     RankBy         `json:"rank_by"`               // best or final
	SearchSeed *int64         `json:"search_seed,omitempty"` // of a random search
	Seeds      []int64        `json:"seeds"`
	Base       map[string]any `json:"base"` // settings of all trials
	Space      []Axis         `json:"space"`
	Trials     []jsonResult   `json:"trials"` // ranked
}

// jsonResult is a trial of jsonResults.
type jsonResult struct {
	Rank     int            `json:"rank,omitempty"` // of trials whose runs have all finished
	Trial    int            `json:"trial"`
	Status   string         `json:"status"`
	Settings map[string]any `json:"settings"` // that are searched over
	Best     report.Stat    `json:"best"`
	Final    report.Stat    `json:"final"`
	Diverged int            `json:"diverged"` // runs
	Epochs   float64        `json:"epochs"`   // that each run has done
	Runs     []string       `json:"runs"`     // folders, a seed each
}

// WriteJSON writes the ranked trials as one indented JSON object of type "search".
func (r Results) WriteJSON(out io.Writer) error {
	all := jsonResults{
		Type: "search", Measure: r.measure.name, RankBy: r.RankBy, Seeds: r.Seeds, Base: r.base(), Space: r.Space,
	}
	if r.Plan.Trials > 0 {
		all.SearchSeed = &r.Plan.Seed
	}
	for _, result := range r.Ranked {
		one := jsonResult{
			Rank: result.Rank, Trial: result.Number, Status: result.Status(), Settings: map[string]any{},
			Best: result.Best, Final: result.Final, Diverged: result.Diverged, Epochs: result.Epochs,
		}
		values := result.Settings.Map()
		for name := range result.Values {
			one.Settings[name] = values[name]
		}
		for _, run := range result.Runs {
			one.Runs = append(one.Runs, run.Folder)
		}
		all.Trials = append(all.Trials, one)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("search: writing the JSON: %w", err)
	}
	return nil
}

// Save writes the ranked trials into the results folder, and the settings of the
// best; where there is none, those of an earlier best are removed.
func (r Results) Save(dir string) error {
	if err := atomicfile.Write(filepath.Join(dir, ResultsFile), r.WriteJSON); err != nil {
		return fmt.Errorf("search: %w", err)
	}
	path := filepath.Join(dir, BestFile)
	best, err := r.Winner()
	if err != nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("search: cannot remove the settings that are not the best any more: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(best.Settings, "", "  ")
	if err == nil {
		err = atomicfile.WriteBytes(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return nil
}

// TrainArguments are a trial as the command train takes it: the settings that are
// searched over or not the defaults, in alphabetical order.
func TrainArguments(t Trial) []string {
	arguments := []string{"train"}
	values := t.Settings.Map()
	names := slices.AppendSeq(job.Difference(job.Defaults(), t.Settings), maps.Keys(t.Values))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		arguments = append(arguments, fmt.Sprintf("--%s=%v", name, values[name]))
	}
	return arguments
}
