// Package classifier makes features of images with a classifier that this program has trained: what its
// last linear layer takes. The Fréchet distance of such features tells generated images from those of a
// data set where Inception-v3's weights are not at hand, or mean little, as for small grey images. It is
// no FID and compares with no published figure.
package classifier

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/kafisto/kafisto"
	"github.com/kafisto/kafisto/internal/data"
	"github.com/kafisto/kafisto/internal/fid"
	"github.com/kafisto/kafisto/models"
)

// Origin says which classifier it is.
type Origin struct {
	Model  string // as models.Names lists them
	Step   int64  // training steps done
	SHA256 string // of its saved variables, in hexadecimal digits
}

// figure is what a distance of its features is called.
func (o Origin) figure(dataset string) string {
	return fmt.Sprintf("Fréchet distance (not FID) on features of %s of %s at step %d", o.Model, dataset, o.Step)
}

// source names the classifier's features.
func (o Origin) source(dataset string) string {
	return fmt.Sprintf("%s of %s step %d sha256:%s", o.Model, dataset, o.Step, o.SHA256)
}

// New prepares a classifier's features ([models.FeaturesByName]) on a backend, which must outlive them, as
// an evaluation computes them. Its variables are those in the store, as a checkpoint has them, which then
// belongs to the network; info is of the data set that it was trained with, of whose size and channels
// images must be, and by which they are normalised. Call Close when done.
//
// It is an error if the store has not all variables of the network.
func New(backend compute.Backend, store *model.Store, features models.Classifier, info data.Info, origin Origin) (*fid.Network, error) {
	normalised := kafisto.Model(nil, func(scope *model.Scope, images *Node) *Node {
		return features(scope, normalise(images, info))
	})
	build := func(scope *model.Scope, images *Node) *Node {
		scope.SetTraining(images.Graph(), false)
		return normalised(scope, nil, []*Node{images})[0]
	}
	if err := complete(backend, store, build, info); err != nil {
		store.Finalize()
		return nil, fmt.Errorf("classifier: %s of %s: %w", origin.Model, info.Name, err)
	}
	return fid.NewNetwork(backend, store, build, origin.figure(info.Name), origin.source(info.Name))
}

// normalise makes numbers from 0 to 1 what the classifier was trained with.
func normalise(images *Node, info data.Info) *Node {
	if images.Rank() != 4 || images.Shape().Dimensions[1] != info.Height || images.Shape().Dimensions[2] != info.Width || images.Shape().Dimensions[3] != info.Channels {
		exceptions.Panicf("images must be [batch, %d, %d, %d] as those of %s, they are %s", info.Height, info.Width, info.Channels, info.Name, images.Shape())
	}
	perChannel := func(values []float32) *Node {
		return ConvertDType(Reshape(Const(images.Graph(), values), 1, 1, 1, info.Channels), images.DType())
	}
	return Div(Sub(MulScalar(images, 255), perChannel(info.Mean)), perChannel(info.Std))
}

// complete builds the network once, and tells whether the store had all its variables.
func complete(backend compute.Backend, store *model.Store, build func(*model.Scope, *Node) *Node, info data.Info) error {
	known := store.NumVariables()
	err := exceptions.TryCatch[error](func() {
		g := NewGraph(backend, "features of a classifier")
		defer g.Finalize()
		model.SetStore(g, store)
		out := build(store.RootScope(), Parameter(g, "images", shapes.Make(dtypes.Float32, 1, info.Height, info.Width, info.Channels)))
		if out.Rank() != 2 || out.DType() != dtypes.Float32 {
			exceptions.Panicf("features are %s, want float32 [batch, features]", out.Shape())
		}
	})
	if err == nil && store.NumVariables() > known {
		err = errors.New("the network has variables that the checkpoint has not: name one of this network")
	}
	return err
}
