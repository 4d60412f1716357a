// Writes down how sigs.k8s.io/yaml reads a corpus of scalars and documents, so that the Rust
// loader can be compared with it where there is no Go. Run it in this directory: go run .
//
// In: corpus/scalars.txt (one a line), corpus/documents.txt (cases separated by lines that start
// with "=== "), and what the generators below add. Out: scalars.json and documents.json, one case
// a line. The generators are seeded with constants: the same corpus gives the same bytes.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// answer is what the library says about one text: JSON, or that it refuses.
type answer struct {
	JSON  string `json:"json,omitempty"`
	Error string `json:"error,omitempty"`
}

type scalarCase struct {
	Text  string `json:"text"`
	Value answer `json:"value"`
	Key   answer `json:"key"`
}

type documentCase struct {
	Name string `json:"name"`
	Text string `json:"text"`
	answer
}

func ask(text string) answer {
	out, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{JSON: string(out)}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run() error {
	// With an argument, it reads one document from a file, for a person who wants to know.
	if len(os.Args) > 1 {
		text, err := os.ReadFile(os.Args[1])
		if err != nil {
			return err
		}
		said := ask(string(text))
		fmt.Println(said.JSON + said.Error)
		return nil
	}
	scalars, err := scalarCases()
	if err != nil {
		return err
	}
	documents, err := documentCases()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d scalars, %d documents\n", len(scalars), len(documents))
	if err := write("scalars.json", scalars); err != nil {
		return err
	}
	return write("documents.json", documents)
}

func scalarCases() ([]scalarCase, error) {
	text, err := os.ReadFile("corpus/scalars.txt")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var cases []scalarCase
	add := func(scalar string) {
		if !seen[scalar] {
			seen[scalar] = true
			value, key := ask("v: "+scalar+"\n"), ask(scalar+": v\n")
			cases = append(cases, scalarCase{scalar, value, key})
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		add(lines.Text())
	}
	for _, scalar := range generatedScalars() {
		add(scalar)
	}
	return cases, lines.Err()
}

func documentCases() ([]documentCase, error) {
	text, err := os.ReadFile("corpus/documents.txt")
	if err != nil {
		return nil, err
	}
	var cases []documentCase
	for _, part := range strings.Split("\n"+string(text), "\n=== ")[1:] {
		name, body, _ := strings.Cut(part, "\n")
		cases = append(cases, documentCase{name, body + "\n", ask(body + "\n")})
	}
	for index, body := range generatedDocuments() {
		cases = append(cases, documentCase{fmt.Sprintf("generated %d", index), body, ask(body)})
	}
	return cases, nil
}

func write[T any](path string, cases []T) error {
	var out bytes.Buffer
	out.WriteString("[\n")
	for index, one := range cases {
		line, err := json.Marshal(one)
		if err != nil {
			return err
		}
		out.Write(line)
		if index+1 < len(cases) {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n")
	return os.WriteFile(path, out.Bytes(), 0o644)
}
