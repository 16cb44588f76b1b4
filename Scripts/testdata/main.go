// Makes the images of testdata/images with the reference library, always the same bytes.
//
//	main DIRECTORY
package main

import (
	"crypto"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sylabs/sif/v2/pkg/sif"
)

var moment = time.Unix(1600000000, 0)

func input(t sif.DataType, data string, opts ...sif.DescriptorInputOpt) sif.DescriptorInput {
	di, err := sif.NewDescriptorInput(t, strings.NewReader(data), opts...)
	if err != nil {
		log.Fatal(err)
	}
	return di
}

func image(name string, opts ...sif.CreateOpt) {
	path := filepath.Join(os.Args[1], name+".sif")
	f, err := sif.CreateContainerAtPath(path, append([]sif.CreateOpt{sif.OptCreateDeterministic()}, opts...)...)
	if err != nil {
		log.Fatal(name, ": ", err)
	}
	if err := f.UnloadContainer(); err != nil {
		log.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		log.Fatal(err)
	}
}

func change(name string, fn func(*sif.FileImage) error) {
	f, err := sif.LoadContainerFromPath(filepath.Join(os.Args[1], name+".sif"))
	if err != nil {
		log.Fatal(err)
	}
	if err := fn(f); err != nil {
		log.Fatal(name, ": ", err)
	}
	if err := f.UnloadContainer(); err != nil {
		log.Fatal(err)
	}
}

func partition(fs sif.FSType, pt sif.PartType, arch, data string, opts ...sif.DescriptorInputOpt) sif.DescriptorInput {
	return input(sif.DataPartition, data, append(opts, sif.OptPartitionMetadata(fs, pt, arch))...)
}

func main() {
	objects := sif.OptCreateWithDescriptors
	image("empty")
	image("empty-id", sif.OptCreateWithID("0d5f7d1c-8a44-4f8e-9d3b-6f1f0c2a9b77"))
	image("empty-time", sif.OptCreateWithTime(moment))
	image("empty-launch", sif.OptCreateWithLaunchScript("#!/usr/bin/env run-singularity\n"))
	image("no-slots", sif.OptCreateWithDescriptorCapacity(0))
	image("one-slot", sif.OptCreateWithDescriptorCapacity(1), objects(input(sif.DataGeneric, "full")))

	plain := []sif.DataType{sif.DataDeffile, sif.DataEnvVar, sif.DataLabels, sif.DataGenericJSON, sif.DataGeneric}
	texts := []string{"Bootstrap: scratch\n", "A=1\n", "{\"a\":\"b\"}", "[1,2,3]", "bytes"}
	var all []sif.DescriptorInput
	for i, t := range plain {
		all = append(all, input(t, texts[i], sif.OptObjectName(fmt.Sprintf("object %d", i)), sif.OptObjectTime(moment)))
	}
	image("plain-types", objects(all...))

	arches := []string{"386", "amd64", "arm", "arm64", "ppc64", "ppc64le", "mips", "mipsle", "mips64", "mips64le", "s390x"}
	all = nil
	for i, arch := range arches {
		all = append(all, partition(sif.FSType(i%5+1), sif.PartData, arch, strings.Repeat("p", i)))
	}
	image("architectures", objects(all...))

	all = nil
	for pt := sif.PartSystem; pt <= sif.PartOverlay+2; pt++ {
		for fs := sif.FsSquash; fs <= sif.FsEncryptedSquashfs+2; fs++ {
			if pt == sif.PartPrimSys && fs != sif.FsSquash || fs == sif.FsEncryptedSquashfs+1 {
				continue // only one primary; and Debian's version has no name for this type
			}
			all = append(all, partition(fs, pt, "amd64", "x"))
		}
	}
	image("partitions", objects(all...))

	hashes := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.BLAKE2s_256, crypto.BLAKE2b_256}
	all = nil
	fingerprint := []byte{0x12, 0x04, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 0xFF}
	for i, h := range hashes {
		fp := fingerprint
		if i == 1 {
			fp = make([]byte, 20)
		}
		all = append(all, input(sif.DataSignature, "-----BEGIN PGP SIGNED MESSAGE-----\n", sif.OptNoGroup(),
			sif.OptLinkedGroupID(uint32(i+1)), sif.OptSignatureMetadata(h, fp)))
	}
	image("signatures", objects(all...))

	all = nil
	for f := sif.SBOMFormatCycloneDXJSON; f <= sif.SBOMFormatSyftJSON+1; f++ {
		all = append(all, input(sif.DataSBOM, "{}", sif.OptSBOMMetadata(f)))
	}
	image("sboms", objects(all...))

	image("crypto-messages", objects(
		input(sif.DataCryptoMessage, "m", sif.OptCryptoMessageMetadata(sif.FormatOpenPGP, sif.MessageClearSignature)),
		input(sif.DataCryptoMessage, "m", sif.OptCryptoMessageMetadata(sif.FormatPEM, sif.MessageRSAOAEP)),
		input(sif.DataCryptoMessage, "m", sif.OptCryptoMessageMetadata(9, 9))))

	image("groups-and-links", objects(
		input(sif.DataGeneric, "a"),
		input(sif.DataGeneric, "b", sif.OptGroupID(2), sif.OptLinkedID(1)),
		input(sif.DataGeneric, "c", sif.OptGroupID(123456), sif.OptLinkedGroupID(2)),
		input(sif.DataGeneric, "d", sif.OptNoGroup(), sif.OptLinkedID(1234567)),
		input(sif.DataGeneric, "", sif.OptObjectName("empty")),
		input(sif.DataGeneric, "e", sif.OptObjectAlignment(512), sif.OptObjectName("aligned")),
		input(0x4FFF, "unknown"), input(-1, "negative")))

	image("two-systems", sif.OptCreateWithLaunchScript("#!/bin/sh\n"), objects(
		partition(sif.FsRaw, sif.PartSystem, "386", "one\n"), partition(sif.FsSquash, sif.PartPrimSys, "amd64", "two\n")))

	image("deleted", objects(
		input(sif.DataGeneric, "first"), input(sif.DataGeneric, "second"), input(sif.DataGeneric, "third")))
	change("deleted", func(f *sif.FileImage) error {
		return f.DeleteObject(2, sif.OptDeleteZero(true), sif.OptDeleteDeterministic())
	})
	image("deleted-last", objects(input(sif.DataGeneric, "first"), input(sif.DataGeneric, "last")))
	change("deleted-last", func(f *sif.FileImage) error {
		return f.DeleteObject(2, sif.OptDeleteDeterministic())
	})
}
