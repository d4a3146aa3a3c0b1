package report

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"slices"

	"github.com/kafisto/kafisto/internal/imagegrid"
	"github.com/kafisto/kafisto/internal/inputfile"
)

// Limits of the pictures on a page, which holds them as text.
const (
	mostPicture  = 1 << 20 // bytes of one
	mostPictures = 8 << 20 // bytes of all
)

// pageSamples are pictures of what a run's generator made.
type pageSamples struct {
	Group pageGroup
	Run   string
	Grids []pageGrid
}

type pageGrid struct {
	Step  int64
	Image template.URL // a data: URI

	run int // number of the run
}

// samplesOf are the pictures of all runs that have some. Where there are too many
// for a page, the last one of a run is the most important, then its first.
func samplesOf(pageGroups []pageGroup, groups []group) (samples []pageSamples, notShown string) {
	var wanted [3][]pageGrid // by importance; the image is not there yet
	var paths [3][]string
	for i, g := range groups {
		for _, run := range g.runs {
			if len(run.Grids) == 0 {
				continue
			}
			for rank, grid := range chosen(run.Grids) {
				wanted[rank] = append(wanted[rank], pageGrid{Step: grid.Step, run: len(samples)})
				paths[rank] = append(paths[rank], grid.Path)
			}
			samples = append(samples, pageSamples{Group: pageGroups[i], Run: run.Label})
		}
	}
	left, missing := mostPictures, 0
	for rank, grids := range wanted {
		for i, grid := range grids {
			picture, err := readPicture(paths[rank][i], min(mostPicture, left))
			if err != nil {
				missing++
				continue
			}
			left -= len(picture)
			grid.Image = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture))
			samples[grid.run].Grids = append(samples[grid.run].Grids, grid)
		}
	}
	for _, s := range samples {
		slices.SortFunc(s.Grids, func(a, b pageGrid) int { return cmp.Compare(a.Step, b.Step) })
	}
	samples = slices.DeleteFunc(samples, func(s pageSamples) bool { return len(s.Grids) == 0 })
	if missing > 0 {
		notShown = fmt.Sprintf("Pictures not shown: %d. They cannot be read, or the page would be too large.", missing)
	}
	return samples, notShown
}

// chosen are the pictures of a run that a page shows, the most important first: the
// last, the first and one in the middle.
func chosen(grids []imagegrid.Grid) []imagegrid.Grid {
	last := len(grids) - 1
	var out []imagegrid.Grid
	for _, i := range []int{last, 0, last / 2} {
		if !slices.Contains(out, grids[i]) {
			out = append(out, grids[i])
		}
	}
	return out
}

// readPicture reads a PNG file of at most so many bytes.
func readPicture(path string, most int) ([]byte, error) {
	picture, err := inputfile.Read(path, int64(most))
	if err != nil {
		return nil, err
	}
	_, err = png.DecodeConfig(bytes.NewReader(picture))
	return picture, err
}
