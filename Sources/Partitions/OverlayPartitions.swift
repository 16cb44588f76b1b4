public import SIF

extension Partition {
  /// The partitions that belong over this one: those of the type overlay in its group.
  public var overlays: [Descriptor] {
    guard let image, let object else { return [] }
    return image.objects(ofType: .partition).filter { other in
      other.id != object.id && other.group == object.group && other.isOverlay
    }
  }
}

extension Descriptor {
  /// Whether the object is a partition that belongs over another one.
  public var isOverlay: Bool {
    if case .partition(let partition) = metadata { partition.type == .overlay } else { false }
  }
}
