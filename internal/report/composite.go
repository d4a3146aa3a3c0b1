package report

import (
	"errors"
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strings"
)

// Composite is a picture of several panels under one title and one legend, as
// in the paper. A group has the same colour in all of them.
type Composite struct {
	Name    string   // of its files, without folder and ending: "figure2"
	Title   string   // shown above; empty means Name
	Caption string   // shown below on the page; the files do not have it
	Panels  []string // names of the figures, row by row: "training-loss"
	Columns int      // panels side by side; 0 means one
	Steps   bool     // over steps, even where the runs count epochs
}

// Inline is a composite as a part of a page. SVG has the colours of ParsePage's
// "style"; its text is the program's own.
type Inline struct {
	Name, Title, Caption string
	Scaled               string // "scaled down: ..."; empty means full scale
	Dropped              string // says how many values could not be drawn; empty if all were
	SVG                  template.HTML
	Legend               []LegendEntry
	Facts                []Fact // where the runs come from
	Command              string // that makes them again
}

// LegendEntry is a group's name and the colour that it has in the figures.
type LegendEntry struct {
	Text   string
	Colour template.CSS
}

// WriteComposite draws the composite of the report's runs and writes it as
// NAME.png and NAME.svg into the folder dir, which is made if it is missing.
// It returns the paths. A panel for which no run has values says so; at least
// one must have some. Both are drawn before the first is written.
func WriteComposite(dir string, c Composite, r Report) ([]string, error) {
	s, err := newSheet(c, r)
	if err != nil {
		return nil, err
	}
	png, err := s.png()
	if err != nil {
		return nil, err
	}
	svg, err := s.svg()
	if err != nil {
		return nil, err
	}
	base := filepath.Join(dir, c.Name)
	return writeFiles(dir, []file{{base + ".png", png}, {base + ".svg", svg}})
}

// InlineComposite draws the composite of the report's runs for a page.
func InlineComposite(c Composite, r Report) (Inline, error) {
	s, err := newSheet(c, r)
	if err != nil {
		return Inline{}, err
	}
	svg, err := s.inline()
	if err != nil {
		return Inline{}, err
	}
	in := Inline{
		Name: c.Name, Title: s.title, Caption: CleanText(c.Caption), Scaled: s.scaled, Dropped: s.dropped(),
		SVG: template.HTML(svg), Facts: provenance(r, Summarize(r)), Command: CleanLines(r.Command),
	}
	if !r.Created.IsZero() {
		in.Facts = append(in.Facts, Fact{"Made", CreatedText(r.Created)})
	}
	for i, g := range s.groups {
		in.Legend = append(in.Legend, LegendEntry{legendText(g), template.CSS("var(--" + groupProperty(i) + ")")})
	}
	return in, nil
}

// sheet is a composite's data, ready to draw.
type sheet struct {
	name, title, task, scaled string
	columns                   int
	panels                    []panel // those without values have no curves
	groups                    []group
}

func newSheet(c Composite, r Report) (sheet, error) {
	if err := c.Check(); err != nil {
		return sheet{}, err
	}
	if err := r.check(); err != nil {
		return sheet{}, err
	}
	s := sheet{
		name: c.Name, title: CleanText(c.Title), task: CleanText(r.Task), scaled: CleanText(r.Scaled),
		columns: min(max(c.Columns, 1), len(c.Panels)), groups: r.groups(),
	}
	if s.title == "" {
		s.title = c.Name
	}
	epochs, empty := inEpochs(s.groups) && !c.Steps, true
	for _, name := range c.Panels {
		f, _ := figureNamed(name) // checked above
		p := newPanel(f, s.groups, epochs)
		empty = empty && len(p.curves) == 0
		s.panels = append(s.panels, p)
	}
	if empty {
		return sheet{}, fmt.Errorf("report: %w for figure %s (%s); train them further or choose other panels", ErrNoValues, c.Name, strings.Join(c.Panels, ", "))
	}
	return s, nil
}

// ErrNoValues is wrapped by the error of a figure for which the runs have no values.
var ErrNoValues = errors.New("the runs have no values")

// maxPanels is the most panels that a figure may have.
const maxPanels = 12

// Check refuses a composite that cannot be drawn.
func (c Composite) Check() error {
	if c.Name == "" || c.Name != filepath.Base(c.Name) || c.Name != CleanText(c.Name) || strings.HasPrefix(c.Name, ".") {
		return fmt.Errorf("report: %q cannot be the name of a figure's files; take a plain name such as figure2", c.Name)
	}
	if len(c.Panels) > maxPanels {
		return fmt.Errorf("report: figure %s has %d panels; it may have at most %d", c.Name, len(c.Panels), maxPanels)
	}
	if len(c.Panels) == 0 {
		return fmt.Errorf("report: figure %s has no panels; name at least one of %s", c.Name, strings.Join(panelNames(), ", "))
	}
	for _, name := range c.Panels {
		if _, known := figureNamed(name); !known {
			return fmt.Errorf("report: figure %s has an unknown panel %q; there are %s", c.Name, name, strings.Join(panelNames(), ", "))
		}
	}
	return nil
}

// figureNamed finds a figure that can be a panel.
func figureNamed(name string) (figure, bool) {
	all := slices.Concat(figures, panelFigures)
	i := slices.IndexFunc(all, func(f figure) bool { return f.name == name })
	if i < 0 {
		return figure{}, false
	}
	return all[i], true
}

// panelNames are the names of all figures that can be panels.
func panelNames() []string {
	var names []string
	for _, f := range slices.Concat(figures, panelFigures) {
		names = append(names, f.name)
	}
	return names
}

// dropped says how many values could not be drawn.
func (s sheet) dropped() string {
	n, log := 0, false
	for _, p := range s.panels {
		n += p.dropped
		log = log || p.log && p.dropped > 0
	}
	return droppedNote(n, log)
}
