package task

import "math/rand/v2"

// Uses of a seed's random numbers, which have nothing in common.
const (
	fixedNumbers = iota // latents that are the same in every evaluation
	stepNumbers         // latents and shares of training steps
)

// latentsOf draws what n images are made of, standard normal numbers [n, width]. Those
// of the first images do not depend on n.
func latentsOf(seed uint64, n, width int) []float32 {
	return normals(GAN{Seed: seed}.random(fixedNumbers, 0), n*width)
}

// random returns the random numbers of a use and a step.
func (t GAN) random(use uint64, step int64) *rand.Rand {
	var key [32]byte
	for i, v := range [4]uint64{t.Seed, use, uint64(step), 0x6b61666973746f} {
		for j := range 8 {
			key[8*i+j] = byte(v >> (8 * j))
		}
	}
	return rand.New(rand.NewChaCha8(key))
}

// normals draws standard normal numbers.
func normals(random *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(random.NormFloat64())
	}
	return out
}
