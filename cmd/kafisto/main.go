// Command kafisto trains neural networks with the Kalman-filter optimizer
// KaFiStO and compares it with others. See package cli, or kafisto --help.
package main

import (
	"context"
	"os"

	"github.com/kafisto/kafisto/internal/cli"
)

func main() {
	ctx, stop := cli.Signals(context.Background(), os.Stderr)
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
