package cli

import (
	"fmt"
	"time"

	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// meter measures how fast a run goes.
type meter struct {
	label       string
	now         func() time.Time
	total       int64 // steps in all
	first, last runlog.Step
	began       time.Time // end of the first step: what comes before is mostly compilation
	shown       time.Time // when progress was last due
}

func (m *meter) begin(_, total int64) {
	m.first, m.total, m.shown = runlog.Step{}, total, m.now()
}

func (m *meter) step(s runlog.Step) {
	if m.first.Step == 0 {
		m.first, m.began = s, m.now()
	}
	m.last = s
}

// due tells once an interval that progress is to be shown.
func (m *meter) due() bool {
	now := m.now()
	if now.Sub(m.shown) < interval {
		return false
	}
	m.shown = now
	return true
}

// progress is how far a run is.
type progress struct {
	Type           string  `json:"type"`
	Run            string  `json:"run"`
	Step           int64   `json:"step"`
	Steps          int64   `json:"steps"`
	Epoch          float64 `json:"epoch"`
	Loss           float64 `json:"loss"`          // of this step's minibatch; a GAN's is the generator's
	LearningRate   float64 `json:"learning_rate"` // effective, median over layers
	StepsPerSecond float64 `json:"steps_per_second,omitempty"`
	Seconds        float64 `json:"seconds_left,omitempty"` // estimated

	// Those of a GAN's critic; nil without one.
	CriticLoss  *float64 `json:"critic_loss,omitempty"`
	Wasserstein *float64 `json:"wasserstein,omitempty"`
}

func (m *meter) progress() progress {
	s := m.last
	p := progress{Type: "progress", Run: m.label, Step: s.Step, Steps: m.total, Epoch: s.Epoch, Loss: s.Loss, LearningRate: s.LearningRate[1]}
	if s.Critic != nil {
		p.CriticLoss, p.Wasserstein = &s.Critic.Loss, &s.Critic.Wasserstein
	}
	if elapsed := m.now().Sub(m.began).Seconds(); s.Step > m.first.Step && elapsed > 0 {
		p.StepsPerSecond = float64(s.Step-m.first.Step) / elapsed
		p.Seconds = float64(m.total-s.Step) / p.StepsPerSecond
	}
	return p
}

// text is the progress as one line.
func (p progress) text() string {
	losses := fmt.Sprintf("loss %.3f", p.Loss)
	if p.CriticLoss != nil {
		losses = fmt.Sprintf("generator %.3f critic %.3f Wasserstein %.3f", p.Loss, *p.CriticLoss, *p.Wasserstein)
	}
	line := fmt.Sprintf("%s: step %d/%d epoch %.2f %s lr %.3g", p.Run, p.Step, p.Steps, p.Epoch, losses, p.LearningRate)
	if p.StepsPerSecond > 0 {
		line += fmt.Sprintf(" %.3g steps/s ETA %s", p.StepsPerSecond, clock(p.Seconds))
	}
	return line
}

// shortText fits, with a bar before it, into a line of 80 characters.
func (p progress) shortText() string {
	line := fmt.Sprintf("%s %d/%d ", shorten(p.Run), p.Step, p.Steps)
	if p.Wasserstein != nil {
		line += fmt.Sprintf("Wass. %.3g", *p.Wasserstein)
	} else {
		line += fmt.Sprintf("loss %.3g", p.Loss)
	}
	if p.StepsPerSecond > 0 {
		line += fmt.Sprintf(" %.3g/s ETA %s", p.StepsPerSecond, clock(p.Seconds))
	}
	return line
}

// shorten cuts out the middle of a long label.
func shorten(label string) string {
	const most = 16
	letters := []rune(label)
	if len(letters) <= most {
		return label
	}
	return string(letters[:most-9]) + "…" + string(letters[len(letters)-8:])
}

// clock is a duration as 0:03, 12:34 or 1:02:03.
func clock(seconds float64) string {
	whole := int64(seconds + 0.5)
	if whole >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	}
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}

// evalText is an evaluation as one line.
func (m *meter) evalText(e runlog.Eval) string {
	line := fmt.Sprintf("%s: step %d/%d epoch %.2f %s ", m.label, e.Step, m.total, e.Epoch, e.Split)
	if e.IsLanguage() {
		return line + fmt.Sprintf("perplexity %s loss %.4g", report.FormatNumber(e.Perplexity, 2), e.Loss)
	}
	if e.GAN != nil {
		return line + ganText(e.GAN)
	}
	return line + fmt.Sprintf("loss %.4g top-1 error %.2f %%", e.Loss, e.Top1Error)
}
