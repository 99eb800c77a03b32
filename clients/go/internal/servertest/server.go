// Package servertest starts the servers that the tests call.
package servertest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long whatever a test waits for may take.
const patience = 30 * time.Second

// Server is a process of the program that CAMPUS_PROGRAM names, on loopback, with its data in a folder of the test.
type Server struct {
	// Address is where the services are, host and port.
	Address string
	// Rest is where REST is, host and port.
	Rest   string
	admin  string
	folder string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts a server with these lines in the section server of its settings (and in further sections after them), which ends
// with the test. It listens on a free port, unless the settings say where.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir()}
	s.launch(t, "127.0.0.1:0", settings)
	return s
}

// StartAt starts a server that listens at address.
func StartAt(t testing.TB, address string, settings ...string) *Server {
	t.Helper()
	s := &Server{folder: t.TempDir()}
	s.launch(t, address, settings)
	return s
}

// Restart starts a server that was stopped again, at the same address with the same data.
func (s *Server) Restart(t testing.TB, settings ...string) {
	t.Helper()
	s.launch(t, s.Address, settings)
}

func (s *Server) launch(t testing.TB, address string, settings []string) {
	t.Helper()
	program := os.Getenv("CAMPUS_PROGRAM")
	if program == "" {
		t.Fatal("set CAMPUS_PROGRAM to the path of the program: cargo build -p campus, then target/debug/campus")
	}
	config := filepath.Join(s.folder, "campus.toml")
	lines := []string{"[server]", `drain_limit = "0s"`}
	if !strings.Contains(strings.Join(settings, ""), "drain_delay") {
		lines = append(lines, `drain_delay = "0s"`)
	}
	lines = append(lines, settings...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(program, "serve", "--config", config, "--data-dir", filepath.Join(s.folder, "data"),
		"--listen", address, "--rest-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	for _, each := range os.Environ() {
		if !strings.HasPrefix(each, "CAMPUS__") && !strings.HasPrefix(each, "OTEL_") {
			s.cmd.Env = append(s.cmd.Env, each)
		}
	}
	logs, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, said := make(chan struct{}), make(chan string, 1)
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		said <- s.read(logs, ready)
		_ = cmd.Wait()
		close(exited)
	}(s.cmd, s.exited)
	t.Cleanup(s.Kill)
	select {
	case <-ready:
	case text := <-said:
		t.Fatalf("the server did not start:\n%s", text)
	case <-time.After(patience):
		t.Fatal("the server is not ready")
	}
}

// read takes the addresses from the log, closes ready when the server is, and returns the whole log at its end.
func (s *Server) read(logs io.Reader, ready chan struct{}) string {
	var all strings.Builder
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		var line struct {
			Message string `json:"message"`
			Grpc    string `json:"grpc.address"`
			Rest    string `json:"web.address"`
			Admin   string `json:"admin.address"`
		}
		_ = json.Unmarshal(lines.Bytes(), &line)
		switch line.Message {
		case "listening":
			// Behind it comes how REST calls the services.
			s.Address, _, _ = strings.Cut(line.Grpc, ",")
			s.Rest, s.admin = line.Rest, line.Admin
		case "ready":
			if ready != nil {
				close(ready)
				ready = nil
			}
		}
	}
	return all.String()
}

// Kill ends the server at once.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// Leave asks the server to end, as an operator does.
func (s *Server) Leave() { _ = s.cmd.Process.Signal(syscall.SIGTERM) }

// Stop asks the server to end, and waits until it has.
func (s *Server) Stop() {
	s.Leave()
	<-s.exited
}

// HasEnded reports whether the server has ended.
func (s *Server) HasEnded() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// Pause makes the server stand still until Continue.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	Wait(t, "the server stands still", func() bool {
		state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
		return strings.Contains(string(state), ") T ")
	})
}

// Continue ends a Pause.
func (s *Server) Continue() { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// InFlight returns how many calls of a method the server works on.
func (s *Server) InFlight(t testing.TB, method string) string {
	t.Helper()
	reply, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	for lines := bufio.NewScanner(reply.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "} ")
		if strings.HasPrefix(name, "grpc_server_in_flight{") && strings.Contains(name, fmt.Sprintf("grpc_method=%q", method)) {
			return value
		}
	}
	t.Fatalf("no metric of %s", method)
	return ""
}

// Wait waits until the condition holds.
func Wait(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
