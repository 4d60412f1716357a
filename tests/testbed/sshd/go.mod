// An SSH server for tests of fetching over ssh.
module steadfast.dev/testbed/sshd

go 1.26.0

require golang.org/x/crypto v0.54.0

require golang.org/x/sys v0.47.0 // indirect
