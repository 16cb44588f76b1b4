extension Array {
  /// The index of the first element for which `isBefore` is false, found by binary search; ``count`` if there
  /// is none.
  ///
  /// - Parameter isBefore: true for the elements up to some index, and false after it.
  package func binarySearch(_ isBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

extension Array where Element: Comparable {
  /// Whether a sorted array contains an element.
  package func containsSorted(_ element: Element) -> Bool {
    let place = binarySearch { $0 < element }
    return place < count && self[place] == element
  }

  /// A sorted array with each element once.
  package var withoutRepetitions: [Element] {
    var result: [Element] = []
    for element in self where element != result.last { result.append(element) }
    return result
  }
}
