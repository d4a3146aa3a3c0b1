package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// growth is how much more resident memory a run may have at its end than once it has
// settled, after a twelfth of the time: at minute 10 of two hours.
const growth = 1.05

// sample is what a process holds at a time.
type sample struct {
	seconds  float64
	resident int64 // KiB
	files    int   // open
	step     int64
}

// TestSoak trains for KAFISTO_SOAK (`make soak`: two hours) with a checkpoint a minute
// and notes resident memory and open files every ten seconds, in the CSV file that
// KAFISTO_SOAK_CSV names.
func TestSoak(t *testing.T) {
	duration, err := time.ParseDuration(os.Getenv("KAFISTO_SOAK"))
	if err != nil {
		t.Skip("KAFISTO_SOAK is not set to a duration")
	}
	engine := os.Getenv("KAFISTO_SOAK_ENGINE")
	if engine == "" {
		engine = "go"
	}
	k := task{args: []string{"--dataset=fashion-sample", "--model=small-cnn", "--augment", "--batch-size=64"}}
	dir := filepath.Join(t.TempDir(), "run")
	aMinute := stepsPerMinute(t, engine, k)
	p := start(t, training(engine, "kafisto", k, dir, steps(1_000_000_000), fmt.Sprintf("--save-every=%d", aMinute), fmt.Sprintf("--eval-every=%d", aMinute))...)
	samples := watch(t, p, dir, duration)
	p.stop(t, syscall.SIGTERM, func() {})
	saved(t, dir)
	if path := os.Getenv("KAFISTO_SOAK_CSV"); path != "" {
		write(t, path, csv(samples))
	}
	settled, last := around(t, samples, duration/12), around(t, samples, duration)
	t.Logf("%d steps a minute; resident %d KiB after %.0f s, %d KiB after %.0f s; open files %d and %d",
		aMinute, settled.resident, settled.seconds, last.resident, last.seconds, settled.files, last.files)
	if float64(last.resident) > growth*float64(settled.resident) {
		t.Errorf("resident memory grew by %.1f %%", 100*(float64(last.resident)/float64(settled.resident)-1))
	}
	if last.files != settled.files {
		t.Errorf("%d files are open, there were %d", last.files, settled.files)
	}
}

// around is the last sample up to a time, with the median resident memory of the
// minute before it, as garbage comes and goes.
func around(t *testing.T, samples []sample, when time.Duration) sample {
	t.Helper()
	var last sample
	var resident []int64
	for _, s := range samples {
		if s.seconds <= when.Seconds()+1 && s.seconds > when.Seconds()-60 {
			last, resident = s, append(resident, s.resident)
		}
	}
	if len(resident) == 0 {
		t.Fatalf("%d samples, none in the minute before %v", len(samples), when)
	}
	slices.Sort(resident)
	last.resident = resident[len(resident)/2]
	return last
}

// stepsPerMinute measures a run for ten seconds after its first step.
func stepsPerMinute(t *testing.T, engine string, k task) int64 {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	p := start(t, training(engine, "kafisto", k, dir, steps(1_000_000), "--eval-every=1000000", "--save-every=1000000")...)
	p.until(t, "step", func() bool { return logged(dir) > 0 })
	before, began := logged(dir), time.Now()
	time.Sleep(10 * time.Second)
	rate := float64(logged(dir)-before) / time.Since(began).Minutes()
	p.stop(t, syscall.SIGTERM, func() {})
	return max(int64(rate), 1)
}

// watch notes what a process holds every ten seconds.
func watch(t *testing.T, p *process, dir string, duration time.Duration) (samples []sample) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < duration {
		select {
		case <-p.ended:
			t.Fatalf("it ended after %v\n%s", time.Since(began), p.output)
		case <-time.After(min(10*time.Second, duration-time.Since(began))):
		}
		s, err := look(p.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		s.seconds, s.step = time.Since(began).Seconds(), logged(dir)
		samples = append(samples, s)
	}
	return samples
}

// look reads what the system knows of a process.
func look(pid int) (s sample, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			if _, err := fmt.Sscan(rest, &s.resident); err != nil {
				return s, err
			}
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s.files = len(files)
	return s, err
}

func csv(samples []sample) []byte {
	var b strings.Builder
	b.WriteString("seconds,resident_kib,open_files,step\n")
	for _, s := range samples {
		fmt.Fprintf(&b, "%.1f,%d,%d,%d\n", s.seconds, s.resident, s.files, s.step)
	}
	return []byte(b.String())
}
