import SIF

/// Objects whose descriptors are left: in an unused slot, or in the table of an image whose header is
/// damaged.
enum DescriptorRemains {
  /// The items at the extents that such descriptors state.
  ///
  /// - Parameter unclaimed: the ranges outside of all objects.
  static func items(of image: LenientImage, unclaimed: [Range<Int64>]) -> [CarvedItem] {
    var items: [CarvedItem] = []
    var budget = max(2 * image.fileSize, 0)
    for descriptor in image.remains {
      add(descriptor, "an unused slot still describes it", image, unclaimed, &items, &budget)
    }
    for descriptor in (try? image.orphans()) ?? [] {
      add(
        descriptor, "a descriptor that the damaged header leaves out describes it", image, unclaimed, &items,
        &budget)
    }
    return items
  }

  private static func isPlausible(_ descriptor: Descriptor, _ fileSize: Int64) -> Bool {
    guard let end = descriptor.end else { return false }
    return descriptor.offset >= Int64(Header.byteCount) && descriptor.size > 0 && end <= fileSize
  }

  private static func add(
    _ descriptor: Descriptor, _ origin: String, _ image: LenientImage, _ unclaimed: [Range<Int64>],
    _ items: inout [CarvedItem], _ budget: inout Int64
  ) {
    guard isPlausible(descriptor, image.fileSize), let end = descriptor.end else { return }
    let range = descriptor.offset..<end
    let free = freeBytes(range, unclaimed)
    let window = StorageWindow(image.storage, range)
    var kind = window.content
    if kind == .zeros {
      // Many slots may claim the whole file; the budget keeps it from being searched for data again and
      // again.
      if descriptor.size <= budget, window.dataBounds() != nil { kind = .data }
      budget -= min(descriptor.size, budget)
    }
    let name = "\(descriptor.dataType.name)\(descriptor.quotedName)"
    let (confidence, reason): (CarvedItem.Confidence, String) =
      if kind == .zeros {
        (.low, "\(origin): \(name); its bytes are zeros, as if wiped")
      } else if free == 0 {
        (.low, "\(origin): \(name); other objects lie there now")
      } else if free < descriptor.size {
        (.low, "\(origin): \(name); other objects lie on \(descriptor.size - free) of its bytes now")
      } else if descriptor.dataType.fits(kind) {
        (.high, "\(origin): \(name), which its bytes confirm")
      } else {
        (.medium, "\(origin): \(name)")
      }
    items.append(
      CarvedItem(
        offset: descriptor.offset, length: descriptor.size, kind: kind, confidence: confidence,
        reason: reason,
        isComplete: free == descriptor.size, descriptor: descriptor))
  }
}

extension DescriptorRemains {
  /// The number of bytes of a range outside of all objects; the stretches are in the order of the file.
  private static func freeBytes(_ range: Range<Int64>, _ unclaimed: [Range<Int64>]) -> Int64 {
    var (low, high) = (0, unclaimed.count)
    while low < high {
      let middle = (low + high) / 2
      if unclaimed[middle].upperBound <= range.lowerBound { low = middle + 1 } else { high = middle }
    }
    var free: Int64 = 0
    // An object in more pieces than this is lost anyway.
    for stretch in unclaimed[low...].prefix(1000) {
      guard stretch.lowerBound < range.upperBound else { break }
      free += Int64(stretch.clamped(to: range).count)
    }
    return free
  }
}

extension DataType {
  /// Whether contents are of a kind that such an object commonly holds.
  fileprivate func fits(_ kind: ContentKind) -> Bool {
    switch self {
    case .partition: [.squashfs, .luks, .ext].contains(kind)
    case .signature: [.clearSigned, .json].contains(kind)
    case .labels, .genericJSON, .ociRootIndex: kind == .json
    case .definitionFile, .environmentVariables: [.text, .script].contains(kind)
    case .cryptographicMessage: [.pem, .armor].contains(kind)
    default: false
    }
  }
}
