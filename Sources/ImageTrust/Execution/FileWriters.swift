import Glibc
import LinuxSystem
public import SIF
import SystemPackage

/// Finds out whether others can change the file of an image after it was verified
/// (spec/runtime.md, "Who can write the file").
public enum FileWriters {
  /// Refuses an open file that anybody but root and this user can write, or that a process has open for writing.
  ///
  /// - Throws: ``ImageRefusal/writable(_:_:)``, with advice on what to do.
  public static func refuse(_ storage: FileStorage) throws(ImageRefusal) {
    let reason: String?
    do {
      reason = try storage.withDescriptor { (file) throws(SystemError) in try why(file) }
    } catch {
      throw .fault(error)
    }
    if let reason { throw .writable(storage.path, reason) }
  }

  /// The reason why others can write a file; nil if nobody can.
  private static func why(_ file: borrowing OwnedDescriptor) throws(SystemError) -> String? {
    let status = try file.status()
    let user = geteuid()
    guard status.st_uid == 0 || status.st_uid == user else {
      return "belongs to user \(status.st_uid), who can write it (use a copy of your own)"
    }
    if status.st_mode & 0o002 != 0 { return "can be written by everybody (chmod o-w prevents that)" }
    // With an access control list these bits are its mask: if they are not set, the list lets nobody write.
    if status.st_mode & 0o020 != 0,
      file.hasAttribute(accessList) || !isPrivate(group: status.st_gid, of: user)
    {
      return "can be written by group \(status.st_gid), or by others that its access control list names "
        + "(chmod g-w prevents that)"
    }
    // Another name may be in a directory that the program sees, and the program could open it for writing.
    if status.st_nlink > 1 {
      return "has \(status.st_nlink) names (hard links), and only this one is protected (use a copy)"
    }
    return file.hasWriter() ? "is open for writing in another process (wait for it, or use a copy)" : nil
  }

  private static let accessList = Array("system.posix_acl_access".utf8)

  /// Whether a group is private to a user: the user's own group, of the same name, without other members.
  private static func isPrivate(group: gid_t, of user: uid_t) -> Bool {
    guard group == getegid(), let entry = getpwuid(user), entry.pointee.pw_gid == group,
      let found = getgrgid(group)
    else { return false }
    let name = String(cString: entry.pointee.pw_name)
    guard String(cString: found.pointee.gr_name) == name, var member = found.pointee.gr_mem else {
      return false
    }
    while let text = member.pointee {
      if String(cString: text) != name { return false }
      member += 1
    }
    return true
  }
}
