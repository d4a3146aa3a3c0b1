//go:build !unix

package download

import "errors"

func makePipe(string) error { return errors.ErrUnsupported }
