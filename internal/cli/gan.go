package cli

import (
	"fmt"

	"github.com/kafisto/kafisto/internal/report"
	"github.com/kafisto/kafisto/internal/runlog"
)

// ganText is what an evaluation finds out about generated images, in short: as in
// "Wasserstein 4.05, Fréchet 31.20 (small-cnn, not FID)".
func ganText(g *runlog.GAN) string {
	text := fmt.Sprintf("Wasserstein %.4g", g.Wasserstein)
	if g.Frechet != nil {
		text += fmt.Sprintf(", Fréchet %s (%s, not FID)", report.FormatNumber(*g.Frechet, 2), report.FeaturesText(g.Features))
	}
	return text
}

// ganResult is how a GAN's training ended; best is nil where nothing says which
// evaluation is the best.
func ganResult(last, best *runlog.Eval) string {
	text := fmt.Sprintf("%s %s", last.Split, ganText(last.GAN))
	if last.GAN.Frechet != nil && best != nil && best.GAN != nil && best.GAN.Frechet != nil {
		text += fmt.Sprintf("; lowest Fréchet %s at step %d", report.FormatNumber(*best.GAN.Frechet, 2), best.Step)
	}
	return text
}
