public import SIF

extension Partition {
  /// The partitions that the runtimes lay over this one: those of the type overlay in its group. They are not read here,
  /// so their files are missing.
  public var overlays: [Descriptor] {
    guard let image, let object else { return [] }
    return image.objects(ofType: .partition).filter { other in
      guard other.id != object.id, other.group == object.group, case .partition(let metadata) = other.metadata
      else { return false }
      return metadata.type == .overlay
    }
  }
}
