extension Array {
  /// The place of the first element that is not before what is looked for, found by binary search; ``count`` where all are.
  ///
  /// - Parameter isBefore: holds for the elements up to some place, and for none after it.
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
  /// Whether an element is in an array that is sorted.
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
