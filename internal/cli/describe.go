package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/job"
	"github.com/kafisto/kafisto/internal/report"
)

// newReport puts together runs, at least one, and what they have in common.
func newReport(records []job.Record) report.Report {
	groups := groupNames(records)
	r := report.Report{Created: time.Now()}
	for i, record := range records {
		r.Runs = append(r.Runs, report.Run{
			Label: fmt.Sprintf("%s seed %d", groups[i], record.Settings.Seed), Group: groups[i],
			Seed: uint64(record.Settings.Seed), Settings: reportedSettings(record), Log: record.Log,
		})
	}
	all := func(of func(job.Record) string) string { return strings.Join(distinct(records, of), "; ") }
	r.Task, r.Scaled = all(taskText), all(scaledText)
	r.Version = all(func(r job.Record) string { return r.About.Version })
	r.Commit = all(func(r job.Record) string { return r.About.Commit })
	r.Machine = all(func(r job.Record) string { return r.About.Machine })
	r.Engine = all(engineText)
	r.Command = strings.Join(distinct(records, func(r job.Record) string { return r.About.Command }), "\n")
	r.Title = title(groups, distinct(records, datasetTitle))
	return r
}

// reportedSettings are the settings that decided the result: of the optimizer
// the effective ones, not the flags of all optimizers.
func reportedSettings(r job.Record) map[string]any {
	if r.Optimizer == nil {
		return r.Settings.Map()
	}
	values := r.Settings.Shared()
	values["effective"] = r.Optimizer
	return values
}

// groupNames names each record's group: as its run was called, and with the
// settings in which runs of that name differ, so that means are taken over
// seeds of the same settings alone.
func groupNames(records []job.Record) []string {
	names := make([]string, len(records))
	for i, r := range records {
		names[i] = r.About.Group
		if names[i] == "" {
			names[i] = r.Settings.Optimizer
		}
	}
	different := map[string][]string{}
	for i, r := range records {
		first := records[slices.Index(names, names[i])]
		for _, name := range job.Difference(first.Settings, r.Settings) {
			if name != "seed" && name != "data-dir" && !slices.Contains(different[names[i]], name) {
				different[names[i]] = append(different[names[i]], name)
			}
		}
	}
	for i, r := range records {
		var parts []string
		values := r.Settings.Map()
		for _, name := range different[names[i]] {
			value, ok := values[name]
			if !ok {
				value = "default"
			}
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
		if parts != nil {
			names[i] += " (" + strings.Join(parts, ", ") + ")"
		}
	}
	return names
}

// distinct are the texts of the records, each once, without empty ones.
func distinct(records []job.Record, of func(job.Record) string) []string {
	var texts []string
	for _, r := range records {
		if text := of(r); text != "" && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// title is the heading of a report, such as "kafisto, sgd and adam on CIFAR-10".
func title(groups, tasks []string) string {
	var names []string
	for _, name := range groups {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	who := names[0]
	switch last := len(names) - 1; {
	case last > 3:
		who = fmt.Sprintf("%d optimizers", len(names))
	case last > 0:
		who = strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return who + " on " + strings.Join(tasks, ", ")
}

func datasetTitle(r job.Record) string {
	if info, err := data.Describe(r.Settings.Dataset); err == nil {
		return info.Title
	}
	return r.Settings.Dataset
}

func taskText(r job.Record) string {
	s := r.Settings
	length := fmt.Sprintf("%d epochs", s.Epochs)
	if s.Steps > 0 {
		length = fmt.Sprintf("%d steps", s.Steps)
	}
	return fmt.Sprintf("%s, network %s, batch size %d, %s", datasetTitle(r), s.Model, s.BatchSize, length)
}

// scaledText says what part of the data a run uses, "" for all of it.
func scaledText(r job.Record) string {
	s := r.Settings
	info, err := data.Describe(s.Dataset)
	if err != nil || s.TrainExamples == 0 && s.EvalExamples == 0 && !info.Embedded {
		return ""
	}
	trained, heldOut := info.Train, info.Test
	if s.TrainExamples > 0 {
		trained = s.TrainExamples
	}
	if s.EvalExamples > 0 {
		heldOut = s.EvalExamples
	}
	return fmt.Sprintf("scaled down: %d training images, %d held-out images", trained, heldOut)
}

func engineText(r job.Record) string {
	if len(r.Log.Starts) == 0 {
		return ""
	}
	return r.Log.Starts[len(r.Log.Starts)-1].Engine
}
