// client BASE…: the steps of README.md with net/http, one client (pool) for each base.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"strconv"
)

const mib = 1 << 20

func body(size int) []byte {
	var text bytes.Buffer
	for offset := 0; offset < size; offset += 16 {
		fmt.Fprintf(&text, "%015x\n", offset)
	}
	return text.Bytes()[:size]
}

func say(name string, status int, count int64, crc uint32) {
	fmt.Printf("%s %d %d %08x\n", name, status, count, crc)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type steps struct {
	base   string
	client http.Client
}

func (s *steps) get(name, path string) {
	answer, err := s.client.Get(s.base + path)
	check(err)
	defer answer.Body.Close()
	crc := crc32.NewIEEE()
	count, err := io.Copy(crc, answer.Body)
	check(err)
	say(name, answer.StatusCode, count, crc.Sum32())
}

func (s *steps) post(name string, content io.Reader) error {
	answer, err := s.client.Post(s.base+"/echo-size", "application/octet-stream", content)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var said struct {
		Bytes int64
		Crc32 string
	}
	check(json.NewDecoder(answer.Body).Decode(&said))
	crc, err := strconv.ParseUint(said.Crc32, 16, 32)
	check(err)
	say(name, answer.StatusCode, said.Bytes, uint32(crc))
	return nil
}

// Hides the length, so that it is sent in chunks.
func stream(data []byte) io.Reader {
	return struct{ io.Reader }{bytes.NewReader(data)}
}

type brokenOff struct{ left int }

func (b *brokenOff) Read(piece []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("broken off")
	}
	count := min(len(piece), b.left)
	b.left -= count
	return count, nil
}

func (s *steps) run() {
	small, large := body(5000), body(10*mib)
	s.get("get", "/bytes/1000")
	s.get("get-chunked", "/bytes/1000?chunked=1")
	answer, err := s.client.Head(s.base + "/count")
	check(err)
	say("head", answer.StatusCode, 0, 0)
	s.get("missing", "/nowhere")
	check(s.post("post-sized", bytes.NewReader(small)))
	check(s.post("post-chunked", stream(small)))
	s.get("down-sized", fmt.Sprintf("/bytes/%d", 10*mib))
	s.get("down-chunked", fmt.Sprintf("/bytes/%d?chunked=1", 10*mib))
	check(s.post("up-sized", bytes.NewReader(large)))
	check(s.post("up-chunked", stream(large)))
	answer, err = s.client.Get(fmt.Sprintf("%s/bytes/%d", s.base, 1024*mib))
	check(err)
	_, err = io.CopyN(io.Discard, answer.Body, mib)
	check(err)
	answer.Body.Close()
	say("abort-down", answer.StatusCode, 0, 0)
	if s.post("abort-up", &brokenOff{mib}) != nil {
		say("abort-up", 0, 0, 0)
	}
	s.get("after", "/bytes/1000")
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func main() {
	for _, base := range os.Args[1:] {
		fmt.Println("base")
		(&steps{base: base}).run()
	}
}
