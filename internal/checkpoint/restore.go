package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// ErrOtherModel is wrapped by the errors of [Checkpoint.Restore] and
// [Checkpoint.Covers] when checkpoint and store do not belong together.
var ErrOtherModel = errors.New("this is a checkpoint of another model")

// Restore gives the variables of the store the saved values, bit by bit, and
// their trainable flags. Variables that the store lacks are created, in the
// order of the store that was saved; a model that is built later finds them by
// their paths and does not initialize them again. Give it a fresh store, or that
// of the same model.
//
// A variable of another shape or data type, or one that is not in the
// checkpoint, is an error that wraps [ErrOtherModel]. On an error the store is
// as it was before.
func (c *Checkpoint) Restore(store *model.Store) error {
	if err := c.Covers(store); err != nil {
		return err
	}
	values := map[string]*tensors.Tensor{}
	err := c.stream(func(v *Variable, r io.Reader) error {
		value, err := readValue(r, v)
		values[v.Path] = value
		return err
	})
	if err != nil {
		return err
	}
	for i := range c.Manifest.Variables {
		saved := &c.Manifest.Variables[i]
		if err := set(store, saved, values[saved.Path]); err != nil {
			return fmt.Errorf("checkpoint: cannot restore variable %s: %w", saved.Path, err)
		}
	}
	return nil
}

func set(store *model.Store, saved *Variable, value *tensors.Tensor) error {
	v := store.GetVariable(saved.Path)
	var err error
	if v == nil {
		v, err = store.CreateVariable(saved.Path, value)
	} else {
		err = v.SetValue(value)
	}
	if err != nil {
		return err
	}
	v.SetTrainable(saved.Trainable)
	return nil
}

// Covers checks that every variable of the store is in the checkpoint with the
// same shape and data type. Restore calls it; after the model was built on a
// restored store, calling it again shows that nothing started from a new value.
func (c *Checkpoint) Covers(store *model.Store) error {
	byPath := map[string]*Variable{}
	for i := range c.Manifest.Variables {
		byPath[c.Manifest.Variables[i].Path] = &c.Manifest.Variables[i]
	}
	for v := range store.IterVariables() {
		if isMetric(v.Path()) {
			continue
		}
		saved := byPath[v.Path()]
		if saved == nil {
			return fmt.Errorf("checkpoint: %s has no variable %s, the model has: %w", c.Path, v.Path(), ErrOtherModel)
		}
		if shape := dimensions(v.Shape()); saved.DType != toDType[v.DType()] || !slices.Equal(saved.Shape, shape) {
			return fmt.Errorf("checkpoint: variable %s is %s%v in %s and %s%v in the model: %w",
				v.Path(), saved.DType, saved.Shape, c.Path, toDType[v.DType()], shape, ErrOtherModel)
		}
	}
	return nil
}
