package bench

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// actVariable makes this test program act as a process that is measured.
const actVariable = "KAFISTO_TEST_ACT"

// acts are what it can do; each is one process of a test.
var acts = map[string]func(){
	"peer": func() {
		fmt.Println(`noise` + "\n" + `{"peer": "fake", "median_s": 0.5, "min_s": 0.25, "items_per_s": 8, "optimizer_s": null}`)
	},
	"measurement": func() {
		fmt.Fprintln(os.Stderr, "engine: a message")
		fmt.Println(`{"type": "measurement", "case": "fake", "median_s": 2, "min_s": 1, "items_per_s": 4, "compile_s": 3, "filter": {"pairs": 1}` + strings.Repeat(" ", 400) + "}")
	},
	"args": func() {
		fmt.Printf(`{"peer": %q, "median_s": 1, "items_per_s": 1}`+"\n", strings.Join(os.Args[1:], " "))
	},
	"silent":  func() {},
	"garbage": func() { fmt.Println("step 1\nall is well") },
	"zero":    func() { fmt.Println(`{"median_s": 0, "items_per_s": 8}`) },
	"fail":    func() { fmt.Fprint(os.Stderr, "Traceback\nValueError: no such case\n\n"); os.Exit(7) },
	"flood": func() {
		for range 30 {
			fmt.Print(strings.Repeat("x", 1e6), "\n")
		}
		fmt.Println(`{"median_s": 1, "items_per_s": 1}`)
	},
	"hang": func() { time.Sleep(time.Hour) },
	"hungry": func() {
		memory := make([]byte, 200<<20)
		for i := 0; i < len(memory); i += 1 << 10 {
			memory[i] = 1
		}
		fmt.Println(`{"median_s": 1, "items_per_s": 1}`)
	},
	"parent": func() { // hangs in a process of its own
		os.Setenv(actVariable, "hang")
		child := exec.Command(os.Args[0])
		child.Stdout = os.Stdout
		if err := child.Run(); err != nil {
			os.Exit(1)
		}
	},
}

func TestMain(m *testing.M) {
	if act, ok := acts[os.Getenv(actVariable)]; ok {
		act()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// act makes processes that are started from now on do that, and returns the
// words that start one.
func act(t *testing.T, name string) []string {
	t.Helper()
	t.Setenv(actVariable, name)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self}
}
