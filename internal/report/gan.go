package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kafisto/kafisto/internal/runlog"
)

func wasserstein(e runlog.Eval) (float64, bool) {
	if e.GAN == nil {
		return 0, false
	}
	return e.GAN.Wasserstein, true
}

func frechet(e runlog.Eval) (float64, bool) {
	if e.GAN == nil || e.GAN.Frechet == nil {
		return 0, false
	}
	return *e.GAN.Frechet, true
}

// featuresOf are the names of the classifiers by whose features the validations of a
// run have Fréchet distances, each once.
func featuresOf(log *runlog.Log) []string {
	var names []string
	for _, e := range log.Evals {
		if _, ok := frechet(e); ok && e.Split == runlog.Validation {
			names = addNames(names, CleanText(e.GAN.Features))
		}
	}
	return names
}

// addNames appends the names that are not there yet.
func addNames(names []string, more ...string) []string {
	for _, name := range more {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// frechetTitle names the distance with the classifiers that it depends on.
func frechetTitle(groups []group) string {
	var names []string
	for _, g := range groups {
		for _, run := range g.runs {
			names = addNames(names, featuresOf(run.Log)...)
		}
	}
	return "Fréchet distance" + onFeatures(names)
}

// onFeatures says of Fréchet distances what they are and are not.
func onFeatures(names []string) string {
	if len(names) == 0 {
		return " (not FID)"
	}
	var short []string
	for _, name := range names {
		short = append(short, FeaturesText(name))
	}
	return fmt.Sprintf(" on features of %s (not FID)", cut(strings.Join(short, ", "), 60))
}

// FeaturesText is the name of a classifier as people read it: without its checkpoint's
// hash, which JSON and CSV have.
func FeaturesText(name string) string {
	short, _, _ := strings.Cut(CleanText(name), " sha256:")
	return short
}

// frechetRanks says whether the groups' Fréchet distances may be ranked: all GANs
// have one, by the features of the same classifier.
func frechetRanks(summaries []Summary) bool {
	var names []string
	for _, s := range summaries {
		if s.tasks&generation != 0 && s.BestFrechet.N < len(s.Seeds)-s.Diverged {
			return false
		}
		names = addNames(names, s.Features...)
	}
	return len(names) == 1
}

// ganNote explains the figures of generative adversarial networks; empty without any.
func ganNote(summaries []Summary) string {
	if tasksOf(summaries)&generation == 0 {
		return ""
	}
	note := "Wasserstein: the critic's estimate on the validation split in the last evaluation; critics differ, so it ranks nothing."
	var names []string
	for _, s := range summaries {
		names = addNames(names, s.Features...)
	}
	if len(names) > 0 {
		note += " Fréchet distance between training images and generated ones" + onFeatures(names)
		if len(names) > 1 {
			note += "; those by different classifiers do not compare"
		}
		note += "."
	}
	return note
}
