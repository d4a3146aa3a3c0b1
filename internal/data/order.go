package data

import (
	"math/bits"
	"math/rand/v2"
)

// Tags keep the streams of random numbers drawn from one seed apart.
const (
	orderTag   = 0x6f72646572 // "order"
	augmentTag = 0x6175676d65 // "augme"
)

// Order returns the order in which epoch visits n examples: a permutation of
// 0 to n-1 that is a pure function of (seed, epoch, n), the same in every build
// and on every platform. n below 1 gives an empty order.
//
// It is Fisher and Yates' shuffle over the PCG generator, written out here
// because the standard library specifies the generator but not its shuffle.
func Order(seed uint64, epoch, n int) []int32 {
	order := make([]int32, max(n, 0))
	for i := range order {
		order[i] = int32(i)
	}
	random := rand.NewPCG(mix(seed, orderTag), mix(seed, orderTag, uint64(epoch)))
	for i := len(order) - 1; i > 0; i-- {
		j, _ := bits.Mul64(random.Uint64(), uint64(i+1)) // uniform on 0 to i, up to i/2^64
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// mix hashes a seed and some words into 64 well-mixed bits, with the finaliser
// of SplitMix64 (Steele, Lea, Flood, 2014).
func mix(seed uint64, words ...uint64) uint64 {
	h := splitmix(seed)
	for _, w := range words {
		h = splitmix(h ^ w)
	}
	return h
}

func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
