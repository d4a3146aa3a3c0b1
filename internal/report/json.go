package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/kafisto/kafisto/internal/inputfile"
	"github.com/kafisto/kafisto/internal/runlog"
)

// jsonType is the type that the JSON of a report begins with.
const jsonType = "report"

// jsonReport is the form of WriteJSON.
type jsonReport struct {
	Type    string    `json:"type"` // always jsonType
	Title   string    `json:"title"`
	Task    string    `json:"task,omitempty"`
	Scaled  string    `json:"scaled,omitempty"`
	Command string    `json:"command,omitempty"`
	Version string    `json:"version,omitempty"`
	Commit  string    `json:"commit,omitempty"`
	Engine  string    `json:"engine,omitempty"`
	Machine string    `json:"machine,omitempty"`
	Created string    `json:"created,omitempty"` // RFC 3339, UTC
	Summary []Summary `json:"summary"`
	Runs    []jsonRun `json:"runs"`
}

// jsonRun is one run of jsonReport. A figure that does not exist is null.
type jsonRun struct {
	Label        string         `json:"label"`
	Group        string         `json:"group"`
	Seed         uint64         `json:"seed"`
	Status       string         `json:"status"` // finished, unfinished or diverged
	Message      string         `json:"message,omitempty"`
	Steps        int64          `json:"steps"`
	FinalError   *float64       `json:"final_top1_error"`
	BestError    *float64       `json:"best_top1_error"`
	FinalLoss    *float64       `json:"final_validation_loss"`
	BestLoss     *float64       `json:"best_validation_loss"`
	TrainingLoss *float64       `json:"training_loss"`
	StepSeconds  *float64       `json:"seconds_per_step"`
	TotalSeconds *float64       `json:"total_seconds"`
	Settings     map[string]any `json:"settings,omitempty"`

	// Language models alone have perplexities. Unigram ones are by split.
	FinalPerplexity *float64           `json:"final_validation_perplexity,omitempty"`
	BestPerplexity  *float64           `json:"best_validation_perplexity,omitempty"`
	TestPerplexity  *float64           `json:"test_perplexity,omitempty"`
	Unigram         map[string]float64 `json:"unigram_perplexity,omitempty"`

	// Those of generative adversarial networks, which have no other losses.
	FinalFrechet     *float64 `json:"final_frechet,omitempty"`
	BestFrechet      *float64 `json:"best_frechet,omitempty"`
	Features         []string `json:"features,omitempty"` // classifiers that the distances depend on
	FinalWasserstein *float64 `json:"final_validation_wasserstein,omitempty"`
	GeneratorLoss    *float64 `json:"generator_loss,omitempty"`
	CriticLoss       *float64 `json:"critic_loss,omitempty"`
}

// WriteJSON writes the report as one indented JSON object of type "report":
// where it comes from, the summary of each group and the figures of each run,
// diverged ones included. Curves are not repeated: they are in the run logs.
// It fails if the report has no runs, a run has an empty log, or a setting
// holds a value that JSON cannot.
func WriteJSON(w io.Writer, r Report) error {
	if err := r.check(); err != nil {
		return err
	}
	out := jsonReport{
		Type: jsonType, Title: r.title(), Task: r.Task, Scaled: r.Scaled,
		Command: r.Command, Version: r.Version, Commit: r.Commit,
		Engine: r.Engine, Machine: r.Machine, Summary: Summarize(r),
	}
	if !r.Created.IsZero() {
		out.Created = r.Created.UTC().Format(time.RFC3339)
	}
	for _, g := range r.groups() {
		for _, run := range g.runs {
			out.Runs = append(out.Runs, newJSONRun(g.name, run))
		}
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("report: a setting cannot be written as JSON: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("report: writing the JSON: %w", err)
	}
	return nil
}

// IsJSON tells whether a file can be read and begins as WriteJSON's do.
func IsJSON(path string) bool {
	const most, head = 1 << 40, 1 << 10
	file, _, err := inputfile.Open(path, most)
	if err != nil {
		return false
	}
	defer file.Close()
	tokens := json.NewDecoder(io.LimitReader(file, head))
	for _, want := range []json.Token{json.Delim('{'), "type", jsonType} {
		if token, err := tokens.Token(); err != nil || token != want {
			return false
		}
	}
	return true
}

func newJSONRun(group string, run Run) jsonRun {
	m := measure(run.Log)
	return jsonRun{
		Label: run.Label, Group: group, Seed: run.Seed,
		Status: status(run.Log), Message: message(run.Log), Steps: lastStep(run.Log),
		FinalError: OrNull(m.finalError), BestError: OrNull(m.bestError),
		FinalLoss: OrNull(m.finalLoss), BestLoss: OrNull(m.bestLoss),
		TrainingLoss: OrNull(m.trainingLoss),
		StepSeconds:  OrNull(m.stepSeconds), TotalSeconds: OrNull(m.totalSeconds),
		Settings:        run.Settings,
		FinalPerplexity: OrNull(m.finalPerplexity), BestPerplexity: OrNull(m.bestPerplexity), TestPerplexity: OrNull(m.testPerplexity),
		Unigram:      unigrams(run.Log),
		FinalFrechet: OrNull(m.finalFrechet), BestFrechet: OrNull(m.bestFrechet), Features: m.features,
		FinalWasserstein: OrNull(m.finalWasserstein), GeneratorLoss: OrNull(m.generatorLoss), CriticLoss: OrNull(m.criticLoss),
	}
}

// message is what the run's end record says went wrong.
func message(log *runlog.Log) string {
	if log.End == nil {
		return ""
	}
	return log.End.Message
}

// lastStep is the number of steps done.
func lastStep(log *runlog.Log) int64 {
	var last int64
	if n := len(log.Steps); n > 0 {
		last = log.Steps[n-1].Step
	}
	if log.End != nil {
		last = max(last, log.End.Step)
	}
	return last
}
