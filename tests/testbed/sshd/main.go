// Command sshd is an SSH server for tests: it listens on loopback, lets in the owner of one key, and
// does one thing, `git-upload-pack` of a repository under one directory.
//
//	sshd -host-key FILE -authorized-key FILE -root DIR [-listen 127.0.0.1:0]
//
// The first line on standard output is `listening on ADDR`. Every request is one line on standard error.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	hostKey := flag.String("host-key", "", "private host key, PEM or OpenSSH format")
	authorizedKey := flag.String("authorized-key", "", "the one public key that may log in, authorized_keys format")
	root := flag.String("root", "", "directory of the repositories")
	listen := flag.String("listen", "127.0.0.1:0", "loopback address")
	flag.Parse()
	if err := serve(*hostKey, *authorizedKey, *root, *listen); err != nil {
		log.Fatal(err)
	}
}

func serve(hostKey, authorizedKey, root, listen string) error {
	config, err := serverConfig(hostKey, authorizedKey)
	if err != nil {
		return err
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("the root: %w", err)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return errors.New("this server listens on loopback only")
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if err := session(conn, config, root); err != nil {
				log.Printf("connection: %v", err)
			}
		}()
	}
}

func serverConfig(hostKey, authorizedKey string) (*ssh.ServerConfig, error) {
	private, err := os.ReadFile(hostKey)
	if err != nil {
		return nil, fmt.Errorf("the host key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("the host key: %w", err)
	}
	line, err := os.ReadFile(authorizedKey)
	if err != nil {
		return nil, fmt.Errorf("the authorized key: %w", err)
	}
	allowed, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		return nil, fmt.Errorf("the authorized key: %w", err)
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) == string(allowed.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
	}
	config.AddHostKey(signer)
	return config, nil
}

// session serves one connection. Port forwarding and everything else that is not a session is refused.
func session(conn net.Conn, config *ssh.ServerConfig, root string) error {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return err
		}
		go answer(channel, requests, root)
	}
	return nil
}

// answer runs the first exec request of a channel. Of the environment a client may set GIT_PROTOCOL only.
func answer(channel ssh.Channel, requests <-chan *ssh.Request, root string) {
	defer channel.Close()
	protocol := ""
	for request := range requests {
		switch request.Type {
		case "env":
			var env struct{ Name, Value string }
			ok := ssh.Unmarshal(request.Payload, &env) == nil && env.Name == "GIT_PROTOCOL"
			if ok {
				protocol = env.Value
			}
			request.Reply(ok, nil)
		case "exec":
			var command struct{ Line string }
			err := ssh.Unmarshal(request.Payload, &command)
			request.Reply(err == nil, nil)
			go ssh.DiscardRequests(requests)
			code := uploadPack(channel, command.Line, protocol, root)
			log.Printf("exec %q: exit code %d", command.Line, code)
			channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
			return
		default:
			request.Reply(false, nil)
		}
	}
}

func uploadPack(channel ssh.Channel, line, protocol, root string) uint32 {
	repository, err := repositoryOf(line, root)
	if err != nil {
		fmt.Fprintf(channel.Stderr(), "sshd: %v\n", err)
		return 128
	}
	command := exec.Command("git-upload-pack", "--strict", repository)
	if _, err := exec.LookPath(command.Path); err != nil {
		command = exec.Command("git", "upload-pack", "--strict", repository)
	}
	command.Env = append(os.Environ(), "GIT_PROTOCOL="+protocol, "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	command.Stdout, command.Stderr = channel, channel.Stderr()
	// Not command.Stdin = channel: Run would wait for the client to close its side.
	stdin, err := command.StdinPipe()
	if err != nil {
		return 128
	}
	go func() {
		defer stdin.Close()
		io.Copy(stdin, channel)
	}()
	var exit *exec.ExitError
	switch err := command.Run(); {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return uint32(exit.ExitCode())
	default:
		fmt.Fprintf(channel.Stderr(), "sshd: %v\n", err)
		return 128
	}
}

// repositoryOf reads `git-upload-pack '/path'` and gives the directory under root that it names.
func repositoryOf(line, root string) (string, error) {
	name, argument, _ := strings.Cut(strings.TrimPrefix(line, "git "), " ")
	if name != "git-upload-pack" && name != "upload-pack" {
		return "", fmt.Errorf("refused: %q", line)
	}
	path := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(argument), "'"), "'")
	if path == "" || strings.Contains(path, "'") {
		return "", fmt.Errorf("refused: %q", line)
	}
	// A path that starts with the root is taken as it is, any other one as relative to the root.
	relative, err := filepath.Rel(root, path)
	if err != nil || relative == ".." || strings.HasPrefix(relative, "../") {
		relative = filepath.Clean("/" + path)
	}
	full, err := filepath.EvalSymlinks(filepath.Join(root, relative))
	if err != nil {
		return "", fmt.Errorf("%q is not a repository", path)
	}
	if full != root && !strings.HasPrefix(full, root+string(filepath.Separator)) {
		return "", fmt.Errorf("%q is outside the root", path)
	}
	return full, nil
}
