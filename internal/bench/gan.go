package bench

import (
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/kafisto/kafisto/internal/task"
	"github.com/kafisto/kafisto/internal/train"
	"github.com/kafisto/kafisto/models"
)

// gan is a generative adversarial network of package models as a case: one step of
// the critic, with gradient penalty, and one of the generator.
func gan(name string) trainedCase { return ganCase(name, models.GANConfig{}, 1) }

// ganCase is a generative adversarial network with so many steps of the critic.
func ganCase(name string, c models.GANConfig, criticSteps int) trainedCase {
	return trainedCase{
		name: name, unit: "images", batch: 64, items: criticSteps, criticSteps: criticSteps,
		problem: func(int) (train.Problem, error) {
			g, err := models.GANByName(name, c)
			return train.Problem{Name: name, StepsPerEpoch: 1, Rivals: task.Rivals(g, criticSteps)}, err
		},
		next: func(batch int) func() (inputs, labels []*tensors.Tensor) {
			g, _ := models.GANByName(name, c) // problem has told
			return madeDuel(batch, g, criticSteps)
		},
	}
}

// madeDuel gives the same made-up images again and again with new random numbers.
func madeDuel(batch int, g models.GAN, criticSteps int) func() (inputs, labels []*tensors.Tensor) {
	images := tensors.MustCopyFlatData[float32](random(1, batch, g.Size, g.Size, 3))
	source := rand.New(rand.NewPCG(seed, seed))
	draw := func(number func() float64, n int) []float32 {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(number())
		}
		return values
	}
	latents := func() *tensors.Tensor {
		return tensors.FromFlatDataAndDimensions(draw(source.NormFloat64, batch*g.Latent), batch, g.Latent)
	}
	return func() (inputs, labels []*tensors.Tensor) {
		for range criticSteps {
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(images, batch, g.Size, g.Size, 3), latents(),
				tensors.FromFlatDataAndDimensions(draw(source.Float64, batch), batch))
		}
		return append(inputs, latents()), nil
	}
}
