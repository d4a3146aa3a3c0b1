package bench

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kafisto/kafisto/internal/alloctest"
)

func TestPeerIsRunAndRead(t *testing.T) {
	r, err := Peer{act(t, "peer"), time.Minute}.Round(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Name != "fake" || r.Median != 0.5 || r.Min != 0.25 || r.ItemsPerSecond != 8 || r.Optimizer != 0 {
		t.Errorf("round %+v", r)
	}
}

func TestPeerThatFailsGivesOneSentence(t *testing.T) {
	for name, says := range map[string]string{
		"silent":  "printed nothing",
		"garbage": `"all is well"`,
		"zero":    "median_s is 0",
		"fail":    "exit status 7): ValueError: no such case",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Peer{act(t, name), time.Minute}.Round(t.Context())
			if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v does not say %q", err, says)
			}
		})
	}
	_, err := Peer{[]string{"no-such-program-anywhere"}, time.Minute}.Round(t.Context())
	if err == nil || !strings.Contains(err.Error(), "command line") {
		t.Errorf("error %v", err)
	}
}

func TestPeerThatHangsIsStopped(t *testing.T) {
	for _, name := range []string{"hang", "parent"} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := Peer{act(t, name), 300 * time.Millisecond}.Round(t.Context())
			if err == nil || !strings.Contains(err.Error(), "not done after 300ms") {
				t.Errorf("error %v", err)
			}
			if time.Since(began) > 2*patience {
				t.Errorf("it took %s", time.Since(began))
			}
		})
	}
}

func TestCancellingStopsThePeer(t *testing.T) {
	words := act(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := (Peer{words, time.Hour}).Round(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlaceholdersAreFilledIn(t *testing.T) {
	c := Case{Name: "conv/a", Batch: 32}
	for line, want := range map[string][]string{
		"p {case} --batch {batch} --steps={steps}": {"p", "conv/a", "--batch", "32", "--steps=5"},
		`'my peer' "it's" {other} ''`:              {"my peer", "it's", "{other}", ""},
		"p  C:\\x\t\n q":                           {"p", `C:\x`, "q"},
	} {
		peer, err := NewPeer(line, c, Options{Steps: 5}, time.Minute)
		if err != nil || !reflect.DeepEqual(peer.words, want) {
			t.Errorf("%q: %q, %v", line, peer.words, err)
		}
	}
	if peer, _ := NewPeer("p {batch}", c, Options{Batch: 7}, time.Minute); peer.words[1] != "7" {
		t.Errorf("words %q", peer.words)
	}
	for _, line := range []string{"", "  ", "''", `p "q`} {
		if _, err := NewPeer(line, c, Options{}, time.Minute); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}

func TestLastLineOfJSONCounts(t *testing.T) {
	r, err := readPeer("{\"median_s\": 1, \"items_per_s\": 1}\nnull\n3\n[]\n{\"median_s\": 2, \"items_per_s\": 3}\n{\"other\": true}\n")
	if err != nil || r.Median != 2 || r.ItemsPerSecond != 3 || r.Name != "peer" {
		t.Errorf("round %+v, error %v", r, err)
	}
	for _, text := range []string{`{"median_s": "1", "items_per_s": 1}`, `{"median_s": 1}`, `{"median_s": -1, "items_per_s": 1}`, "{"} {
		if r, err := readPeer(text); err == nil {
			t.Errorf("%q: %+v", text, r)
		}
	}
}

func FuzzReadPeer(f *testing.F) {
	f.Add("{\"median_s\": 1, \"items_per_s\": 1}\n")
	f.Add("noise\n{\"median_s\": 1e999, \"items_per_s\": null}")
	f.Fuzz(func(t *testing.T, text string) {
		var r Round
		var err error
		alloctest.Within(t, 1<<20+256*len(text), func() { r, err = readPeer(text) })
		if err == nil && !(r.Median > 0 && r.ItemsPerSecond > 0) {
			t.Errorf("%q gave %+v", text, r)
		}
		var words []string
		alloctest.Within(t, 1<<20+64*len(text), func() { words, err = splitWords(text) })
		if err == nil && (len(words) == 0 || words[0] == "") {
			t.Errorf("%q split into %q", text, words)
		}
	})
}

func TestLongOutputKeepsItsEnd(t *testing.T) {
	var out tail
	for range 3 {
		out.Write([]byte(strings.Repeat("x", maxOutput/2+1)))
	}
	out.Write([]byte("\nend"))
	if text := out.String(); len(text) != maxOutput || lastLine(text) != "end" {
		t.Errorf("%d bytes, last line %q", len(text), lastLine(text))
	}
	if line := cut(lastLine(strings.Repeat("é", 1000))); len([]rune(line)) != 301 {
		t.Errorf("%d letters", len([]rune(line)))
	}
}

// TestFloodOfOutputIsCut: a process may print what it likes, here 30 MB, and takes
// little memory from the one that waits for it.
func TestFloodOfOutputIsCut(t *testing.T) {
	p := process{who: "the peer", words: act(t, "flood"), timeout: time.Minute}
	var out finished
	var err error
	alloctest.Within(t, 16*maxOutput, func() { out, err = p.run(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	if r, err := readPeer(out.stdout); err != nil || r.Median != 1 || len(out.stdout) != maxOutput {
		t.Errorf("kept %d bytes that say %+v, %v", len(out.stdout), r, err)
	}
}

func FuzzReadMeasurement(f *testing.F) {
	f.Add("noise\n" + `{"type": "measurement", "case": "fake", "median_s": 2, "filter": {"pairs": 1}}` + "\n")
	f.Add(`{"type": "peer"}`)
	f.Add("[[[[[[")
	f.Fuzz(func(t *testing.T, text string) {
		var m *Measurement
		var err error
		alloctest.Within(t, 1<<20+256*len(text), func() { m, err = readMeasurement(text) })
		switch {
		case err == nil && m.Type != "measurement":
			t.Errorf("%q gave %+v", text, m)
		case err != nil && (strings.ContainsAny(err.Error(), "\n") || len(err.Error()) > 2000):
			t.Errorf("%q gave %q", text, err)
		}
	})
}
