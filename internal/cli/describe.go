package cli

import (
	"fmt"
	"maps"
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
			Seed: uint64(record.Settings.Seed), Settings: reportedSettings(record), Log: record.Log, Grids: record.Grids,
		})
	}
	all := func(of func(job.Record) string) string { return strings.Join(distinct(records, of), "; ") }
	r.Task, r.Scaled = all(taskText), all(scaledText)
	r.Version = all(func(r job.Record) string { return r.About.Version })
	r.Commit = all(func(r job.Record) string { return r.About.Commit })
	r.Machine = all(func(r job.Record) string { return r.About.Machine })
	r.Engine = all(engineText)
	r.Command = strings.Join(commands(records), "\n")
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
	if !r.Settings.IsGAN() {
		maps.Copy(values, effective(r.Optimizer))
		return values
	}
	for network, settings := range r.Optimizer { // of a GAN's two
		if settings, ok := settings.(map[string]any); ok {
			values[network] = effective(settings)
		}
	}
	return values
}

// effective are an optimizer's settings that decide something.
func effective(settings map[string]any) map[string]any {
	values := map[string]any{}
	for name, value := range settings {
		if noise, ok := value.(map[string]any); ok && noise["adaptive"] == true {
			value = adaptive(noise)
		}
		if name != "scope" { // of its variables, which decides nothing
			values[strings.ReplaceAll(name, "_", "-")] = value
		}
	}
	return values
}

// adaptive is an adaptive noise, whose value is where its moving average starts.
func adaptive(noise map[string]any) map[string]any {
	shown := maps.Clone(noise)
	delete(shown, "value")
	shown["start"] = noise["value"]
	return shown
}

// commands started the runs and went on with them, each once.
func commands(records []job.Record) []string {
	var all []string
	for _, r := range records {
		for _, command := range append([]string{r.About.Command}, r.About.Resumed...) {
			if command != "" && !slices.Contains(all, command) {
				all = append(all, command)
			}
		}
	}
	return all
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
	length := count(s.Epochs, "epoch")
	if s.Steps > 0 {
		length = count(s.Steps, "step")
	}
	more := ""
	switch {
	case s.IsLanguage():
		more = fmt.Sprintf(", %s at a time", count(int64(s.Window), "word"))
	case s.IsGAN():
		more = fmt.Sprintf(", %s a step", count(int64(s.CriticSteps), "critic step"))
	}
	return fmt.Sprintf("%s, network %s, batch size %d%s, %s", datasetTitle(r), s.Model, s.BatchSize, more, length)
}

// scaledText says what part of the data a run uses, "" for all of it.
func scaledText(r job.Record) string {
	s := r.Settings
	info, err := data.Describe(s.Dataset)
	part := s.TrainExamples != 0 || s.EvalExamples != 0
	if err != nil || !part && (!info.Embedded || s.IsLanguage()) {
		return ""
	}
	trained, validation, test := info.Train, info.Validation, info.Test
	if s.TrainExamples > 0 {
		trained = s.TrainExamples
	}
	if s.EvalExamples > 0 {
		validation, test = s.EvalExamples, s.EvalExamples
	}
	if s.IsLanguage() {
		return fmt.Sprintf("scaled down: %d training words, %d validation words, %d test words", trained, validation, test)
	}
	return fmt.Sprintf("scaled down: %d training images, %d held-out images", trained, test)
}

// engineText names the engines on which a run was, in order.
func engineText(r job.Record) string {
	var engines []string
	for _, start := range r.Log.Starts {
		engines = append(engines, start.Engine)
	}
	return strings.Join(slices.Compact(engines), ", then ")
}

// count is a number of things, as in "1 step" and "2 steps".
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
