package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// selfVariable makes this test program act as the command, or as a peer.
const selfVariable = "KAFISTO_TEST_SELF"

func TestMain(m *testing.M) {
	if os.Getenv(selfVariable) == "" {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "peer":
		fmt.Printf(`{"peer": %q, "median_s": 0.001, "min_s": 0.0005, "items_per_s": 2, "optimizer_s": 0.0001}`+"\n", strings.Join(os.Args[2:], " "))
	case "broken":
		fmt.Fprintln(os.Stderr, "no module named torch")
		os.Exit(1)
	case "hang":
		time.Sleep(time.Hour)
	default:
		os.Exit(Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
}

// benchArgs measure a tiny case, in turn with this program as a peer if what it
// does is not "".
func benchArgs(t *testing.T, peer string, more ...string) []string {
	t.Helper()
	t.Setenv(selfVariable, "1")
	args := []string{"bench", "small-cnn", "--engine=go", "--batch=2", "--rounds=2", "--warmup=1", "--steps=1"}
	if peer != "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--peer='"+self+"' "+peer)
	}
	return append(args, more...)
}

func TestBenchPrintsATable(t *testing.T) {
	r := succeed(t, benchArgs(t, "peer {case} {batch} {steps}", "--optimizer=sgd")...)
	for _, want := range []string{"cores", "commit", "small-cnn, sgd, batch 2, 2 rounds of 1 step", "images/s", "small-cnn 2 1", "ratio of images/s, pair by pair", "0.1 ms"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is not in\n%s", want, r.stdout)
		}
	}
	var who []string
	for line := range strings.Lines(r.stderr) {
		name, _, _ := strings.Cut(line[strings.LastIndex(line, ": ")+2:], " ")
		who = append(who, name)
	}
	if got := strings.Join(who, " "); got != "ours small-cnn ours small-cnn" {
		t.Errorf("rounds %q in\n%s", got, r.stderr)
	}
}

func TestBenchPrintsJSON(t *testing.T) {
	r := succeed(t, benchArgs(t, "peer", "--json")...)
	if r.stderr != "" {
		t.Errorf("standard error %q", r.stderr)
	}
	all := objects(t, r.stdout)
	if len(ofType(all, "machine")) != 1 || len(ofType(all, "round")) != 4 || len(all) != 7 {
		t.Fatalf("objects %v", all)
	}
	ours, peer := ofType(all, "case")[0], ofType(all, "peer")[0]
	if ours["engine"] != "go" || ours["optimizer"] != "kafisto" || ours["batch"] != 2.0 || ours["rounds"] != 2.0 || ours["unit"] != "images" {
		t.Errorf("case %v", ours)
	}
	ratio, _ := peer["ratio"].(map[string]any)
	if peer["items_per_s"] != 2.0 || ratio == nil || !(ratio["min"].(float64) > 0 && ratio["min"].(float64) <= ratio["max"].(float64)) {
		t.Errorf("peer %v", peer)
	}
}

func TestBenchTellsOfABadPeer(t *testing.T) {
	r := run(t, benchArgs(t, "broken")...)
	if r.code != exitFailed || !strings.HasSuffix(r.stderr, "kafisto: case small-cnn: the peer failed (exit status 1): no module named torch\n") {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
	r = run(t, benchArgs(t, "")...)
	if r.code != exitDone || strings.Contains(r.stdout, "ratio") {
		t.Errorf("without a peer: exit code %d, standard output %q", r.code, r.stdout)
	}
}

func TestBenchIsStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := runUnder(t, ctx, func(text string) {
		if strings.Contains(text, "round 1") {
			time.AfterFunc(100*time.Millisecond, cancel)
		}
	}, benchArgs(t, "hang")...)
	if r.code != exitStopped || !strings.HasSuffix(r.stderr, "kafisto: stopped in case small-cnn\n") {
		t.Errorf("exit code %d, standard error %q", r.code, r.stderr)
	}
}

func TestBenchLists(t *testing.T) {
	text, all := succeed(t, "bench", "--list"), objects(t, succeed(t, "bench", "--list", "--json").stdout)
	if strings.Count(text.stdout, "\n") != len(all) || !strings.Contains(text.stdout, "conv/3-64@32/forward") || all[0]["name"] != "resnet18" {
		t.Errorf("list\n%s", text.stdout)
	}
}
