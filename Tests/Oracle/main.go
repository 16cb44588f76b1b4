// Command oracle lets the tests ask the Go libraries that container runtimes sign and verify with.
//
// It is built by the tests from Debian's golang-github-sylabs-sif-dev, outside of any Go module.
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/sylabs/sif/v2/pkg/integrity"
	"github.com/sylabs/sif/v2/pkg/sif"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func keys(path string) openpgp.EntityList {
	data, err := os.ReadFile(path)
	check(err)
	if list, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(data)); err == nil {
		return list
	}
	list, err := openpgp.ReadKeyRing(bytes.NewReader(data))
	check(err)
	return list
}

func clock(text string) func() time.Time {
	seconds, err := strconv.ParseInt(text, 10, 64)
	check(err)
	return func() time.Time { return time.Unix(seconds, 0) }
}

// verify does with a block what the integrity package does with a signature object.
func verify(ring openpgp.KeyRing, data []byte, now func() time.Time) error {
	block, _ := clearsign.Decode(data)
	if block == nil {
		return fmt.Errorf("no clear-signed message")
	}
	hashes := []crypto.Hash{crypto.SHA224, crypto.SHA256, crypto.SHA384, crypto.SHA512}
	_, err := openpgp.CheckDetachedSignatureAndHash(
		ring, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, hashes, &packet.Config{Time: now})
	return err
}

func main() {
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "csv": // < a text in hexadecimal on each line > its records, or "bad"
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			text, err := hex.DecodeString(scanner.Text())
			check(err)
			reader := csv.NewReader(bytes.NewReader(text))
			reader.FieldsPerRecord = -1
			records, err := reader.ReadAll()
			if err != nil {
				fmt.Println("bad")
				continue
			}
			for _, record := range records {
				for _, field := range record {
					fmt.Printf("%x,", field)
				}
				fmt.Print(";")
			}
			fmt.Println()
		}
	case "clearsign": // KEYS TIME < text > block
		entity := keys(arguments[0])[0]
		w, err := clearsign.Encode(os.Stdout, entity.PrivateKey, &packet.Config{Time: clock(arguments[1])})
		check(err)
		_, err = io.Copy(w, os.Stdin)
		check(err)
		check(w.Close())
	case "clearverify": // KEYS TIME < (length block)* > one line each
		ring := keys(arguments[0])
		for {
			var length uint32
			if err := binary.Read(os.Stdin, binary.LittleEndian, &length); err != nil {
				break
			}
			data := make([]byte, length)
			_, err := io.ReadFull(os.Stdin, data)
			check(err)
			if err := verify(ring, data, clock(arguments[1])); err != nil {
				fmt.Println("bad", err)
			} else {
				fmt.Println("good")
			}
		}
	case "envelope": // < JSON > what Go's decoder makes of the members
		var envelope struct {
			PayloadType string `json:"payloadType"`
			Payload     string `json:"payload"`
			Signatures  []struct {
				KeyID string `json:"keyid"`
				Sig   string `json:"sig"`
			} `json:"signatures"`
		}
		check(json.NewDecoder(os.Stdin).Decode(&envelope))
		fmt.Println(envelope.PayloadType, envelope.Payload, envelope.Signatures)
	case "dsse": // IMAGE PEM > what the envelopes of an image are over, each signed with an Ed25519 key
		text, err := os.ReadFile(arguments[1])
		check(err)
		block, _ := pem.Decode(text)
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		check(err)
		image, err := sif.LoadContainerFromPath(arguments[0], sif.OptLoadWithFlag(os.O_RDONLY))
		check(err)
		descriptors, err := image.GetDescriptors(sif.WithDataType(sif.DataSignature))
		check(err)
		for _, descriptor := range descriptors {
			var envelope struct {
				PayloadType string `json:"payloadType"`
				Payload     []byte `json:"payload"`
				Signatures  []struct {
					Sig string `json:"sig"`
				} `json:"signatures"`
			}
			check(json.NewDecoder(descriptor.GetReader()).Decode(&envelope))
			signed := fmt.Sprintf("DSSEv1 %d %s %d %s",
				len(envelope.PayloadType), envelope.PayloadType, len(envelope.Payload), envelope.Payload)
			signature, err := base64.StdEncoding.DecodeString(envelope.Signatures[0].Sig)
			check(err)
			if !ed25519.Verify(key.(ed25519.PublicKey), []byte(signed), signature) {
				check(fmt.Errorf("a signature that is not by the key"))
			}
			os.Stdout.Write(envelope.Payload)
		}
	case "newkey": // TIME PASSPHRASE [locked] > secret key packets; with the word, an empty passphrase locks, too
		entity, err := openpgp.NewEntity("test", "", "test@example.org",
			&packet.Config{Time: clock(arguments[0]), RSABits: 2048})
		check(err)
		if arguments[1] != "" || len(arguments) > 2 {
			check(entity.PrivateKey.Encrypt([]byte(arguments[1])))
			for _, subkey := range entity.Subkeys {
				check(subkey.PrivateKey.Encrypt([]byte(arguments[1])))
			}
		}
		check(entity.SerializePrivateWithoutSigning(os.Stdout, nil))
	case "sign": // IMAGE KEYS TIME
		image, err := sif.LoadContainerFromPath(arguments[0])
		check(err)
		signer, err := integrity.NewSigner(image, integrity.OptSignWithEntity(keys(arguments[1])[0]),
			integrity.OptSignWithTime(clock(arguments[2])), integrity.OptSignDeterministic())
		check(err)
		check(signer.Sign())
		check(image.UnloadContainer())
	case "verify": // IMAGE KEYS [legacy]
		image, err := sif.LoadContainerFromPath(arguments[0], sif.OptLoadWithFlag(os.O_RDONLY))
		check(err)
		options := []integrity.VerifierOpt{integrity.OptVerifyWithKeyRing(keys(arguments[1]))}
		if len(arguments) > 2 {
			options = append(options, integrity.OptVerifyLegacyAll())
		}
		verifier, err := integrity.NewVerifier(image, options...)
		check(err)
		check(verifier.Verify())
	default:
		check(fmt.Errorf("unknown command %s", os.Args[1]))
	}
}
