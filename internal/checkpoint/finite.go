package checkpoint

import (
	"fmt"

	"github.com/gomlx/gomlx/ml/model"
)

// CheckFinite returns an error that wraps [ErrNotFinite] and names the first
// variable of the store that holds NaN or an infinity. Variables without a value
// are passed over.
func CheckFinite(store *model.Store) error {
	for v := range store.IterVariables() {
		dtype, known := toDType[v.DType()]
		if !known || !v.HasValue() || v.Shape().Size() == 0 {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return fmt.Errorf("checkpoint: variable %s: %w", v.Path(), err)
		}
		at := -1
		if err := look(value, func(data []byte) { at = indexNotFinite(dtype, data) }); err != nil {
			return fmt.Errorf("checkpoint: variable %s: %w", v.Path(), err)
		}
		if at >= 0 {
			return fmt.Errorf("checkpoint: variable %s, element %d (of the flattened value): %w", v.Path(), at, ErrNotFinite)
		}
	}
	return nil
}
