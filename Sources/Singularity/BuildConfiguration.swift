import CommandKit

/// Where the files of a site are, in the form that programs read.
enum BuildConfiguration {
  static func text(of name: RuntimeName) -> String {
    let key = name.variables
    let directory = "/etc/\(name.program)"
    return [
      "PACKAGE_NAME=\(name.program)", "PACKAGE_VERSION=\(name.number)", "\(key)CONFDIR=\(directory)",
      "\(key)CONF_FILE=\(directory)/\(name.program).conf", "CAPABILITY_FILE=\(directory)/capability.json",
      "ECL_FILE=\(directory)/ecl.toml", "REMOTE_CONF_FILE=\(directory)/remote.yaml", "\(key)SUID_INSTALL=0",
    ].map { "\($0)\n" }.joined()
  }
}
