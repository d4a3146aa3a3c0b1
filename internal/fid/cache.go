package fid

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafisto/kafisto/internal/data"
)

// Cached is [Network.Statistics] of images of a data set that are asked for again and again: they are kept
// in a file of the folder dir, which is made if need be. Its name has the data set's, the number of images
// and a hash of the source and the pixels, so that other networks and other images have files of their own.
//
// A file that is damaged is an error that names it, and is left as it is. Processes may share the folder.
func (n *Network) Cached(ctx context.Context, dir string, images *data.Images, batch int, progress func(done, total int)) (*Statistics, error) {
	path := filepath.Join(dir, cacheName(n.source, images))
	s, err := Load(path)
	switch {
	case err == nil && (s.Source != n.source || s.Count != images.Len()):
		return nil, fmt.Errorf("fid: %s holds the statistics of other images or features: move it away, and it is made again", path)
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // before the work, not after it
		return nil, fmt.Errorf("fid: cannot make the cache folder: %w", err)
	}
	if s, err = n.Statistics(ctx, images, batch, progress); err != nil {
		return nil, err
	}
	return s, s.Save(path)
}

// cacheName is the name of the file of images' statistics.
func cacheName(source string, images *data.Images) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%d %d %d\n", source, images.Height, images.Width, images.Channels)
	hash.Write(images.Pixels)
	return fmt.Sprintf("%s-%d-%x.safetensors", images.Name, images.Len(), hash.Sum(nil)[:8])
}
