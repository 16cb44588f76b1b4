public import Bytes
public import ExecutionControl
public import SystemPackage

/// The reason why an image is not mounted or run.
public enum ImageRefusal: Fault {
  /// The administrators' policy denies it for its kind, its place or its owner.
  case denied(PolicyError)
  /// The administrators' policy denies it for the verdict on its signatures.
  case deniedBySignatures(PolicyError, IntegrityVerdict)
  /// Its signatures are not as required: the verdict, with the reasons.
  case verdict(IntegrityVerdict, [String])
  /// No signature covers one of its objects.
  case notCovered(UInt32)
  /// Others can write its file: a clause that says how, with advice.
  case writable(FilePath, String)
  /// It could not be told whether it may be used.
  case fault(any Fault)

  /// A stable word for scripts.
  public var identifier: String {
    switch self {
    case .denied(let error), .deniedBySignatures(let error, _): error.identifier
    case .verdict(let verdict, _): verdict.rawValue
    case .notCovered: IntegrityVerdict.unsigned.rawValue
    case .writable: "writable-by-others"
    case .fault(let fault): fault.identifier
    }
  }

  /// The kind of fault.
  public var kind: FaultKind {
    switch self {
    case .denied(let error): error.kind
    case .deniedBySignatures(_, let verdict), .verdict(let verdict, _): verdict.faultKind ?? .other
    case .notCovered: .notSigned
    case .writable: .system
    case .fault(let fault): fault.kind
    }
  }

  /// Where in the image, in bytes from its start.
  public var offset: Int64? { if case .fault(let fault) = self { fault.offset } else { nil } }

  /// The object that it is about.
  public var objectID: UInt32? { if case .fault(let fault) = self { fault.objectID } else { nil } }

  /// The fault that caused this one.
  public var underlying: (any Fault)? {
    switch self {
    case .denied(let error), .deniedBySignatures(let error, _): error
    case .fault(let fault): fault
    case .verdict, .notCovered, .writable: nil
    }
  }

  /// One sentence without a final stop.
  public var description: String {
    switch self {
    case .denied(let error), .deniedBySignatures(let error, _): error.description
    case .verdict(let verdict, let reasons):
      "the image's verdict is \(verdict.rawValue)"
        + (reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; "))
    case .notCovered(let object): "no signature covers object \(object)"
    case .writable(let path, let how):
      "\(path.string) \(how): it could be altered after verification"
    case .fault(let fault): fault.description
    }
  }
}
