/// The decoders that are fuzzed, by name. Each accepts any bytes, and traps if it finds a defect.
public enum FuzzTarget {
  /// A decoder, which must withstand any bytes.
  public typealias Body = @Sendable ([UInt8]) -> Void

  /// Every decoder. `Fuzz/corpus` has a folder for each.
  public static let all: [String: Body] = [
    "header": fuzzHeader, "descriptor": fuzzDescriptor, "image": fuzzImage, "luks-facts": fuzzVolumeFacts,
    "json": fuzzJSON, "key-ring": fuzzKeyRing, "armor": fuzzArmor, "clear-signed": fuzzClearSigned,
    "envelope": fuzzEnvelope, "pem": fuzzPEM, "metadata": fuzzMetadata, "squashfs": fuzzSquashfs,
    "luks-header": fuzzVolumeHeader, "gocryptfs-configuration": fuzzConfiguration,
    "gocryptfs-file": fuzzEncryptedFile,
    "map": fuzzMap, "carve": fuzzCarve,
    "seccomp": fuzzSeccomp, "limits": fuzzLimits, "shell-script": fuzzShellScript,
    "definition": fuzzDefinition,
    "keyserver-answer": fuzzKeyserverAnswer, "remotes": fuzzRemotes, "library-answer": fuzzLibraryAnswer,
    "hash-list": fuzzHashList, "scan-records": fuzzScanRecords,
    "container-limits": fuzzContainerLimits, "execution-control-list": fuzzExecutionControlList,
    "oci-index": fuzzOCIIndex, "oci-manifest": fuzzOCIManifest, "oci-config": fuzzOCIConfig,
    "oci-reference": fuzzOCIReference,
    "oci-layers": fuzzOCILayers,
  ]
}
