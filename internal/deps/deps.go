// Package deps is a scratch file to pin the module graph during setup.
package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/gomlx/compute/gobackend"
	_ "github.com/gomlx/go-xla/compute/xla"
	_ "github.com/gomlx/go-xla/installer"
	_ "github.com/gomlx/gomlx/ml/train"
	_ "github.com/mattn/go-isatty"
	_ "github.com/schollz/progressbar/v3"
	_ "github.com/gofrs/flock"
	_ "gonum.org/v1/plot"
	_ "gonum.org/v1/plot/vg/vgimg"
	_ "gonum.org/v1/plot/vg/vgsvg"
	_ "pgregory.net/rapid"
)
