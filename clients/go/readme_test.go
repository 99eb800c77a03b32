package campus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	campus "campus.example/client"
	"campus.example/client/employeepb"
	"campus.example/client/internal/servertest"
)

// blocks are the code blocks of the README in a language, in order.
func blocks(t *testing.T, language string) (found []string) {
	t.Helper()
	text := must(os.ReadFile("README.md"))(t)
	for _, each := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, each[1])
	}
	return found
}

// TestTheFirstCallOfTheReadmeWorksInBothWaysOfUsingTheModule runs the program and the commands as they stand there, but for the
// address of the server.
func TestTheFirstCallOfTheReadmeWorksInBothWaysOfUsingTheModule(t *testing.T) {
	server := servertest.Start(t)
	one := &employeepb.Employee{GivenName: "Päivi", FamilyName: "Mäkinen"}
	must(dial(t, server.Address).Employees.Create(within(t), one, campus.ID("e0001")))(t)
	checkout := must(filepath.Abs("../.."))(t)
	program, ways := blocks(t, "go")[0], blocks(t, "sh")
	equal(t, "ways to use the module", len(ways), 2)
	for _, commands := range ways {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		script := strings.ReplaceAll(commands, "127.0.0.1:50051", server.Address)
		run := exec.CommandContext(within(t), "sh", "-ec", script)
		run.Dir = folder
		run.Env = append(os.Environ(), "CAMPUS="+checkout, "GOFLAGS=", "GOWORK=")
		said, err := run.CombinedOutput()
		if err != nil || !strings.HasSuffix(string(said), "Päivi Mäkinen\n") {
			t.Errorf("%v\n%s\n%s", err, commands, said)
		}
	}
}
