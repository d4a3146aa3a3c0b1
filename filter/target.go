package filter

// Target is the loss Lmin that the filter aims at (sections 3.4 and 5.2). The
// zero Target is the constant 0.
type Target struct {
	kind  targetKind
	value float64
}

type targetKind int

const (
	targetConstant targetKind = iota
	targetFraction
	targetOffset
)

// ConstantTarget aims at the given loss: Lmin = loss.
func ConstantTarget(loss float64) Target { return Target{targetConstant, loss} }

// FractionTarget aims at Lmin = (1-epsilon) L, which makes the step epsilon
// times the step with Lmin = 0 (section 3.4).
func FractionTarget(epsilon float64) Target { return Target{targetFraction, epsilon} }

// OffsetTarget aims at Lmin = L - u, for losses that have no lower bound
// (section 5.2, where u = 4 in the GAN experiments).
func OffsetTarget(u float64) Target { return Target{targetOffset, u} }

// excess returns L - Lmin, without the rounding of a subtraction.
func (t Target) excess(L float64) float64 {
	switch t.kind {
	case targetFraction:
		return t.value * L
	case targetOffset:
		return t.value
	default:
		return L - t.value
	}
}
